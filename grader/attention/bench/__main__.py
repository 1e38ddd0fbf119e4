"""``python -m grader.attention.bench``: the bench with nothing but PyTorch, Triton and rich."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch
from rich.console import Console

from grader.attention.bench import SECTIONS, Machine, append, measure_ceilings, read, run_bench, show


def main() -> int:
    """Run, print the table, write the file; 1 where a result was wrong."""
    parser = argparse.ArgumentParser(prog="python -m grader.attention.bench", description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--section", action="append", choices=SECTIONS)
    parser.add_argument("--resume", action="store_true", help="keep what the file holds of this machine")
    parser.add_argument("--limit-s", type=float, default=math.inf)
    options = parser.parse_args()
    if options.resume and options.out is None:
        parser.error("--resume needs --out")
    device = torch.device(options.device)
    machine, ceilings = Machine.of(device), measure_ceilings(device)
    rows = read(options.out, machine) if options.resume else []
    if options.out is not None:
        append(options.out, machine, ceilings)
    for row in run_bench(
        device,
        ceilings,
        quick=options.quick,
        sections=options.section or SECTIONS,
        done={row.key for row in rows},
        limit_s=options.limit_s,
    ):
        rows.append(row)
        print(f"{row.section} {row.case} {row.peer} {row.rate or row.note}", file=sys.stderr, flush=True)  # noqa: T201 - progress
        if options.out is not None:
            append(options.out, row)
    Console(width=None if sys.stdout.isatty() else 120).print(show(machine, ceilings, rows))
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
