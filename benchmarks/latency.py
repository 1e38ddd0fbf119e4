"""How long one learner waits: the sample answers to free questions, graded one at a time, warm.

    python benchmarks/latency.py

Each answer is graded once to warm up (its question's statements are then read and kept), then ``ROUNDS`` times.
The peer in the same run is the time that ``grader.embed`` takes for the same text alone, one pass of the encoder.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from grader.embed import load_embedder
from grader.grade import Grader
from grader.load import load_quiz, load_rubric, read_submissions
from grader.resources import find_quiz, find_rubric
from grader.schema import Submission

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5


def milliseconds(work: Callable[[], object]) -> float:
    """Median of some rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Grade, time, print, and add the result to ``benchmarks/results``."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    path = find_quiz("phase-27-modern-attention")
    quiz = load_quiz(path)
    found = find_rubric(path, quiz.id)
    if found is None:
        raise SystemExit("the quiz's rubric is missing")
    start = time.perf_counter()
    grader = Grader.open(quiz, load_rubric(found, quiz))
    opened_s = time.perf_counter() - start
    free = {question.id for question in quiz.questions if question.type == "free"}
    rows = [
        row for row in read_submissions(str(ROOT / "data/examples/submissions.jsonl")) if isinstance(row, Submission)
    ]
    answers = [row for row in rows if row.question_id in free and isinstance(row.answer, str)]
    grader.grade(answers)
    embedder = load_embedder()
    ours = [milliseconds(lambda row=row: grader.grade([row])) for row in answers]
    peer = [milliseconds(lambda row=row: embedder.encode([row.answer])) for row in answers]
    result = {
        "answers": len(answers),
        "open_s": round(opened_s, 1),
        "warm_ms_median": round(statistics.median(ours)),
        "warm_ms_max": round(max(ours)),
        "encoder_pass_ms_median": round(statistics.median(peer)),
        "ratio": round(statistics.median(ours) / statistics.median(peer), 1),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }
    print(json.dumps(result))
    with (ROOT / "benchmarks/results/latency.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
