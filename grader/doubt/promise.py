"""Which answers can be graded within a wanted error: everything less sure than a threshold goes to a person.

The error is a wrong verdict, of the five. It is the strict choice: whoever is wrongly passed or wrongly failed has a
wrong verdict, so the share of those stays within the promise too.

Learn-then-test (Angelopoulos et al., 2021, arXiv:2110.01052) on the selective risk (Geifman & El-Yaniv, 2017,
arXiv:1705.08500): thresholds are tested in fixed sequences, each from a strict one to laxer ones, with the exact
binomial tail, until one fails. The laxest that passed holds the wanted error with probability ``1 - CHANCE`` over the
draw of the labelled answers, as long as answers to come are like them. Where labels are many, sequences start at
several places that share the chance, so that one mistake among the few surest answers does not end the search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grader.errors import GraderError

CHANCE = 0.1
"""Probability that a promise is broken by an unlucky draw of labels."""
STEPS = 50
"""Thresholds tested, at equally spaced coverages: a finer walk meets more unlucky failures."""
STARTS = 3
"""Sequences where labels are many: from the fewest answers that can promise, from a third of all, from two thirds."""
_UNREACHED = 1.0


@dataclass(frozen=True)
class Promise:
    """What a wanted error asks for, on the labelled answers.

    Args:
        max_error: Wanted share of wrong verdicts among the answers kept, above 0 and below 1.
        threshold: Confidence from which an answer is kept; 1 where no threshold holds the error.
        kept: Labelled answers from the threshold on.
        wrong: Those of them with a wrong verdict.
        answers: Labelled answers.
    """

    max_error: float
    threshold: float
    kept: int
    wrong: int
    answers: int


def labels_needed(max_error: float, chance: float = CHANCE) -> int:
    """Fewest labels that can promise an error: so many right verdicts in a row are no luck any more.

    Args:
        max_error: Wanted share of wrong verdicts.
        chance: Probability of breaking the promise that is allowed.

    Raises:
        GraderError: The error is not between 0 and 1, or so near 0 that the labels cannot be counted.
    """
    if not 0 < max_error < 1:
        raise GraderError(f"the error to promise must be above 0 and below 1, got {max_error!r}")
    needed = math.log(chance) / math.log1p(-max_error)
    if math.isinf(needed):
        raise GraderError(f"no number of labels can promise so small an error, got {max_error!r}")
    return math.ceil(needed)


def lowest_error(labels: int) -> float:
    """Lowest error that so many labels could promise, were every one of their verdicts right."""
    return 1 - CHANCE ** (1 / labels) if labels else 1.0


def promise(confidence: Sequence[float], right: Sequence[bool], max_error: float) -> Promise:
    """Find the lowest confidence from which the error is held.

    Args:
        confidence: (n,) of labelled answers, 0 to 1.
        right: (n,) whether each verdict was right.
        max_error: Wanted share of wrong verdicts, above 0 and below 1.

    Raises:
        GraderError: There are fewer labels than any promise of this error needs, or it is out of range.
    """
    needed, answers = labels_needed(max_error), len(confidence)
    if answers < needed:
        raise GraderError(f"not enough labels to promise this: {answers:,}, at least {needed:,} needed")
    order = np.argsort(-np.asarray(confidence), kind="stable")
    sure, wrong = np.asarray(confidence)[order], np.cumsum(~np.asarray(right, dtype=np.bool_)[order])
    chance, starts = CHANCE, [needed]
    if answers >= STARTS * labels_needed(max_error, CHANCE / STARTS):
        chance /= STARTS
        starts = [labels_needed(max_error, chance), *(answers * part // STARTS for part in range(1, STARTS))]
    held = Promise(max_error, _UNREACHED, 0, 0, answers)
    for start in starts:
        for least in [*range(start, answers, max(1, answers // STEPS)), answers]:
            threshold = float(sure[least - 1])
            kept = int(np.searchsorted(-sure, -threshold, side="right"))
            if _binomial_tail(int(wrong[kept - 1]), kept, max_error) > chance:
                break
            if kept > held.kept:
                held = Promise(max_error, threshold, kept, int(wrong[kept - 1]), answers)
    return held


def _binomial_tail(hits: int, trials: int, rate: float) -> float:
    """Probability of at most so many hits."""
    whole, log_rate, log_rest = math.lgamma(trials + 1), math.log(rate), math.log1p(-rate)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_rate + (trials - k) * log_rest)
        for k in range(hits + 1)
    )
