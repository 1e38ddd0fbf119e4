"""Turn a trained judge's updates into what ships: eight-bit matrices in small files, and a card.

python -m training.export_judge run/judge grader/weights/judge
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save

from grader.judge.adapter import CARD, FACTS, SHARDS, load_adapter
from grader.judge.base import FILE, REPO_ID, SHA256
from training.card import commands, provenance, quantise
from training.measure import read_report

PLACES = {"pairs", "pool", "model"}
SHARD_BYTES = 15 * 2**20  # with its header a file stays under 16 MiB


def compress(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Eight bits for the updates' matrices, float16 for the classifier."""
    out: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith("head."):
            out[name] = tensor.half()
        else:
            out[name], out[f"{name}.scale"] = quantise(tensor.float())
    return out


def pack(tensors: Mapping[str, torch.Tensor], limit: int = SHARD_BYTES) -> list[bytes]:
    """Files of at most about ``limit`` bytes, in the order of the tensors."""
    shards: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if shards[-1] and size + tensor.nbytes > limit:
            shards.append({})
            size = 0
        shards[-1][name] = tensor.contiguous()
        size += tensor.nbytes
    return [save(shard) for shard in shards]


def export(run: Path, out: Path) -> dict[str, str]:
    """Write a run's updates for the grader: the SHA-256 of each file."""
    tensors = load_adapter(run).tensors
    facts = json.loads((run / FACTS).read_text())
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob(SHARDS):
        old.unlink()
    files = pack(compress(tensors))
    hashes = {}
    for index, file in enumerate(files, 1):
        name = f"adapter-{index}-of-{len(files)}.safetensors"
        (out / name).write_bytes(file)
        hashes[name] = hashlib.sha256(file).hexdigest()
    kept = {name: facts[name] for name in ("layout", "rank", "alpha")}
    (out / FACTS).write_text(json.dumps({**kept, "sha256": hashes}, indent=1) + "\n")
    return hashes


def error(run: Path, out: Path) -> float:
    """Largest relative error of an update, as a share of its size (Frobenius), that eight bits cost."""
    before, after = load_adapter(run), load_adapter(out)
    worst = 0.0
    for layer in {name.removesuffix(".a") for name in before.tensors if name.endswith(".a")}:
        exact, kept = (x.tensors[f"{layer}.b"].float() @ x.tensors[f"{layer}.a"].float() for x in (before, after))
        worst = max(worst, float((exact - kept).norm() / exact.norm().clamp(min=1e-12)))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--measured", type=Path, help="the run that this one continued, which held questions out")
    parser.add_argument("--pairs", type=Path, help="what the run learned from; the file that its report names")
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    hashes = export(args.run, args.out)
    report = read_report(args.run)
    card = {
        "base": f"{REPO_ID}/{FILE}",
        "base_sha256": SHA256,
        "revision": load_adapter(args.out).digest,
        "sha256": hashes,
        "commands": commands("training.train_judge", [*([args.measured] if args.measured else []), args.run], PLACES),
        "measured": args.measured and read_report(args.measured)["report"],
        "update_error": round(error(args.run, args.out), 5),
        **provenance(args.pairs or Path(report["args"]["pairs"]), args.shared),
    }
    (args.out / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    size = sum((args.out / name).stat().st_size for name in hashes)
    print(f"{size / 1e6:.1f} MB in {len(hashes)} files in {args.out}, update error {card['update_error']:.4f}")


if __name__ == "__main__":
    main()
