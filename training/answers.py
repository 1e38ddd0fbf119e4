"""Graded answers with what models predicted of them, for everything that is fitted on predictions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from grader import copies, guard, surface
from grader.match import Reading
from grader.schema import Lang
from training.data import read_rows, split
from training.graded import gather
from training.measure import read_report
from training.pairs import Pair

OWN = Path(__file__).parent / "authored"
# Groups of sources that weigh the same in the references regression; SAF and STITA lack five-way labels.
SOURCES = {"scientsbank": "school", "beetle": "circuits", "authored": "attention", "indomain": "attention"}


@dataclass
class Answer:
    """One answer with everything that was predicted of it."""

    pair: Pair
    verdict: int
    references: np.ndarray
    criteria: list[tuple[np.ndarray, bool]]
    misconceptions: list[tuple[np.ndarray, bool]]
    statements: list[str]
    reading: Reading | None = None


def collect(shared: Path, runs: list[Path]) -> list[Answer]:
    """Join predictions with the texts they are about."""
    predictions: dict[tuple, np.ndarray] = {}
    for run in runs:
        for row in read_rows(run / "predictions.jsonl.gz"):
            if row["kind"] != "synthetic":
                predictions[row["source"], row["id"], row["kind"], row.get("statement_id", "")] = np.array(row["p"])
    by_id: dict[tuple, list[Pair]] = defaultdict(list)
    for pair in gather(shared, OWN):
        by_id[pair.source, pair.id].append(pair)
    answers = []
    for pairs in by_id.values():
        main = next(pair for pair in pairs if pair.kind == "reference")
        found = [(p, predictions.get((p.source, p.id, p.kind, str(p.extra.get("statement_id", ""))))) for p in pairs]
        if any(p is None for _, p in found) or len(main.allowed) != 1:
            continue
        answers.append(Answer(
            main, main.allowed[0], next(p for pair, p in found if pair is main),
            [(p[0], bool(pair.extra["held"])) for pair, p in found if pair.kind == "criterion"],
            [(p[0], bool(pair.extra["held"])) for pair, p in found if pair.kind == "misconception"],
            [pair.statements[0] for pair in pairs if pair.kind != "reference"],
        ))  # fmt: skip
    return answers


def read(answers: list[Answer]) -> None:
    """Put what was predicted of each answer together with its surface."""
    for a in answers:
        text, given = guard.screen(a.pair.answer).text.strip(), [*a.pair.statements, *a.statements]
        right, lang = given[: len(a.pair.statements) + len(a.criteria)], cast("Lang", a.pair.lang)
        a.reading = Reading(
            a.references,
            np.array([p for p, _ in a.criteria]).reshape(-1, 5),
            np.array([p for p, _ in a.misconceptions]).reshape(-1, 5),
            (*surface.describe(text, a.pair.question, given, lang), *copies.describe(text, right, lang)),
        )


def held_out(shared: Path, runs: list[Path]) -> list[Answer]:
    """Answers that the runs predicted and to whose questions they saw no answer.

    Args:
        shared: The folder of public sets.
        runs: Folders with the report and the predictions of ``training.train_pair`` or ``training.train_judge``.
    """
    holdouts = [read_report(run)["args"]["holdout"] for run in runs]

    def unseen(pair: Pair) -> bool:
        names = {split(vars(pair), holdout) for holdout in holdouts} - {"train"}
        return bool(names) and not any(name.endswith("_ua") for name in names)

    return [a for a in collect(shared, runs) if a.pair.source in SOURCES and unseen(a.pair)]
