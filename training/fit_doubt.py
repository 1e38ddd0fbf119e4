"""Fit the calibration of a grader's confidence, on verdicts about questions that nothing behind them had seen.

    out=grader/weights/calibration.json
    runs="--shared ../shared/data --runs run/pair-dev"
    python -m training.fit_doubt $runs --out $out
    python -m training.fit_doubt $runs --judge-runs run/judge-dev --grader embedded+local --out $out
    python -m training.fit_doubt $runs --accurate-runs run/mpnet-dev --grader accurate --out $out
    python -m training.fit_doubt --grader embedded+server --labelled answers.jsonl --origin "..." --out $out

The first form grades the authored and the in-domain answers as ``benchmarks/grading.py`` does: readings from the run
that held the question out, verdicts from regressions of ``training.fit_rule`` that held it out too. The second does so
with the local judge beside the tier, on the answers whose questions neither had seen; the third with the accurate
tier's second model, and with ``--judge-runs`` with both. The last takes what any other tier or judge made, one JSON
object a line: ``group`` (the question), ``lang``, ``confidence`` (of the verdict, before any calibration), ``right``
(of the five-way verdict) and, unless it is ``rubric``, ``basis``. What the guard leaves empty has no confidence and
does not belong there. Each replaces the entry of its grader in ``--out`` and keeps the others. Unlike the rule that
ships, these regressions see no made-up answers; shares are the shipped ones.

What is printed is cross-validated by question: the map, and the threshold of a wanted error, come from other questions.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from sklearn.model_selection import GroupKFold

from grader.doubt import Calibration, Doubt, Labelled, Part, dump_doubts, fit, promise, read_doubts
from grader.errors import GraderError
from grader.match import accurate_section, load_rule
from grader.report.agreement import brier, calibration_error, reliability
from training.answers import Answer
from training.fit_rule import fit_references, fit_rubric, load, pool

FOLDS = 5
MAX_ERRORS = (0.05, 0.1, 0.2)
SETS = ("authored", "indomain")
ORIGIN = "authored and in-domain answers, out of fold by question"


class Row(NamedTuple):
    """One graded answer: its question, what it was graded by and in which language, how surely, how well."""

    group: str
    part: Part
    confidence: float
    right: bool


def fit_doubt(grader: str, rows: Iterable[Row], origin: str) -> Doubt:
    """Fit every part that has rows."""
    by_part = split(rows)
    parts = {}
    for part in sorted(by_part):
        labelled = tuple(Labelled(round(row.confidence, 4), row.right) for row in by_part[part])
        slope, offset = fit(labelled)
        questions = len({row.group for row in by_part[part]})
        parts[part] = Calibration(round(slope, 4), round(offset, 4), origin, questions, labelled)
    return Doubt(grader, parts)


def split(rows: Iterable[Row]) -> dict[Part, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[row.part].append(row)
    return found


Key = tuple[str, str, str]  # basis, source, answer
Guess = tuple[Answer, np.ndarray]


def own_rows(shared: Path, runs: list[Path], accurate_runs: list[Path], judge_runs: list[Path]) -> list[Row]:
    """Grade the authored and the in-domain answers out of fold, by rubric and by references alone.

    Where runs of the accurate tier's second model or of a judge are named, by all together, and only what none had
    seen.
    """
    rule, found = load_rule(), _guesses(load(shared, runs))
    if accurate_runs:
        found = _joined(found, _guesses(load(shared, accurate_runs)), lambda a: rule.accurate_weights[a.pair.lang])
    if judge_runs:
        share = (accurate_section(rule) if accurate_runs else rule).judge_weight
        both = _joined(found, _guesses(load(shared, judge_runs)), lambda _: share)
        found = {(f"judged {key[0]}", *key[1:]): guess for key, guess in both.items()}
    return [
        Row(a.pair.group, (cast("Any", basis), a.pair.lang), float(p.max()), bool(p.argmax() == a.verdict))
        for (basis, *_), (a, p) in found.items()
    ]


def _joined(found: dict[Key, Guess], other: dict[Key, Guess], share: Callable[[Answer], float]) -> dict[Key, Guess]:
    return {
        key: (answer, pool(p[None], other[key][1][None], share(answer))[0])
        for key, (answer, p) in found.items()
        if key in other
    }


def _guesses(answers: list[Answer]) -> dict[Key, Guess]:
    graded = [a for a in answers if a.criteria]
    by_basis = (("references", answers, fit_references(answers)[1]), ("rubric", graded, fit_rubric(graded)[1]))
    return {
        (basis, a.pair.source, a.pair.id): (a, p)
        for basis, among, guess in by_basis
        for a, p in zip(among, guess, strict=True)
        if a.pair.source in SETS
    }


def read_rows(path: Path) -> list[Row]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        part = row.get("basis", "rubric"), row["lang"]
        rows.append(Row(str(row["group"]), part, float(row["confidence"]), bool(row["right"])))
    return rows


def show(part: Part, rows: list[Row]) -> None:
    """Print calibration before and after, and what wanted errors keep, on held-out questions."""
    labelled = [Labelled(row.confidence, row.right) for row in rows]
    raw, right = np.array([row.confidence for row in rows]), np.array([row.right for row in rows])
    groups = np.array([row.group for row in rows])
    after = np.zeros(len(rows))
    kept = {error: np.zeros(len(rows), dtype=bool) for error in MAX_ERRORS}
    short = set()
    for train, test in GroupKFold(FOLDS).split(raw, groups=groups):
        known = Calibration(*fit([labelled[i] for i in train]), "", 0, ())
        after[test] = [known(c) for c in raw[test]]
        before = [known(c) for c in raw[train]]
        for error in MAX_ERRORS:
            try:
                kept[error][test] = after[test] >= promise(before, right[train].tolist(), error).threshold
            except GraderError:
                short.add(error)
    ece = [calibration_error(reliability(confidence, right)) for confidence in (raw, after)]
    print(
        f"{' '.join(part)}: {len(rows)} answers to {len(set(groups))} questions, accuracy {right.mean():.3f};"
        f" calibration error {ece[0]:.3f} -> {ece[1]:.3f}, Brier {brier(raw, right):.4f} -> {brier(after, right):.4f}"
    )
    for error in MAX_ERRORS:
        inside = kept[error]
        wrong = f"{(~right[inside]).mean():.3f} of them wrong" if inside.any() else "none wrong"
        note = ", too few labels in a fold" if error in short else ""
        print(f"  --max-error {error}: keeps {inside.mean():.3f}, {wrong}{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--grader", default="embedded", help="tier, with + and the judge where there is one")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--runs", type=Path, nargs="+")
    source.add_argument("--labelled", type=Path)
    parser.add_argument("--accurate-runs", type=Path, nargs="+", default=[])
    parser.add_argument("--judge-runs", type=Path, nargs="+", default=[])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--origin", default=ORIGIN, help="which answers these are, for whoever reads the file")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.labelled and (args.accurate_runs or args.judge_runs):
        parser.error("--labelled brings verdicts that are made; --accurate-runs and --judge-runs go with --runs")
    runs = args.runs, args.accurate_runs, args.judge_runs
    rows = read_rows(args.labelled) if args.labelled else own_rows(args.shared, *runs)
    for part, found in sorted(split(rows).items()):
        show(part, found)
    doubts = read_doubts(args.out) if args.out.exists() else {}
    doubts[args.grader] = fit_doubt(args.grader, rows, args.origin)
    args.out.write_text(dump_doubts(doubts.values()), encoding="utf-8")


if __name__ == "__main__":
    main()
