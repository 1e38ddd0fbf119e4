"""The second reading: what mpnet or a judge makes of answers, joined with what was made of them before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from grader import entail
from grader.echoes import Echo, echoes, temper
from grader.judge import LOCAL, Bench, Case, JudgeFailure, Probabilities
from grader.match import CONTRADICTORY, HALF, Estimate, Rule, accurate_section, combine, estimate
from grader.schema import JudgeNote, Lang
from grader.sheet import Sheet

if TYPE_CHECKING:
    from grader.accurate import CrossReader


@dataclass(frozen=True)
class TierRead:
    """An answer that the tier has read.

    Args:
        answer: Without orders to the grader.
        lang: Of the answer.
        held: What it was held against.
        described: Features of ``grader.surface`` and ``grader.copies``.
        estimate: What the tier makes of it.
    """

    answer: str
    lang: Lang
    held: Sheet
    described: tuple[float, ...]
    estimate: Estimate


@dataclass(frozen=True)
class Judged:
    """What became of asking a judge.

    Args:
        estimate: Of tier and judge together; the tier's own where the judge gave no verdict.
        note: For the record.
        trace: For the receipt: the judge, when it is asked, and what it said.
    """

    estimate: Estimate
    note: JudgeNote
    trace: str

    @property
    def failed(self) -> bool:
        """Whether the judge gave no verdict."""
        return self.note.status == "unscored"


def refine(reader: CrossReader, answers: Sequence[TierRead], rule: Rule) -> list[TierRead]:
    """Read answers with the accurate tier's second model too, in order, in languages where it has a share.

    Raises:
        ModelUnavailableError: The rule was not fitted on it.
    """
    fitted, weights = accurate_section(rule), rule.accurate_weights
    cases = [entail.Case(a.answer, a.held.question, a.held.statements) for a in answers if weights[a.lang]]
    rows = iter(reader.read_all(cases))

    def refined(a: TierRead) -> TierRead:
        again = estimate(a.held.arrange(next(rows), a.described), fitted)
        return replace(a, estimate=combine(a.estimate, again, weights[a.lang]))

    return [refined(a) if weights[a.lang] else a for a in answers]


def ask(bench: Bench, answers: Sequence[TierRead], rule: Rule, share: float) -> list[Judged]:
    """Ask a judge about answers, in order; it reads the same statements as the tier did, the local one echoes too.

    Args:
        bench: Asks the judge.
        answers: As the tier has read them.
        rule: Fitted.
        share: The local judge's, beside the tier.
    """
    if not answers:
        return []
    found = [echoes(a.answer, a.held.right) if bench.name == LOCAL else [] for a in answers]
    cases = [
        Case(a.held.question, a.answer, a.held.statements, a.lang, tuple((echo.mine, echo.theirs) for echo in some))
        for a, some in zip(answers, found, strict=True)
    ]
    judged = partial(_judged, bench, rule, share)
    return [judged(*known) for known in zip(answers, found, bench.ask(cases), strict=True)]


def _judged(  # noqa: PLR0917 -- what was asked, and what came of it
    bench: Bench,
    rule: Rule,
    share: float,
    answer: TierRead,
    found: Sequence[Echo],
    reply: list[Probabilities] | JudgeFailure,
) -> Judged:
    trace = f"{bench.identity}:{bench.when}"
    if isinstance(reply, JudgeFailure):
        return Judged(answer.estimate, JudgeNote(bench.name, "unscored", reply.reason), f"{trace}:unscored")
    read, whole = np.array(reply).round(6), len(answer.held.statements)
    # Section and share were fitted on the local judge; any other goes through the tier's regressions, for one half.
    own = rule.judge if bench.name == LOCAL else None
    fitted, weight = (rule, HALF) if own is None else (own, share)
    made = estimate(answer.held.arrange(read[:whole], answer.described), fitted)
    made = temper(made, list(zip(found, read[whole:, CONTRADICTORY], strict=True)), answer.held)
    both = combine(answer.estimate, made, weight)
    said = "".join(map(str, read.argmax(axis=1)))
    return Judged(both, JudgeNote(bench.name, "judged", None), f"{trace}:{said}")
