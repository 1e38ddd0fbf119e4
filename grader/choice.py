"""Grades for choice questions: the key decides, nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grader import feedback
from grader.schema import Grade, Lang, Question, Submission, Verdict

POINTS = 1.0  # full mark


class UnreadableChoiceError(ValueError):
    """An answer that names no choice of the question, or several where it takes one."""


def grade(submission: Submission, question: Question, lang: Lang, receipt: str) -> Grade:
    """Grade an answer to a choice question.

    Args:
        submission: The answer.
        question: The question.
        lang: Of the feedback.
        receipt: Of the grade.

    Raises:
        UnreadableChoiceError: There is nothing that the key could decide.
    """
    chosen = picks(question, submission.answer)
    if question.type == "single" and len(chosen) > 1:
        raise UnreadableChoiceError(f"{question.id} takes one choice, got {sorted(chosen)}")
    share = credit(question, chosen)
    decided = verdict(share, chosen)
    return Grade(
        submission_id=submission.submission_id,
        question_id=question.id,
        verdict=decided,
        points=round(share * POINTS, 3),
        max_points=POINTS,
        score=round(share, 3),
        confidence=1.0,
        needs_review=False,
        criteria=(),
        misconceptions=(),
        feedback=feedback.for_choice(decided, lang),
        lang=lang,
        receipt=receipt,
    )


def picks(question: Question, answer: str | tuple[str, ...]) -> frozenset[int]:
    """Read which choices an answer names.

    A number alone is a position first: where the choices are numbers themselves, it is the text of a choice only if it
    is no position.

    Args:
        question: A choice question.
        answer: ``"2,3"``, a choice's own text in any of the quiz's languages, or a tuple of either.

    Returns:
        1-based positions; empty where the answer is blank.

    Raises:
        UnreadableChoiceError: Something in it is neither a position nor a choice's text.
    """
    if isinstance(answer, str):
        whole = _by_number(question, answer.strip()) or _by_text(question, answer)
        if whole:
            return frozenset({whole})
        parts: Iterable[str] = re.split(r"[,;\s]+", answer.strip().strip("[](){}"))
    else:
        parts = answer
    return frozenset(_position(question, part) for part in parts if part.strip())


def _position(question: Question, part: str) -> int:
    found = _by_number(question, part.strip().strip("\"'.)(")) or _by_text(question, part)
    if found is None:
        raise UnreadableChoiceError(
            f"{part.strip()[:60]!r} is not a choice of {question.id}: it has 1 to {len(question.choices)}"
        )
    return found


def _by_number(question: Question, text: str) -> int | None:
    known = re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= len(question.choices)
    return int(text) if known else None


def _by_text(question: Question, text: str) -> int | None:
    wanted = _folded(text)
    for position, choice in enumerate(question.choices, start=1):
        if wanted and wanted in {_folded(local) for local in choice.values()}:
            return position
    return None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def credit(question: Question, chosen: frozenset[int]) -> float:
    """Share of the mark, 0 to 1: (right picks − wrong picks) / keys, not below zero."""
    keys = frozenset(question.answer)
    if question.type == "single":
        return float(chosen == keys)
    return max(0.0, (len(chosen & keys) - len(chosen - keys)) / len(keys))


def verdict(share: float, chosen: frozenset[int]) -> Verdict:
    """The five-way label of a choice answer."""
    if not chosen:
        return Verdict.NON_DOMAIN
    if share == 1:
        return Verdict.CORRECT
    return Verdict.PARTIAL if share > 0 else Verdict.CONTRADICTORY
