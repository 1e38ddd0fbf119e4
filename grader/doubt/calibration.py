"""From the rule's confidence to the probability that the verdict is right.

Each language, and each basis of grading, has its own map with two numbers (Platt, 1999): the log odds of the
confidence times a slope plus an offset. The slope is above zero, so more sure stays more sure. Isotonic regression
would fit freer shapes, but joins neighbours into ties, which costs abstention its order, and asks for more labels
than a class has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from grader.doubt.promise import Promise, promise
from grader.errors import GraderError
from grader.schema import Lang, Quiz, Rubric

Basis = Literal["rubric", "references", "judged rubric", "judged references"]
Part = tuple[Basis, Lang]
"""What a free answer was graded by, and its language: each part is calibrated by itself.

``judged``: a judge gave a verdict beside the tier. Where it was not asked or gave none, the tier's parts hold.
"""

MOST_SURE = 0.999
"""Highest calibrated confidence; 1 is kept for what is not estimated, such as choices and blank answers."""
REFERENCE = "reference"
"""Id of the one criterion that stands for the references where a question has no rubric."""
MIN_SLOPE = 0.05
_LEAST = 1e-4
_STEPS, _SETTLED = 100, 1e-9


def grader_name(tier: str, judge: str | None) -> str:
    """Name a tier, with its judge if there is one; every server is ``server``, whatever its address."""
    if judge is None:
        return tier
    return f"{tier}+server" if "://" in judge else f"{tier}+{judge}"


def basis_of(*, rubric: bool, judged: bool) -> Basis:
    """Name what an answer was graded by."""
    if judged:
        return "judged rubric" if rubric else "judged references"
    return "rubric" if rubric else "references"


def parts_of(quiz: Quiz, rubric: Rubric, judged: Sequence[bool] = (False,)) -> tuple[Part, ...]:
    """List the parts that answers to the free questions of a quiz may belong to.

    Args:
        quiz: The quiz.
        rubric: Its rubric.
        judged: Whether a judge's verdict counts, may count (both values), or not.
    """
    free = [question.id in rubric.questions for question in quiz.questions if question.type == "free"]
    bases = {basis_of(rubric=found, judged=asked) for found in free for asked in judged}
    return tuple((basis, lang) for basis in sorted(bases) for lang in quiz.langs)


@dataclass(frozen=True)
class Labelled:
    """One answer whose verdict a person judged.

    Args:
        confidence: The rule's, before any calibration, 0 to 1.
        right: Whether the verdict was right.
    """

    confidence: float
    right: bool


@dataclass(frozen=True)
class Calibration:
    """The map of one part, and the labels behind it.

    Args:
        slope: Of the log odds, above zero.
        offset: Added to them.
        origin: Which answers the labels belong to.
        questions: How many questions they answer.
        labelled: The answers; what a promise is tested on.
    """

    slope: float
    offset: float
    origin: str
    questions: int
    labelled: tuple[Labelled, ...]

    def __call__(self, confidence: float) -> float:
        """Calibrated confidence, three decimals, at most :data:`MOST_SURE`."""
        return min(round(_sigmoid(self.slope * _logit(confidence) + self.offset), 3), MOST_SURE)

    def undo(self, confidence: float) -> float:
        """The rule's confidence behind a calibrated one, up to its rounding."""
        return _sigmoid((_logit(confidence) - self.offset) / self.slope)


@dataclass(frozen=True)
class Doubt:
    """How sure the grades of one tier and judge are.

    Args:
        grader: Name of the tier, with ``+`` and the judge where there is one.
        parts: Calibrations; the confidence of another part stays as the rule gives it.
        promises: Thresholds of a wanted error; where there are none, the rule's own threshold counts.
    """

    grader: str
    parts: Mapping[Part, Calibration] = field(default_factory=dict)
    promises: Mapping[Part, Promise] = field(default_factory=dict)

    def confidence(self, raw: float, part: Part) -> float:
        """Calibrated confidence, three decimals, at most :data:`MOST_SURE`."""
        return self.parts[part](raw) if part in self.parts else min(round(raw, 3), MOST_SURE)

    def review_below(self, part: Part, usual: float) -> float:
        """Confidence under which a person should look; ``usual`` where nothing was promised."""
        return self.promises[part].threshold if part in self.promises else usual

    def with_max_error(self, max_error: float, parts: Iterable[Part]) -> Doubt:
        """Make the same doubt that sends to review what cannot be graded within an error.

        Args:
            max_error: Wanted share of wrong verdicts among the answers kept, above 0 and below 1.
            parts: What is going to be graded.

        Raises:
            GraderError: A part has too few labels to promise this.
        """
        return replace(self, promises={part: self._promise(part, max_error) for part in parts})

    def _promise(self, part: Part, max_error: float) -> Promise:
        calibration = self.parts.get(part)
        labelled = calibration.labelled if calibration else ()
        confidence = [self.confidence(answer.confidence, part) for answer in labelled]
        try:
            return promise(confidence, [answer.right for answer in labelled], max_error)
        except GraderError as error:
            raise GraderError(f"{self.grader}, {' '.join(part)}: {error}") from error

    @cached_property
    def digest(self) -> str:
        """Identify what decides confidence and review in a receipt."""
        maps = sorted((part, found.slope, found.offset) for part, found in self.parts.items())
        thresholds = sorted((part, found.max_error, found.threshold) for part, found in self.promises.items())
        return hashlib.sha256(json.dumps([maps, thresholds]).encode()).hexdigest()[:12]


def fit(
    labelled: Sequence[Labelled], *, prior: tuple[float, float] = (1.0, 0.0), strength: float = 0.0
) -> tuple[float, float]:
    """Fit slope and offset by penalised maximum likelihood.

    Args:
        labelled: At least one answer.
        prior: Slope and offset that few labels stay close to.
        strength: Weight of the prior; without any, Platt's softened targets keep the fit finite.

    Raises:
        ValueError: There are no answers.
    """
    if not labelled:
        raise ValueError("there are no labelled answers to fit")
    z = np.array([_logit(answer.confidence) for answer in labelled])
    right = np.array([answer.right for answer in labelled], dtype=np.float64)
    if not strength:
        hits = right.sum()
        right = np.where(right > 0, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))
    features, centre = np.stack([z, np.ones_like(z)], axis=1), np.array(prior)
    found = _climb(features, right, centre, strength)
    if found[0] < MIN_SLOPE:
        offset = _climb(features[:, 1:], right, centre[1:], strength, fixed=MIN_SLOPE * z)
        return MIN_SLOPE, float(offset[0])
    return float(found[0]), float(found[1])


def _climb(
    features: np.ndarray, right: np.ndarray, centre: np.ndarray, strength: float, fixed: np.ndarray | float = 0.0
) -> np.ndarray:
    """Newton's method on the log likelihood of a logistic regression, halving steps that lose."""
    ridge = strength * np.eye(len(centre))
    tiny = 1e-9 * np.eye(len(centre))

    def loss(weights: np.ndarray) -> float:
        score = features @ weights + fixed
        away = weights - centre
        return float((np.logaddexp(0, score) - right * score).sum() + away @ ridge @ away / 2)

    weights = centre.astype(np.float64)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(features @ weights + fixed)))
        slope = features.T @ (right - p) - ridge @ (weights - centre)
        step = np.linalg.solve(features.T @ (features * (p * (1 - p))[:, None]) + ridge + tiny, slope)
        while loss(weights + step) > loss(weights) and np.abs(step).max() > _SETTLED:
            step = step / 2
        if np.abs(step).max() <= _SETTLED:
            break
        weights = weights + step
    return weights


def _logit(p: float) -> float:
    clipped = min(max(p, _LEAST), 1 - _LEAST)
    return float(np.log(clipped / (1 - clipped)))


def _sigmoid(score: float) -> float:
    return float(1 / (1 + np.exp(-score)))
