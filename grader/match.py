"""From what the pair model read to a verdict, criteria and points: one fitted rule, no side effects.

The rule: ``estimate`` takes the first two steps as far as probabilities, ``conclude`` the rest.

1. *Verdict.* A multinomial logistic regression over the features below gives the probability of each of the
   five labels; the most probable one is the verdict and its probability the confidence.
2. *Criteria.* A logistic regression over a criterion's own reading gives the probability that the answer
   expresses it, kept inside what the verdict's probabilities imply: a correct answer expresses every
   criterion, an irrelevant one none. A criterion is met from one half on, and the set of met criteria is made
   consistent with the verdict: all for correct, some but not all for partial, none for irrelevant.
3. *Points.* The met criteria's points, scaled to ``max_points``. A contradictory answer keeps at most half.
   A question with one criterion gives half its points to a partial answer.

Both regressions were fitted on answers to questions that the model had not seen, and on made-up ones: noise, and right
answers to other questions (``training/fit_rule.py``).
Where the accurate tier's second model or a judge read the answer too, its reading is estimated likewise and ``combine``
joins both before the conclusion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from grader.errors import ModelUnavailableError
from grader.regression import LEAST, Array, Regression, logit
from grader.schema import Lang, Verdict
from grader.shipped import read_fitted

VERDICTS = tuple(Verdict)
CORRECT, PARTIAL, CONTRADICTORY, IRRELEVANT, NON_DOMAIN = range(5)
HALF = 0.5
LENGTH = 1  # place of the length among the surface features
RULE_FILE = Path(__file__).parent / "weights" / "rule.json"


@dataclass(frozen=True)
class Reading:
    """What the models saw in one answer.

    Args:
        references: (R, 5) label probabilities against each reference.
        criteria: (C, 5), the best wording of each criterion; no rows where the question has no rubric.
        misconceptions: (M, 5).
        surface: Features of ``grader.surface``, then of ``grader.copies``.
    """

    references: Array
    criteria: Array
    misconceptions: Array
    surface: tuple[float, ...]


@dataclass(frozen=True)
class Estimate:
    """What the regressions say of a reading, each on its own.

    Args:
        verdict: (5,) probabilities of the labels, summing to one.
        criteria: (C,) probability that each criterion is expressed; empty where the question has no rubric.
        misconceptions: (M,) probability that each is asserted.
    """

    verdict: Array
    criteria: Array
    misconceptions: Array


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
        judge: The same regressions fitted on readings of the local judge; ``None`` where there are none.
        judge_weight: Share of a judge in ``combine``.
        accurate: The same regressions fitted on readings of the accurate tier's second model, and the share of a judge
            beside both; ``None`` where there are none.
        accurate_weights: Share of that model in ``combine``, by the answer's language.
    """

    rubric: Regression
    references: Regression
    criterion: Regression
    misconception: Regression
    review_below: float
    revision: str
    judge: Rule | None = None
    judge_weight: float = HALF
    accurate: Rule | None = None
    accurate_weights: Mapping[Lang, float] = field(default_factory=dict)


@cache
def load_rule() -> Rule:
    """Read the fitted rule that ships with the package.

    Raises:
        ModelUnavailableError: The file is missing or damaged.
    """
    return read_fitted(RULE_FILE, parse_rule)


def parse_rule(saved: Mapping[str, Any], revision: str) -> Rule:
    """Build a rule from what a rule file holds; ``judge``, ``accurate`` and their weights may be missing."""
    shared = {name: saved[name] for name in ("review_below", "judge_weight") if name in saved}

    def section(name: str) -> Rule | None:
        return parse_rule({**shared, **saved[name]}, revision) if name in saved else None

    accurate = section("accurate")
    return Rule(
        rubric=Regression(saved["rubric"]),
        references=Regression(saved["references"]),
        criterion=Regression(saved["criterion"]),
        misconception=Regression(saved["misconception"]),
        review_below=saved["review_below"],
        revision=revision,
        judge=section("judge"),
        judge_weight=float(saved.get("judge_weight", HALF)),
        accurate=accurate,
        accurate_weights={lang: float(saved["accurate_weights"][lang]) for lang in get_args(Lang)} if accurate else {},
    )


def accurate_section(rule: Rule) -> Rule:
    """What was fitted on the accurate tier's second model.

    Raises:
        ModelUnavailableError: Nothing was.
    """
    if rule.accurate is None:
        raise ModelUnavailableError(
            f"{RULE_FILE} has no section for the accurate tier; reinstall the grader, or use --tier embedded"
        )
    return rule.accurate


def best_reference(references: Array) -> Array:
    """The row (5,) of the reference that the answer most probably expresses."""
    row: Array = references[references[:, CORRECT].argmax()]
    return row


def reference_features(reading: Reading) -> Array:
    """Features of the verdict regression where there are references alone."""
    best = best_reference(reading.references)
    return np.concatenate(
        (
            np.log(best.clip(LEAST)),
            np.log(reading.references.mean(axis=0).clip(LEAST)),
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


def estimate(reading: Reading, rule: Rule) -> Estimate:
    """Turn a reading into probabilities.

    Args:
        reading: What one model saw.
        rule: Fitted on readings of that model.
    """
    others, none = reading.criteria, np.empty(0)
    if not len(others):
        return Estimate(rule.references(reference_features(reading)), none, none)
    expressed = [rule.criterion(statement_features(row, reading, others))[1] for row in others]
    held = [rule.misconception(statement_features(row, reading, others))[1] for row in reading.misconceptions]
    return Estimate(rule.rubric(rubric_features(reading)), np.array(expressed), np.array(held))


def combine(tier: Estimate, judge: Estimate, weight: float) -> Estimate:
    """Join what two models make of one answer: a logarithmic opinion pool (Genest and Zidek, 1986).

    Each probability of a label becomes the weighted geometric mean of both, scaled so that the five sum to one;
    each of a criterion or misconception the same of its odds.

    Args:
        tier: Of one model, or of several joined before.
        judge: Of another, about the same criteria and misconceptions.
        weight: The other's share, 0 to 1; at either end one of the two is returned, up to rounding.
    """

    def pooled(one: Array, other: Array) -> Array:
        odds = (1 - weight) * logit(one) + weight * logit(other)
        out: Array = 1 / (1 + np.exp(-odds))
        return out

    scores = (1 - weight) * np.log(tier.verdict.clip(LEAST)) + weight * np.log(judge.verdict.clip(LEAST))
    exp = np.exp(scores - scores.max())
    return Estimate(
        exp / exp.sum(), pooled(tier.criteria, judge.criteria), pooled(tier.misconceptions, judge.misconceptions)
    )


def conclude(found: Estimate, weights: Sequence[float]) -> Decision:
    """Turn probabilities into a verdict, the criteria met and the points.

    Args:
        found: The probabilities.
        weights: Points of each criterion; one number where the question has no rubric.
    """
    probabilities = found.verdict
    winner = int(probabilities.argmax())
    if not len(found.criteria):
        share = {CORRECT: 1.0, PARTIAL: HALF}.get(winner, 0.0)
        return Decision(
            VERDICTS[winner], probabilities, (float(probabilities[CORRECT]),), (winner == CORRECT,), (), share
        )
    low = probabilities[CORRECT]
    high = 1 - probabilities[IRRELEVANT] - probabilities[NON_DOMAIN]
    expressed = tuple(float(min(max(p, low), max(low, high))) for p in found.criteria)
    met = _consistent(expressed, winner)
    share = sum(w for w, is_met in zip(weights, met, strict=True) if is_met) / sum(weights)
    if winner == PARTIAL and len(met) == 1:
        share = HALF
    if winner == CONTRADICTORY:
        share = min(share, HALF)
    held = tuple(float(p) for p in found.misconceptions)
    return Decision(VERDICTS[winner], probabilities, expressed, met, held, share)


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
