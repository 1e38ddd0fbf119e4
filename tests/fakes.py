"""Stand-ins that keep tests fast: a quiz, grades made to order, and a grader that loads no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grader.schema import (
    CriterionGrade,
    Evidence,
    Grade,
    MisconceptionGrade,
    Outcome,
    Submission,
    Unscored,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

QUIZ = """\
schema: 1
id: mini
title: {en: "Mini", es: "Mini"}
questions:
  - id: q-1
    type: free
    prompt: {en: "Is it exact?", es: "¿Es exacta?"}
    reference: {en: ["Yes, it is exact."], es: ["Sí, es exacta."]}
"""
SCORES = {Verdict.CORRECT: 1.0, Verdict.PARTIAL: 0.5}


def make_grade(submission_id: str = "s1", **changes: Any) -> Grade:  # noqa: ANN401 -- any field of a grade
    """Make a grade that is valid in every field, with some of them changed."""
    verdict = changes.get("verdict", Verdict.PARTIAL)
    score = SCORES.get(verdict, 0.0)
    evidence = Evidence("the learner's words", 3, 22)
    fields: dict[str, Any] = {
        "submission_id": submission_id,
        "question_id": "q-1",
        "verdict": verdict,
        "points": 2 * score,
        "max_points": 2.0,
        "score": score,
        "confidence": 0.75,
        "needs_review": False,
        "criteria": (CriterionGrade("main", score > 0, score, 0.9, evidence if score > 0 else None),),
        "misconceptions": (MisconceptionGrade("myth", 0.8, None),) if verdict == Verdict.CONTRADICTORY else (),
        "feedback": "Close: say why.",
        "lang": "en",
        "receipt": "sha256:" + "0" * 64,
    }
    return Grade(**fields | changes)


class FakeGrader:
    """Grades by the first word of the answer: a verdict's name, or ``unscored``; anything else is partial.

    Args:
        windows: Sizes of the calls received, for tests that look at them.
    """

    revision = "fake"

    def __init__(self) -> None:
        self.windows: list[int] = []

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order."""
        self.windows.append(len(submissions))
        return [self._grade(submission) for submission in submissions]

    def _grade(self, submission: Submission) -> Outcome:
        answer = submission.answer if isinstance(submission.answer, str) else " ".join(submission.answer)
        word = answer.split()[0].rstrip(":") if answer.split() else ""
        if word == "unscored" or not word:
            return Unscored(submission.submission_id, submission.question_id, "the answer is blank")
        if word == "interrupt":
            raise KeyboardInterrupt
        verdict = Verdict(word) if word in tuple(Verdict) else Verdict.PARTIAL
        grade = make_grade(submission.submission_id, question_id=submission.question_id, verdict=verdict)
        if verdict not in SCORES:
            return grade
        evidence = Evidence(answer, 0, len(answer))
        criterion = CriterionGrade("main", met=True, points=grade.points, probability=0.9, evidence=evidence)
        lang = submission.lang or "en"
        return make_grade(
            submission.submission_id,
            question_id=submission.question_id,
            verdict=verdict,
            criteria=(criterion,),
            lang=lang,
        )
