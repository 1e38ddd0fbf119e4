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
from training.pairs import digest

LICENCES = {
    "SciEntsBank, Beetle (SemEval-2013 Task 7)": "CC BY-SA 3.0",
    "SAF (communication networks)": "MIT",
    "STITA": "CC BY-SA 4.0",
    "SNLI as redistributed with e-SNLI": "MIT",
    "Counterfactually augmented NLI": "Apache-2.0",
    "ConjNLI": "MIT",
    "Hossain et al. negation benchmark": "MIT",
    "CANNOT": "CC BY-SA 4.0",
    "Fool Me Twice": "Apache-2.0",
    "ScoNe-NLI": "CC0",
    "CondaQA": "Apache-2.0",
    "EntailmentBank": "Apache-2.0",
    "EVOUNA": "Apache-2.0",
    "STS-B multilingual": "CC BY-SA 4.0",
    "PAWS-X": "free for any purpose",
    "Answers written for this project (training/authored)": "Apache-2.0",
}


def quantise(delta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight bits with one scale a row (float16)."""
    scale = (delta.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-8).half()
    return (delta / scale.float()).round().clamp(-127, 127).to(torch.int8), scale


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
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
    report = json.loads((args.run / "report.json").read_text())
    files = sorted(path for path in args.shared.rglob("*") if path.suffix in {".gz", ".jsonl", ".yaml"})
    authored = sorted((Path(__file__).parent / "authored").iterdir())
    card = {
        "base": MODEL_ID,
        "base_sha256": SHA256,
        "sha256": hashlib.sha256(data).hexdigest(),
        "hidden": 384,
        "apart": report["args"]["apart"],
        "command": "python -m training.train_pair "
        + " ".join(
            f"--{k.replace('_', '-')}{'' if v is True else f' {v}'}"
            for k, v in report["args"].items()
            if k not in {"pairs", "out", "init", "save_stage1"} and v not in {"", False}
        ),
        "pairs_sha256": digest(args.pairs),
        "data_sha256": {str(path.relative_to(args.shared)): digest(path) for path in files}
        | {f"training/authored/{path.name}": digest(path) for path in authored},
        "licences": LICENCES,
    }
    (args.out / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(data) / 1e6:.1f} MB in {args.out}")


if __name__ == "__main__":
    main()
