"""How fast attention runs beside the best other kernels: ``grader attention bench`` into this folder's results.

    python benchmarks/attention.py

Appends to ``benchmarks/results/attention.jsonl``: the machine with its ceilings, then a line for each competitor on
each problem. Options are those of the command.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grader.cli import app

if __name__ == "__main__":
    app(["attention", "bench", "--out", str(Path(__file__).parent / "results/attention.jsonl"), *sys.argv[1:]])
