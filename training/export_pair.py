"""Turn a trained pair model into the weights that ship: eight-bit differences from the base, and a card.

python -m training.export_pair run/ --pairs pairs.jsonl.gz --shared ../shared/data --out grader/weights/pair-e5
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from grader.e5 import MODEL_ID, SHA256, build_model
from training.card import commands, provenance, quantise
from training.measure import read_report


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--after", type=Path, nargs="*", default=[], help="runs that this one continued, first to last")
    parser.add_argument("--measured", type=Path, help="which of them held questions out, and was measured on those")
    parser.add_argument("--onto", type=Path, help="card of the shipped weights that the first of them started from")
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    state = load_file(args.run / "state.safetensors")
    base = dict(build_model().named_parameters())
    tensors: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name.startswith("head."):
            tensors[name] = value.half()
            continue
        delta = value.float() - base[name.removeprefix("encoder.")].detach()
        if delta.ndim == 2:
            tensors[name], tensors[f"{name}.scale"] = quantise(delta)
        else:
            tensors[name] = delta
    args.out.mkdir(parents=True, exist_ok=True)
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    (args.out / "pair.safetensors").write_bytes(data)
    report = read_report(args.run)
    before = json.loads(args.onto.read_text()) if args.onto else {"commands": [], "measured": None}
    card = {
        "base": MODEL_ID,
        "base_sha256": SHA256,
        "sha256": hashlib.sha256(data).hexdigest(),
        "hidden": 384,
        "apart": report["args"]["apart"],
        "commands": [*before["commands"], *commands("training.train_pair", [*args.after, args.run], {"pairs", "pool"})],
        "continues": args.onto and {"sha256": before["sha256"], "pairs_sha256": before["pairs_sha256"]},
        "measured": read_report(args.measured)["report"] if args.measured else before["measured"],
        **provenance(args.pairs, args.shared),
    }
    (args.out / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(data) / 1e6:.1f} MB in {args.out}")


if __name__ == "__main__":
    main()
