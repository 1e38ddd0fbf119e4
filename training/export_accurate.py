"""Turn a run of ``training.train_pair`` on mpnet into the weights that ship: eight-bit low-rank updates and a card.

python -m training.export_accurate mpnet-final --measured mpnet-dev $from --out grader/weights/mpnet
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from grader.mpnet import ADAPTER, HEAD, REPO_ID, REVISION, SHA256, TENSORS
from grader.shipped import CARD
from training.card import commands, provenance, quantise
from training.lora import SCALE
from training.measure import read_report


def adapter(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors to ship, as ``grader.mpnet.Added`` names them, from what a run saved.

    Raises:
        SystemExit: The run trained whole matrices.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name.startswith(HEAD):
            tensors[name] = value.half()
        elif name.endswith((".a", ".b")):
            short = name.removeprefix("encoder.")
            tensors[short], tensors[f"{short}.scale"] = quantise(value.float())
        else:
            raise SystemExit(f"{name} is no low-rank update: train with --method lora")
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--after", type=Path, nargs="*", default=[], help="runs that this one continued, first to last")
    parser.add_argument("--measured", type=Path, help="run that held questions out, and was measured on those")
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    base = read_report(args.run)["args"]["base"]
    if base != REPO_ID:
        raise SystemExit(f"{args.run} was trained on {base}, not on {REPO_ID}")
    data = save(adapter(load_file(args.run / "state.safetensors")))
    card = {
        "base": REPO_ID,
        "revision": REVISION,
        "base_sha256": SHA256[TENSORS],
        "sha256": hashlib.sha256(data).hexdigest(),
        "scale": SCALE,
        "commands": commands("training.train_pair", [*args.after, args.run], {"pairs", "pool"}),
        "measured": read_report(args.measured or args.run)["report"],
        **provenance(args.pairs, args.shared),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / ADAPTER).write_bytes(data)
    (args.out / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(data) / 1e6:.1f} MB in {args.out}")


if __name__ == "__main__":
    main()
