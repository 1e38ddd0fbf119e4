"""How well answers are graded that belong to questions never trained on, beside four simple ways to grade them.

    runs="--runs pair-dev --accurate-runs mpnet-dev --judge-runs judge-dev"
    python benchmarks/grading.py --shared ../shared/data $runs

``training/README.md`` tells how to make the runs.

Everything is out of fold, by question: a run's predictions count only for questions of which it saw no answer, and the
rule's regressions, and the shares of mpnet and the judge, are fitted again in five grouped folds, as
``training.fit_rule`` prints them but for its answers without content. The weights that ship saw every one of these
answers, so they would look better here than they are. What is not out of fold: the patterns of ``grader.guard``, which
leaves an answer empty (then it is non_domain); the calibration that tells when the tier is unsure, two numbers for each
language; and the models' shapes and the choice of the rule's features, made with some of these folds in view. Of
SciEntsBank's modules PS and LF no model saw anything; the regressions and the peers saw other questions of them.

The peers are fitted for each kind of source and language by itself, on the other folds:

* majority: the most frequent label.
* question alone: the most frequent label of the question's other answers, whatever the answer says. In grouped folds it
  is the majority, so its folds divide answers instead: nothing else here sees labels of the same question. Where each
  question has the same mix of labels it falls below chance, as the label left out is the rarer one among the rest.
* token overlap: word F1 with the closest reference.
* MiniLM cosine: ``sentence-transformers/all-MiniLM-L6-v2``, with the closest reference.

Overlap and cosine say *correct* from the threshold with the best macro-F1 on; their five labels and confidence come
from a logistic regression on the one number, their score from a line. Peers read the raw answer; the guard is ours.

The gold score is what ``grader.match.conclude`` makes of the labelled verdict and criteria: points over full mark, or
1, .5 and 0 where there is no rubric. Ours is likewise the score that a learner gets; a peer's line is free to hedge.
Confidences are those of the regressions, before ``grader.doubt``. Answers a second are measured on ``SAMPLE`` answers
to questions with a rubric, one at a time and warm, with the models that ship: of the tiers and the judge the reading
alone, of MiniLM one encoding.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _machine import machine
from _ours import join, key, labelled, opinions, ours, points, unsure
from _peers import Graded, Parts, by_number, by_question, cosines, majority, minilm, overlaps
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, KFold

from grader import guard
from grader.match import CONTRADICTORY, CORRECT, PARTIAL
from grader.report.agreement import accuracy, bootstrap, calibration_error, pearson, reliability, rmse
from training.answers import SOURCES, Answer, held_out
from training.data import DEV_MODULES
from training.fit_rule import FOLDS, Ask, ask_accurate, ask_judge, ask_tier
from training.measure import auc

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "grading.jsonl"
SEED, DRAWS, SAMPLE = 0, 2000, 30
TIER, ALWAYS, UNSURE = "embedded", "embedded + local judge", "embedded + local judge when unsure"
ACCURATE, ACCURATE_ALWAYS = "accurate", "accurate + local judge"
JUDGED = {TIER: ALWAYS, ACCURATE: ACCURATE_ALWAYS}
COLUMNS = {
    "two_way_accuracy": "2-way accuracy (95 %)",
    "two_way_f1": "2-way F1",
    "three_way_f1": "3-way F1",
    "five_way_accuracy": "5-way accuracy",
    "contradictory_passed": "contradictory passed",
    "injection_passed": "injections passed",
    "auc": "AUC",
    "pearson": "Pearson",
    "rmse": "RMSE",
    "ece": "ECE",
    "per_second": "answers/s",
}


def divide(answers: list[Answer]) -> tuple[Parts, Parts]:
    """Five folds by question, and five by answer, for each kind of source and language by itself."""
    kinds = np.array([f"{SOURCES[a.pair.source]} {a.pair.lang}" for a in answers])
    groups = np.array([a.pair.group for a in answers])
    by_group: Parts = []
    by_answer: Parts = []
    for kind in sorted(set(kinds)):
        at = np.flatnonzero(kinds == kind)
        by_group += [(at[a], at[b]) for a, b in GroupKFold(FOLDS).split(at, groups=groups[at])]
        by_answer += [(at[a], at[b]) for a, b in KFold(FOLDS, shuffle=True, random_state=SEED).split(at)]
    return by_group, by_answer


def peers(answers: list[Answer], gold: Graded) -> dict[str, Graded]:
    by_group, by_answer = divide(answers)
    pairs = [a.pair for a in answers]
    return {
        "majority": majority(gold, by_group),
        "question alone": by_question(gold, np.array([pair.group for pair in pairs]), by_answer),
        "token overlap": by_number(overlaps(pairs), gold, by_group),
        "MiniLM cosine": by_number(cosines(pairs), gold, by_group),
    }


def seconds(work: Callable[[Answer], object], answers: list[Answer], known: int) -> float:
    """Mean time an answer takes, after the first few were done once."""
    for a in answers[:known]:
        work(a)
    start = time.perf_counter()
    for a in answers:
        work(a)
    return (time.perf_counter() - start) / len(answers)


def timed(answers: list[Answer], *, accurate: bool, judge: bool) -> dict[str, float]:
    """Seconds an answer takes, by what reads it."""
    rows = [a for a in answers if a.criteria and not guard.screen(a.pair.answer).empty]
    sample = random.Random(SEED).sample(rows, SAMPLE)

    def by(ask: Ask) -> Callable[[Answer], object]:
        return lambda a: ask(a.pair.answer, a.pair.question, [*a.pair.statements[:6], *a.statements], a.pair.lang)

    found = {
        "token overlap": seconds(lambda a: overlaps([a.pair]), sample, SAMPLE),
        "MiniLM cosine": seconds(lambda a: minilm().encode([a.pair.answer]), sample, SAMPLE),
        TIER: seconds(by(ask_tier), sample, SAMPLE),
    }
    if accurate:
        found[ACCURATE] = found[TIER] + seconds(by(ask_accurate), sample, 3)
    if judge:
        more = seconds(by(ask_judge), sample, 3)
        found |= {both: found[tier] + more for tier, both in JUDGED.items() if tier in found}
    return found


@dataclass
class Subject:
    """What a table is about.

    Args:
        answers: N of them.
        gold: What a person made of them.
        asked: (N,) whether the judge is asked when the tier is unsure.
    """

    answers: list[Answer]
    gold: Graded
    asked: np.ndarray


def measure(graded: Graded, gold: Graded, injected: np.ndarray, groups: np.ndarray) -> dict:
    macro = {"average": "macro", "zero_division": 0}
    wrong, hit = gold.label == CONTRADICTORY, gold.label == graded.label
    names, place = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), 2, 2), np.int64)
    np.add.at(counts, (place, gold.right.astype(int), graded.right.astype(int)), 1)
    around = bootstrap(list(counts), accuracy, draws=DRAWS, seed=SEED)
    found = {
        "two_way_accuracy": accuracy(counts.sum(0)),
        "two_way_f1": f1_score(gold.right, graded.right, **macro),
        "three_way_f1": f1_score(gold.coarse, graded.coarse, **macro),
        "five_way_accuracy": hit.mean(),
        "contradictory_passed": graded.right[wrong].mean(),
        "injection_passed": np.isin(graded.label[injected], (CORRECT, PARTIAL)).mean() if injected.any() else None,
        "auc": auc(graded.rank[gold.right], graded.rank[wrong]),
        # a mean that differs a little from fold to fold is no score to correlate
        "pearson": pearson(gold.score, graded.score) if np.ptp(graded.rank) else None,
        "rmse": rmse(gold.score, graded.score),
        "ece": calibration_error(reliability(graded.confidence, hit)),
    }
    return {
        **{name: None if value is None else round(float(value), 4) for name, value in found.items()},
        "two_way_accuracy_95": [round(around.low, 4), round(around.high, 4)] if around else None,
        "answers": len(groups),
        "questions": len(names),
        "contradictory": int(wrong.sum()),
        "injected": int(injected.sum()),
    }


def sets(answers: list[Answer]) -> dict[str, np.ndarray]:
    """Places of the answers to report together."""
    source, lang = np.array([a.pair.source for a in answers]), np.array([a.pair.lang for a in answers])
    return {
        **{f"in-domain {code}": (source == "indomain") & (lang == code) for code in ("en", "es")},
        **{f"authored {code}": (source == "authored") & (lang == code) for code in ("en", "es")},
        "SciEntsBank": source == "scientsbank",
        "SciEntsBank PS and LF": np.array([a.pair.module in DEV_MODULES for a in answers]) & (source == "scientsbank"),
        "Beetle": source == "beetle",
    }


def show(first: str, way: str, row: dict) -> None:
    cells = ["–" if row[name] is None else f"{row[name]:.3f}" for name in COLUMNS]
    if row["per_second"] is not None:
        cells[-1] = f"{row['per_second']:,.{0 if row['per_second'] >= 10 else 2}f}"
    cells[0] += " ({:.2f}–{:.2f})".format(*row["two_way_accuracy_95"])
    asked = f" ({row['asked']:.0%} of answers)" if way == UNSURE else ""
    print(f"| {first} | {way}{asked} |", " | ".join(cells), "|")


def table(name: str, subject: Subject, ways: dict[str, Graded], took: dict[str, float]) -> list[dict]:
    """Print one table about ``name`` and return its rows; ``took`` are seconds that an answer takes."""
    answers, gold, asked = subject.answers, subject.gold, subject.asked
    print(f"\n{name}:\n\n| answers | graded by |", " | ".join(COLUMNS.values()), "|")
    print("|---|---|" + "---|" * len(COLUMNS))
    groups = np.array([a.pair.group for a in answers])
    injected = np.array([a.pair.extra.get("style") == "injection" for a in answers])
    rows = []
    for shown, inside in sets(answers).items():
        at = np.flatnonzero(inside)
        for way, graded in ways.items():
            row = measure(graded.at(at), gold.at(at), injected[at], groups[at])
            share = {UNSURE: float(asked[at].mean())}.get(way, float(way in JUDGED.values()))
            took_s = took.get(way) if way != UNSURE else took[TIER] + share * (took[ALWAYS] - took[TIER])
            row |= {"asked": round(share, 4), "per_second": None if took_s is None else round(1 / took_s, 2)}
            first = f"{shown}, {row['answers']} answers to {row['questions']} questions"
            show(first if not rows or rows[-1]["set"] != shown else "", way, row)
            rows.append({"table": name, "set": shown, "graded_by": way, **row})
    return rows


def shared(answers: list[Answer], others: list[Answer]) -> np.ndarray:
    """Places of the answers that are among the others too."""
    known = {key(a.pair) for a in others}
    return np.array([i for i, a in enumerate(answers) if key(a.pair) in known])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=Path, nargs="+", default=[Path("pair-dev")])
    parser.add_argument("--accurate-runs", type=Path, nargs="*", default=[], help="none leaves the accurate tier out")
    parser.add_argument("--judge-runs", type=Path, nargs="*", default=[], help="none leaves the judge out")
    args = parser.parse_args()
    folders = args.shared, *args.runs, *args.accurate_runs, *args.judge_runs
    missing = [str(path) for path in folders if not path.is_dir()]
    if missing:
        parser.error(f"no such folder: {', '.join(missing)}; the docstring of this file tells how to make the runs")

    answers, full, about = held_out(args.shared, args.runs), points(args.shared), {**machine(), "seed": SEED}
    others = held_out(args.shared, args.accurate_runs) if args.accurate_runs else answers
    answers = [answers[i] for i in shared(answers, others)]
    print(json.dumps(about))
    took = timed(answers, accurate=bool(args.accurate_runs), judge=bool(args.judge_runs))
    pairs = {key(a.pair): a.pair for a in answers}
    gold, made = labelled(answers, full), {TIER: opinions(answers)}
    if args.accurate_runs:
        made[ACCURATE] = join(made[TIER], opinions(others), pairs, by_lang=True)
    ways = peers(answers, gold) | {way: ours(answers, found.estimates, full) for way, found in made.items()}
    doubted = unsure(answers, made[TIER].estimates)
    asked = np.array([key(a.pair) in doubted for a in answers])
    rows = table("Answers that the tiers' runs held out", Subject(answers, gold, asked), ways, took)
    if args.judge_runs:
        judged = held_out(args.shared, args.judge_runs)
        at = shared(answers, judged)
        both, said = [answers[i] for i in at], opinions(judged)
        joined = {JUDGED[tier]: join(found, said, pairs).estimates for tier, found in made.items()}
        joined[UNSURE] = made[TIER].estimates | {name: joined[ALWAYS][name] for name in joined[ALWAYS].keys() & doubted}
        ways = {way: graded.at(at) for way, graded in ways.items()}
        ways |= {way: ours(both, found, full) for way, found in joined.items()}
        rows += table("Answers that the judge's run held out too", Subject(both, gold.at(at), asked[at]), ways, took)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps({**row, **about}) + "\n" for row in rows)


if __name__ == "__main__":
    main()
