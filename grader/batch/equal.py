"""Equal answers graded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grader.batch.local import AnswerGrader
from grader.schema import Grade, Lang, Outcome, Submission, Unscored

KEPT_GRADES = 10_000
MAX_KEPT_CHARS = 1_000  # longer answers are hardly ever equal, and quoting them as evidence would take memory

_Key = tuple[str, str | tuple[str, ...], Lang | None]


class GradedOnce:
    """A grader that asks another one only for answers it has not seen lately.

    Equal means equal in every character: offsets of evidence and the receipt refer to the answer as submitted, so
    answers that only normalise to the same text do not have the same grade. What differs is the submission's id.

    Args:
        grader: Grades what is new, sorted by question, which is also the order in which a judge's budget is spent.
        kept: Grades remembered, above zero; the least recently used goes first.
    """

    def __init__(self, grader: AnswerGrader, *, kept: int = KEPT_GRADES) -> None:
        self._grader, self._kept = grader, kept
        self._grades: dict[_Key, Grade] = {}

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order: one outcome a submission.

        Raises:
            RuntimeError: The grader returned another number of outcomes than it was given submissions.
        """
        keys = [(row.question_id, row.answer, row.lang) for row in submissions]
        known: dict[_Key, Outcome] = {key: self._recall(key) for key in keys if key in self._grades}
        new = {key: row for key, row in zip(keys, submissions, strict=True) if key not in known}
        asked = sorted(new, key=lambda key: key[0])
        outcomes = self._grader.grade([new[key] for key in asked]) if asked else []
        if len(outcomes) != len(asked):
            raise RuntimeError(f"the grader gave {len(outcomes)} outcomes for {len(asked)} submissions")
        for key, outcome in zip(asked, outcomes, strict=True):
            known[key] = outcome
            self._remember(key, outcome)
        return [
            replace(known[key], submission_id=row.submission_id) for key, row in zip(keys, submissions, strict=True)
        ]

    def _recall(self, key: _Key) -> Grade:
        grade = self._grades[key] = self._grades.pop(key)  # now the most recently used
        return grade

    def _remember(self, key: _Key, outcome: Outcome) -> None:
        if isinstance(outcome, Unscored) or (outcome.judge is not None and outcome.judge.status == "unscored"):
            return  # what failed may be tried again
        if sum(map(len, key[1])) > MAX_KEPT_CHARS:
            return
        self._grades[key] = outcome
        if len(self._grades) > self._kept:
            del self._grades[next(iter(self._grades))]
