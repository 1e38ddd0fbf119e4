"""``grader batch`` killed at random moments: nothing is lost and nothing is doubled."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROWS = 1500
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE.parent}", "SLOW_S": "0.0002"}


def run_until(kill_after_s, *arguments: object) -> int:
    """Run ``grader batch`` and kill it after so many seconds; give its exit code, which is -9 where that came first."""
    command = [sys.executable, HERE / "slow_main.py", "batch", *arguments]
    process = subprocess.Popen([str(part) for part in command], env=ENVIRONMENT, stderr=subprocess.PIPE)  # noqa: S603 -- our own command
    try:
        process.wait(kill_after_s)
    except subprocess.TimeoutExpired:
        process.kill()
    _, error = process.communicate(timeout=60)
    assert process.returncode in {-9, 0}, error.decode()
    return process.returncode


@pytest.mark.parametrize(
    ("name", "kills"),
    [
        *(pytest.param(name, 4) for name in ("g.jsonl", "g.csv", "g.parquet")),
        *(
            pytest.param(f"g.{form}", n, marks=pytest.mark.slow)
            for form, n in (("jsonl", 30), ("csv", 10), ("parquet", 10))
        ),
    ],
)
def test_a_run_killed_at_random_moments_ends_with_the_bytes_of_an_undisturbed_one(quiz, tmp_path, kills, name):
    source, out, whole = tmp_path / "a.jsonl", tmp_path / name, tmp_path / f"whole-{name}"
    rows = [{"submission_id": f"s{n}", "question_id": "q-1", "answer": f"partial {n % 1000}"} for n in range(ROWS)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    started = time.monotonic()
    assert run_until(60, source, "--quiz", quiz, "--out", whole) == 0
    longest = time.monotonic() - started
    moments = random.Random(kills)  # noqa: S311 -- a seed makes the moments repeatable
    killed = finished = 0
    restart = "--restart"
    while killed < kills or restart == "--resume":
        moment = moments.uniform(0.2, 1.1) * longest if killed < kills else 60
        code = run_until(moment, source, "--quiz", quiz, "--out", out, restart)
        killed += code == -9
        restart = "--resume"
        if code == 0:
            assert out.read_bytes() == whole.read_bytes()
            finished += 1
            restart = "--restart"
    assert finished
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []
