"""A class's own labels: the calibration fitted anew on them, close to what was there where they are few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from grader.doubt.calibration import MOST_SURE, REFERENCE, Calibration, Doubt, Labelled, Part, basis_of, fit
from grader.errors import GraderError
from grader.schema import Grade, Verdict

STRENGTH = 4.0
"""Weight of what was there, as inverse variance of slope and offset: about what thirty labels know of the offset."""


def part_of(grade: Grade) -> Part | None:
    """Tell which part a grade belongs to; ``None`` where its confidence was not estimated."""
    if grade.confidence > MOST_SURE:
        return None
    judged = grade.judge is not None and grade.judge.status == "judged"
    return basis_of(rubric=[c.id for c in grade.criteria] != [REFERENCE], judged=judged), grade.lang


def recalibrate(doubt: Doubt, judged: Iterable[tuple[Grade, Verdict]]) -> Doubt:
    """Fit a calibration on graded answers of a class and the verdicts that a person gave them.

    The labels of a part replace those it had, so that a promise is one about this class; slope and offset are
    shrunk to those it had. Parts without labels stay as they are.

    Args:
        doubt: What made the confidence of the grades, which is undone first.
        judged: Grades with the right verdict; those whose confidence was not estimated are left out.

    Raises:
        GraderError: No answer is left.
    """
    labelled: dict[Part, list[Labelled]] = defaultdict(list)
    questions: dict[Part, set[str]] = defaultdict(set)
    for grade, verdict in judged:
        part = part_of(grade)
        if part is not None:
            known = doubt.parts.get(part)
            raw = known.undo(grade.confidence) if known else grade.confidence
            labelled[part].append(Labelled(round(raw, 4), grade.verdict is verdict))
            questions[part].add(grade.question_id)
    if not labelled:
        raise GraderError("no free answer that was graded has a five-way verdict among the labels")
    parts = dict(doubt.parts)
    for part, answers in labelled.items():
        known = doubt.parts.get(part)
        slope, offset = fit(answers, prior=(known.slope, known.offset) if known else (1.0, 0.0), strength=STRENGTH)
        origin = f"a class's own labels, shrunk to {doubt.digest}"
        parts[part] = Calibration(slope, offset, origin, len(questions[part]), tuple(answers))
    return Doubt(doubt.grader, parts)
