"""Grades for free questions: a decision written down with its evidence and what to tell the learner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader import feedback
from grader.evidence import EvidenceFinder
from grader.match import HALF
from grader.schema import CriterionGrade, Evidence, Grade, MisconceptionGrade, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from grader.embed import Embedder
    from grader.evidence import Clauses
    from grader.intake import FreeAnswer
    from grader.match import Decision
    from grader.schema import JudgeNote

Quote = Callable[[Sequence[str]], Evidence | None]
"""Gives the learner's own words for a statement, of which it takes every wording."""


@dataclass(frozen=True)
class Decided:
    """A free answer whose grade is decided.

    Args:
        answer: The answer.
        decision: What the rule made of it.
        confidence: Calibrated, 0 to 1.
        needs_review: Whether a person should look.
        receipt: Of the grade.
        judge: What came of asking a judge; ``None`` where none was asked.
    """

    answer: FreeAnswer
    decision: Decision
    confidence: float
    needs_review: bool
    receipt: str
    judge: JudgeNote | None

    @property
    def asserted(self) -> list[int]:
        """Places of the misconceptions that make it contradictory; none where it is not."""
        if self.decision.verdict is not Verdict.CONTRADICTORY:
            return []
        return [place for place, p in enumerate(self.decision.misconceptions) if p >= HALF]

    @property
    def quoted(self) -> list[str]:
        """Wordings of all statements that evidence is shown for."""
        sheet = self.answer.sheet
        met = zip(self.answer.wordings, self.decision.met, strict=True)
        return [
            *(text for wordings, is_met in met if is_met for text in wordings),
            *(sheet.misconceptions[place] for place in self.asserted),
        ]


class FreeWriter:
    """Writes the grades of free answers.

    Args:
        embedder: Finds evidence; loaded when an answer needs it.
    """

    def __init__(self, embedder: Callable[[], Embedder]) -> None:
        self._finder = EvidenceFinder(embedder)

    def write(self, decided: Sequence[Decided], known: Mapping[str, NDArray[np.float32]]) -> list[Grade]:
        """Write grades, in order; the evidence of all of them is looked for at once.

        Args:
            decided: Answers with what was decided.
            known: Vectors of clauses by text, as far as they are known.
        """
        shown = {place: wordings for place, item in enumerate(decided) if (wordings := item.quoted)}
        texts = [decided[place].answer.screened.text for place in shown]
        cuts = self._finder.cut(texts, [wording for wordings in shown.values() for wording in wordings], known)
        clauses = dict(zip(shown, cuts, strict=True))
        return [_grade(item, self._quote(item, clauses.get(place))) for place, item in enumerate(decided)]

    def _quote(self, item: Decided, clauses: Clauses | None) -> Quote:
        """Quote an answer as submitted: screening keeps every place."""
        submitted = str(item.answer.submission.answer)

        def quote(wordings: Sequence[str]) -> Evidence | None:
            found = None if clauses is None else self._finder.closest(clauses, wordings)
            if found is None:
                return None
            return Evidence(submitted[found.start : found.end], found.start, found.end)

        return quote


def _grade(item: Decided, quote: Quote) -> Grade:
    answer, decision = item.answer, item.decision
    points = round(decision.share * answer.max_points, 3)
    return Grade(
        submission_id=answer.submission.submission_id,
        question_id=answer.question.id,
        verdict=decision.verdict,
        points=points,
        max_points=answer.max_points,
        score=round(points / answer.max_points, 3),
        confidence=item.confidence,
        needs_review=item.needs_review,
        criteria=_criteria(answer, decision, quote),
        misconceptions=_misconceptions(item, quote),
        feedback=_feedback(item),
        lang=answer.lang,
        receipt=item.receipt,
        judge=item.judge,
    )


def _criteria(answer: FreeAnswer, decision: Decision, quote: Quote) -> tuple[CriterionGrade, ...]:
    """Share the points out among the criteria met, in proportion to what each is worth."""
    worth = sum(criterion.points for criterion, met in zip(answer.criteria, decision.met, strict=True) if met)
    scale = decision.share / (worth or 1.0)
    rows = zip(answer.criteria, answer.wordings, decision.met, decision.criteria, strict=True)
    return tuple(
        CriterionGrade(
            criterion.id,
            met,
            round(criterion.points * scale * answer.max_points, 3) if met else 0.0,
            round(p, 3),
            quote(wordings) if met else None,
        )
        for criterion, wordings, met, p in rows
    )


def _misconceptions(item: Decided, quote: Quote) -> tuple[MisconceptionGrade, ...]:
    beliefs, statements = item.answer.misconceptions, item.answer.sheet.misconceptions
    return tuple(
        MisconceptionGrade(
            beliefs[place].id, round(item.decision.misconceptions[place], 3), quote((statements[place],))
        )
        for place in item.asserted
    )


def _feedback(item: Decided) -> str:
    answer, lang = item.answer, item.answer.lang
    met = zip(answer.criteria, item.decision.met, strict=True)
    return feedback.for_free(
        item.decision.verdict,
        lang,
        missing=[criterion.statement[lang] for criterion, is_met in met if not is_met and criterion.statement],
        corrections=[answer.misconceptions[place].feedback.get(lang, "") for place in item.asserted],
        orders=answer.screened.orders,
    )
