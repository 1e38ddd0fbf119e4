"""What every set of weights that ships has: eight-bit matrices, and a card that says what made them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch

from training.measure import read_report

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
LEAST_SCALE = 2.0**-24  # the smallest float16 above zero


def quantise(delta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight bits with one scale a row (float16)."""
    scale = (delta.abs().amax(dim=1, keepdim=True) / 127).clamp(min=LEAST_SCALE).half()
    return (delta / scale.float()).round().clamp(-127, 127).to(torch.int8), scale


def command(module: str, args: Mapping[str, object], left_out: Collection[str]) -> str:
    """Word the command line that a run was started with.

    Args:
        module: The program.
        args: As ``report.json`` keeps them.
        left_out: Names of places, which differ from machine to machine.
    """
    options = (
        f"--{name.replace('_', '-')}{'' if value is True else f' {_word(value)}'}"
        for name, value in args.items()
        if name not in left_out and value is not False and value not in ("", [], math.inf)
    )
    return f"python -m {module} {' '.join(options)}"


def _word(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def commands(module: str, runs: Iterable[Path], left_out: Collection[str]) -> list[str]:
    """Command lines of runs, each of which continued from the one before."""
    return [command(module, read_report(run)["args"], left_out) for run in runs]


def provenance(pairs: Path, shared: Path) -> dict[str, object]:
    """Hashes of everything that was learned from, and its licences."""
    files = sorted(path for path in shared.rglob("*") if path.suffix in {".gz", ".jsonl", ".yaml"})
    authored = sorted((Path(__file__).parent / "authored").iterdir())
    return {
        "pairs_sha256": _digest(pairs),
        "data_sha256": {str(path.relative_to(shared)): _digest(path) for path in files}
        | {f"training/authored/{path.name}": _digest(path) for path in authored},
        "licences": LICENCES,
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
