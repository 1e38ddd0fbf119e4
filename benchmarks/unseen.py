"""How the grader that ships does on questions that none of its models was ever trained or tuned on.

    python benchmarks/unseen.py [--tier accurate] [--judge local] [--judge-when always] [--limit N] [--out FILE]

``benchmarks/unseen`` holds 24 questions written for this alone, on attention and serving and on science and computing,
each with 28 answers in two languages; nothing in ``training/`` reads them. Half of the right answers keep close to the
reference's words, half of the contradictory ones too, and many a right answer begins with *No*.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from _labelled import QUESTIONS, read_labelled
from _machine import machine

from grader.grade import Grader
from grader.judge.settings import When, choose_judge
from grader.records import to_record
from grader.report.agreement import calibration_error, reliability
from grader.schema import Grade, Submission, Verdict
from grader.tiers import TIERS

UNSEEN = Path(__file__).parent / "unseen"
PASSED = Verdict.CORRECT
CLOSE = "near-copy"


@dataclass(frozen=True)
class Graded:
    """One answer with the person's label and the grade.

    Args:
        row: As the file has it.
        grade: What the grader made of it.
    """

    row: dict
    grade: Grade

    @property
    def label(self) -> Verdict:
        """What the person said."""
        return Verdict(self.row["verdict"])


def grade_all(part: str, args: argparse.Namespace) -> list[Graded]:
    """Grade one part's answers.

    Raises:
        SystemExit: One was left unscored.
    """
    quiz, rubric, rows = read_labelled(UNSEEN / f"{part}.{QUESTIONS}")
    if args.limit:
        rows = random.Random(0).sample(rows, min(args.limit, len(rows)))
    judge = choose_judge(args.judge, when=args.judge_when)
    grader = Grader.open(quiz, rubric, tier=args.tier, judge=judge)
    given = [Submission(row["id"], row["question_id"], row["answer"], lang=row["lang"]) for row in rows]
    graded = []
    for row, grade in zip(rows, grader.grade(given), strict=True):
        if not isinstance(grade, Grade):
            raise SystemExit(f"{row['id']} was not graded: {grade}")
        graded.append(Graded(row, grade))
    return graded


def share(rows: Sequence[Graded], is_so: Callable[[Graded], bool]) -> float:
    """Share of the answers of which something is so; not a number where there is none."""
    return sum(map(is_so, rows)) / len(rows) if rows else float("nan")


def measure(rows: Sequence[Graded]) -> dict[str, float]:
    """Shares of the answers, 0 to 1."""
    right = [r for r in rows if r.label is PASSED]
    against = [r for r in rows if r.label is Verdict.CONTRADICTORY]
    confidence = np.array([r.grade.confidence for r in rows])
    verdict_right = np.array([r.label is r.grade.verdict for r in rows])
    found = {
        "verdict": share(rows, lambda r: r.label is r.grade.verdict),
        "passed or not": share(rows, lambda r: (r.label is PASSED) == (r.grade.verdict is PASSED)),
        "right passed": share(right, lambda r: r.grade.verdict is PASSED),
        "close right passed": share([r for r in right if r.row["style"] == CLOSE], lambda r: r.grade.verdict is PASSED),
        "right held contradictory": share(right, lambda r: r.grade.verdict is Verdict.CONTRADICTORY),
        "contradictory passed": share(against, lambda r: r.grade.verdict is PASSED),
        "for review": share(rows, lambda r: r.grade.needs_review),
        "calibration error": calibration_error(reliability(confidence, verdict_right)) or 0.0,
    }
    return {name: round(value, 3) for name, value in found.items()}


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tier", choices=TIERS, default="embedded")
    parser.add_argument("--judge", default="none")
    parser.add_argument("--judge-when", choices=get_args(When), default="unsure")
    parser.add_argument("--limit", type=int, default=0, help="answers of each part, drawn with a seed; 0 for all")
    parser.add_argument("--out", type=Path, help="every answer with its grade, JSON Lines")
    args = parser.parse_args()
    parts = {part: grade_all(part, args) for part in ("attention", "science")}
    sets = {
        f"{part}, {lang}": [r for r in rows if r.row["lang"] == lang]
        for part, rows in parts.items()
        for lang in ("en", "es")
    }
    sets["all"] = [row for rows in parts.values() for row in rows]
    measured = {name: {"answers": len(rows), **measure(rows)} for name, rows in sets.items()}
    print("| | " + " | ".join(measured) + " |")
    print("|---" * (len(measured) + 1) + "|")
    for figure in measured["all"]:
        print(f"| {figure} | " + " | ".join(str(row[figure]) for row in measured.values()) + " |")
    asked = {"limit": args.limit} if args.judge == "none" else {"limit": args.limit, "when": args.judge_when}
    results = Path(__file__).parent / "results" / "unseen.jsonl"
    with results.open("a", encoding="utf-8") as lines:
        lines.writelines(
            json.dumps({"set": name, "tier": args.tier, "judge": args.judge, **asked, **row, **machine()}) + "\n"
            for name, row in measured.items()
        )
    if args.out:
        whole = ({**r.row, "grade": to_record(r.grade)} for r in sets["all"])
        args.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in whole), encoding="utf-8")


if __name__ == "__main__":
    main()
