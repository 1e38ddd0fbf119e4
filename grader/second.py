"""The second reading: what a judge makes of answers that the tier has read, joined with what the tier made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grader.judge import LOCAL, Bench, Case, JudgeFailure, Probabilities
from grader.match import HALF, Estimate, Rule, combine, estimate
from grader.schema import JudgeNote, Lang
from grader.sheet import Sheet


@dataclass(frozen=True)
class TierRead:
    """An answer that the tier has read.

    Args:
        answer: Without orders to the grader.
        lang: Of the answer.
        held: What it was held against.
        described: Features of ``grader.surface``.
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


def ask(bench: Bench, answers: Sequence[TierRead], rule: Rule) -> list[Judged]:
    """Ask a judge about answers, in order; it reads the same statements as the tier did."""
    if not answers:
        return []
    replies = bench.ask([Case(a.held.question, a.answer, a.held.statements, a.lang) for a in answers])
    return [_judged(bench, answer, reply, rule) for answer, reply in zip(answers, replies, strict=True)]


def _judged(bench: Bench, answer: TierRead, reply: list[Probabilities] | JudgeFailure, rule: Rule) -> Judged:
    trace = f"{bench.identity}:{bench.when}"
    if isinstance(reply, JudgeFailure):
        return Judged(answer.estimate, JudgeNote(bench.name, "unscored", reply.reason), f"{trace}:unscored")
    rows = np.array(reply).round(6)
    # Section and share were fitted on the local judge; any other goes through the tier's regressions, for one half.
    own = rule.judge if bench.name == LOCAL else None
    fitted, weight = (rule, HALF) if own is None else (own, rule.judge_weight)
    both = combine(answer.estimate, estimate(answer.held.arrange(rows, answer.described), fitted), weight)
    said = "".join(map(str, rows.argmax(axis=1)))
    return Judged(both, JudgeNote(bench.name, "judged", None), f"{trace}:{said}")
