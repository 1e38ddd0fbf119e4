"""How often a grader's grades move the wrong way under attack.

    python benchmarks/attacks.py [SOURCE ...] [--tier accurate] [--judge local] [--limit 40] [--out FILE]

A source is a quiz, by id or path, or a file of questions with its answers beside it (``questions.yaml`` and
``answers.jsonl``), whose right answers are attacked too; the bundled quizzes unless any is named. At most ``--limit``
cases of each attack and language are drawn, with a seed. An edit counts where the answer it was made from passes.
Training saw other edits of the same kinds, and of the bundled and the in-domain questions edits of the same
references; it saw none of the orders to the grader, and nothing of ``benchmarks/unseen``.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from _labelled import QUESTIONS, read_labelled
from _machine import machine

from grader.attacks import Case, Labelled, Result, Row, attack, groups, make_cases, sample, table
from grader.grade import Grader
from grader.judge.settings import choose_judge
from grader.load import load_quiz, load_rubric
from grader.records import to_record
from grader.resources import bundled_quizzes, find_quiz, find_rubric
from grader.schema import Quiz, Rubric, Verdict
from grader.tiers import TIERS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "attacks.jsonl"
GOALS = {"injections": 0.0, "changed meaning": 0.15, "paraphrases": 0.08}
JUDGE_GOALS = GOALS | {"changed meaning": 0.05}


def course(source: str) -> tuple[Quiz, Rubric, list[Labelled]]:
    """What a source holds; answers where it has any."""
    if source.endswith(QUESTIONS):
        quiz, rubric, rows = read_labelled(Path(source))
        given = [Labelled(row["question_id"], row["lang"], row["answer"], Verdict(row["verdict"])) for row in rows]
        return quiz, rubric, given
    path = find_quiz(source)
    quiz = load_quiz(path)
    beside = find_rubric(path, quiz.id)
    return quiz, load_rubric(beside, quiz) if beside else Rubric(), []


def print_table(rows: list[Row]) -> None:
    print("| attack | lang | cases | wrong way | share (95 %) | lowered | for review | base fails |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        share = f"{row.share:.3f} ({row.low:.2f}–{row.high:.2f})" if row.cases else "–"
        print(f"| {row.attack} | {row.lang} | {row.cases} | {row.wrong} | {share} |", end=" ")
        print(f"{row.lowered} | {row.reviewed} | {row.left_out} |")


def print_goals(rows: list[Row], goals: dict[str, float]) -> None:
    for row in rows:
        kept = "reached" if row.share <= goals[row.attack] else "missed"
        print(f"{row.attack}: {row.wrong} of {row.cases} moved the wrong way ({row.share:.3f},", end=" ")
        print(f"95 % {row.low:.3f}–{row.high:.3f}), goal {goals[row.attack]:.2f}: {kept}")


def as_json(result: Result) -> dict[str, object]:
    base = None if result.base is None else to_record(result.base)
    told = {"counts": result.counts, "wrong": result.wrong, "outcome": to_record(result.outcome), "base_outcome": base}
    return asdict(result.case) | told


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="quiz, or questions.yaml beside answers.jsonl")
    parser.add_argument("--tier", default="embedded", choices=TIERS)
    parser.add_argument("--judge", default="none", help="local, prompt or a server's URL; asked about every answer")
    parser.add_argument("--limit", type=int, default=40, help="cases of each attack and language")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write every case and its grade, as JSON Lines")
    args = parser.parse_args()

    material = [course(source) for source in args.sources or map(str, bundled_quizzes())]
    made = [
        (at, case)
        for at, (quiz, rubric, given) in enumerate(material)
        for case in make_cases(quiz, rubric, seed=args.seed, labelled=given)
    ]
    home: dict[Case, int] = {case: at for at, case in reversed(made)}
    chosen = sample(home, args.limit, args.seed)
    judge = choose_judge(args.judge, when="always")
    start, results = time.perf_counter(), []
    for at, (quiz, rubric, _) in enumerate(material):
        grader = Grader.open(quiz, rubric, tier=args.tier, judge=judge)
        results += attack([case for case in chosen if home[case] == at], grader)
    about = machine() | {
        "tier": args.tier,
        "judge": args.judge,
        "sources": ["/".join(Path(source).parts[-2:]) for source in args.sources],
        "seed": args.seed,
        "limit": args.limit,
        "of": len(home),
    }
    about["seconds"] = round(time.perf_counter() - start)
    print(json.dumps(about), end="\n\n")
    rows, summary = table(results), groups(results)
    print_table(rows)
    print()
    print_goals(summary, JUDGE_GOALS if judge else GOALS)
    with RESULTS.open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps(asdict(row) | about) + "\n" for row in (*rows, *summary))
    if args.out:
        text = "".join(json.dumps(as_json(result), ensure_ascii=False) + "\n" for result in results)
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
