"""A long run of ``grader batch`` killed again and again and resumed: is the output that of an undisturbed run?

    python benchmarks/resume.py --shared ../shared/data [--rows 100000] [--kills 3]

The answers are the in-domain ones, repeated as classes repeat them. Each kill is a ``kill -9`` at another moment of the
run; the exit code is 1 where a byte differs.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _machine import machine
from _works import Work, repeated

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "resume.jsonl"


def start(work: Work, out: Path, how: str) -> subprocess.Popen[bytes]:
    """Begin to grade into ``out``."""
    command = [sys.executable, "-m", "grader", "batch", work.file, "--quiz", work.quiz, "--out", out, how]
    return subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=subprocess.DEVNULL)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a run.

    Raises:
        SystemExit: It failed.
    """
    if process.wait() not in {0, 1}:
        raise SystemExit(f"grader batch ended with {process.returncode}")


def kill(process: subprocess.Popen[bytes], after_s: float) -> float:
    """Kill a run after so many seconds, and give them.

    Raises:
        SystemExit: It was done before.
    """
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return after_s
    raise SystemExit(f"the run ended within {after_s:.0f} s, before it could be killed; give it more --rows")


def main() -> None:
    """Run, kill, resume, compare, append."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work, whole, out = repeated(args.shared, folder, args.rows), folder / "whole.jsonl", folder / "killed.jsonl"
        began = time.perf_counter()
        finish(start(work, whole, "--restart"))
        took_s = time.perf_counter() - began
        step_s = took_s / (args.kills + 1)  # so that some of the work is always left
        moments = [step_s * (0.7 + 0.3 * number / args.kills) for number in range(args.kills)]
        killed = [
            kill(start(work, out, "--resume" if number else "--restart"), after_s)
            for number, after_s in enumerate(moments)
        ]
        finish(start(work, out, "--resume"))
        same = filecmp.cmp(whole, out, shallow=False)
    row = {
        "rows": args.rows,
        "whole_s": round(took_s, 1),
        "killed_after_s": [round(s, 1) for s in killed],
        "same": same,
    }
    print(json.dumps(row))
    with RESULTS.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({**row, **machine()}) + "\n")
    if not same:
        raise SystemExit("the resumed output differs from the undisturbed one")


if __name__ == "__main__":
    main()
