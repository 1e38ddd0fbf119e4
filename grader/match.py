"""From what the pair model read to a verdict, criteria and points: one fitted rule, no side effects.

The rule, in three steps.

1. *Verdict.* A multinomial logistic regression over the features below gives the probability of each of the
   five labels; the most probable one is the verdict and its probability the confidence.
2. *Criteria.* A logistic regression over a criterion's own reading gives the probability that the answer
   expresses it, kept inside what the verdict's probabilities imply: a correct answer expresses every
   criterion, an irrelevant one none. A criterion is met from one half on, and the set of met criteria is made
   consistent with the verdict: all for correct, some but not all for partial, none for irrelevant.
3. *Points.* The met criteria's points, scaled to ``max_points``. A contradictory answer keeps at most half.
   A question with one criterion gives half its points to a partial answer.

Both regressions were fitted on answers to questions that the pair model had not seen (``training/fit_rule.py``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.schema import Verdict

VERDICTS = tuple(Verdict)
CORRECT, PARTIAL, CONTRADICTORY, IRRELEVANT, NON_DOMAIN = range(5)
HALF = 0.5
CLIP = 3.0  # standard deviations
LENGTH = 1  # place of the length among the surface features
RULE_FILE = Path(__file__).parent / "weights" / "rule.json"
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What the models saw in one answer.

    Args:
        references: (R, 5) label probabilities against each reference.
        criteria: (C, 5), the best wording of each criterion; no rows where the question has no rubric.
        misconceptions: (M, 5).
        surface: Features of ``grader.surface``.
    """

    references: Array
    criteria: Array
    misconceptions: Array
    surface: tuple[float, ...]


@dataclass(frozen=True)
class Decision:
    """What the rule makes of a reading.

    Args:
        verdict: The most probable label.
        probabilities: (5,) of the labels, summing to one.
        criteria: Probability that each criterion is expressed.
        met: Whether each counts as expressed.
        misconceptions: Probability that each is asserted.
        share: Points over full mark, 0 to 1.
    """

    verdict: Verdict
    probabilities: Array
    criteria: tuple[float, ...]
    met: tuple[bool, ...]
    misconceptions: tuple[float, ...]
    share: float


class Regression:
    """A fitted logistic regression: standardise, clip, multiply, soft-max.

    Features are clipped at three standard deviations, so that an answer unlike any other cannot carry a sum away.

    Args:
        saved: ``mean``, ``scale`` (F,), ``weights`` (K, F) and ``bias`` (K,).
    """

    def __init__(self, saved: Mapping[str, Sequence[float]]) -> None:
        self._mean, self._scale = np.array(saved["mean"]), np.array(saved["scale"])
        self._weights, self._bias = np.array(saved["weights"]), np.array(saved["bias"])

    def __call__(self, features: Array) -> Array:
        """Class probabilities (K,) of one feature vector (F,)."""
        # Sums in a fixed order: a matrix product's order may depend on its shape.
        scores = (self._weights * ((features - self._mean) / self._scale).clip(-CLIP, CLIP)).sum(axis=1) + self._bias
        exp = np.exp(scores - scores.max())
        out: Array = exp / exp.sum()
        return out


@dataclass(frozen=True)
class Rule:
    """Everything that was fitted.

    Args:
        rubric: Verdict regression for questions with a rubric.
        references: Verdict regression for questions with references alone.
        criterion: Regression that a criterion is expressed.
        misconception: Regression that a misconception is asserted.
        review_below: Confidence under which a person should look.
        revision: Identifies the rule in a receipt.
    """

    rubric: Regression
    references: Regression
    criterion: Regression
    misconception: Regression
    review_below: float
    revision: str


@cache
def load_rule() -> Rule:
    """Read the fitted rule that ships with the package."""
    import hashlib

    data = RULE_FILE.read_bytes()
    saved = json.loads(data)
    return Rule(
        rubric=Regression(saved["rubric"]),
        references=Regression(saved["references"]),
        criterion=Regression(saved["criterion"]),
        misconception=Regression(saved["misconception"]),
        review_below=saved["review_below"],
        revision=hashlib.sha256(data).hexdigest()[:12],
    )


def logit(p: Array) -> Array:
    """Log odds of probabilities, kept finite."""
    clipped = np.clip(p, 1e-5, 1 - 1e-5)
    out: Array = np.log(clipped / (1 - clipped))
    return out


def best_reference(references: Array) -> Array:
    """The row (5,) of the reference that the answer most probably expresses."""
    row: Array = references[references[:, CORRECT].argmax()]
    return row


def reference_features(reading: Reading) -> Array:
    """Features of the verdict regression where there are references alone."""
    best = best_reference(reading.references)
    return np.concatenate(
        (
            np.log(best.clip(1e-5)),
            np.log(reading.references.mean(axis=0).clip(1e-5)),
            [logit(reading.references[:, CONTRADICTORY]).max()],
            reading.surface,
        )
    )


def rubric_features(reading: Reading) -> Array:
    """Features of the verdict regression where there is a rubric."""
    expressed = logit(reading.criteria[:, CORRECT])
    held = logit(reading.misconceptions[:, CORRECT]) if len(reading.misconceptions) else np.full(1, -6.0)
    denied = logit(reading.criteria[:, CONTRADICTORY])
    return np.concatenate(
        (
            reference_features(reading),
            [expressed.min(), expressed.mean(), expressed.max(), denied.max(), denied.mean(), held.max(), held.mean()],
            [logit(reading.criteria[:, NON_DOMAIN]).mean(), logit(reading.criteria[:, IRRELEVANT]).mean()],
        )
    )


def statement_features(row: Array, reading: Reading, others: Array) -> Array:
    """Features of the criterion and misconception regressions.

    Args:
        row: (5,) label probabilities against the statement.
        reading: The answer's whole reading.
        others: (C, 5) readings of all criteria.
    """
    best = best_reference(reading.references)
    return np.concatenate(
        (
            [logit(row[CORRECT]), logit(row[CONTRADICTORY]), logit(row[PARTIAL]), logit(row[IRRELEVANT])],
            logit(best[[CORRECT, PARTIAL, CONTRADICTORY]]),
            [logit(others[:, CORRECT]).mean(), logit(others[:, CONTRADICTORY]).max(), reading.surface[LENGTH]],
        )
    )


def decide(reading: Reading, weights: Sequence[float], rule: Rule) -> Decision:
    """Apply the rule.

    Args:
        reading: What the models saw.
        weights: Points of each criterion; one number where the question has no rubric.
        rule: The fitted rule.
    """
    if not len(reading.criteria):
        return _decide_by_references(reading, rule)
    probabilities = rule.rubric(rubric_features(reading))
    winner = int(probabilities.argmax())
    low = probabilities[CORRECT]
    high = 1 - probabilities[IRRELEVANT] - probabilities[NON_DOMAIN]
    raw = [float(rule.criterion(statement_features(row, reading, reading.criteria))[1]) for row in reading.criteria]
    expressed = tuple(float(min(max(p, low), max(low, high))) for p in raw)
    met = _consistent(expressed, winner)
    held = tuple(
        float(rule.misconception(statement_features(row, reading, reading.criteria))[1])
        for row in reading.misconceptions
    )
    share = sum(w for w, is_met in zip(weights, met, strict=True) if is_met) / sum(weights)
    if winner == PARTIAL and len(met) == 1:
        share = HALF
    if winner == CONTRADICTORY:
        share = min(share, HALF)
    return Decision(VERDICTS[winner], probabilities, expressed, met, held, share)


def _decide_by_references(reading: Reading, rule: Rule) -> Decision:
    probabilities = rule.references(reference_features(reading))
    winner = int(probabilities.argmax())
    share = {CORRECT: 1.0, PARTIAL: HALF}.get(winner, 0.0)
    return Decision(VERDICTS[winner], probabilities, (float(probabilities[CORRECT]),), (winner == CORRECT,), (), share)


def _consistent(expressed: Sequence[float], winner: int) -> tuple[bool, ...]:
    """Which criteria count as met under a verdict."""
    met = [p >= HALF for p in expressed]
    if winner == CORRECT:
        return (True,) * len(met)
    if winner in {IRRELEVANT, NON_DOMAIN}:
        return (False,) * len(met)
    if winner == PARTIAL and len(met) > 1:
        order = np.argsort(expressed)
        met[int(order[-1])], met[int(order[0])] = True, False
    if winner == PARTIAL and len(met) == 1:
        return (False,)
    return tuple(met)
