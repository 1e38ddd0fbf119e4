"""How well verdicts, scores and confidences agree with a person's: pure arithmetic on arrays.

Verdict metrics take a confusion matrix (C, C) of counts, gold in rows and predicted in columns, so that a bootstrap
is a sum of matrices. ``None`` means "not defined here".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.schema import ThreeWay, TwoWay, Verdict

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Metric = Callable[[Counts], float | None]

VERDICTS: tuple[Verdict, ...] = tuple(Verdict)
THREE_WAY: dict[Verdict, ThreeWay] = {
    Verdict.CORRECT: "correct",
    Verdict.PARTIAL: "incorrect",
    Verdict.CONTRADICTORY: "contradictory",
    Verdict.IRRELEVANT: "incorrect",
    Verdict.NON_DOMAIN: "incorrect",
}
TWO_WAY: dict[Verdict, TwoWay] = {
    verdict: "correct" if verdict is Verdict.CORRECT else "incorrect" for verdict in VERDICTS
}
CREDIT: dict[Verdict, str] = {
    Verdict.CONTRADICTORY: "none",
    Verdict.IRRELEVANT: "none",
    Verdict.NON_DOMAIN: "none",
    Verdict.PARTIAL: "partial",
    Verdict.CORRECT: "full",
}
"""Verdicts by the credit they stand for; its values in this order, lowest first."""


@dataclass(frozen=True)
class Interval:
    """A bootstrap percentile interval of 95 %.

    Args:
        low: 2.5th percentile.
        high: 97.5th percentile.
    """

    low: float
    high: float


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers whose confidence fell between two bounds.

    Args:
        lower: Lowest confidence in the bin.
        upper: Highest.
        count: Answers in the bin, above zero.
        confidence: Their mean confidence.
        accuracy: Share of them that were right.
    """

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class RiskPoint:
    """The error among the most confident share of the answers.

    Args:
        coverage: Share of answers kept, above 0 to 1.
        risk: Share of those that are wrong.
    """

    coverage: float
    risk: float


def confusion(pairs: Iterable[tuple[str, str]], classes: Sequence[str]) -> Counts:
    """Count pairs.

    Args:
        pairs: (gold, predicted) classes.
        classes: (C,) in the order of rows and columns.
    """
    index = {name: place for place, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for gold, predicted in pairs:
        matrix[index[gold], index[predicted]] += 1
    return matrix


def accuracy(matrix: Counts) -> float | None:
    """Share of answers on the diagonal; ``None`` of no answers."""
    total = int(matrix.sum())
    return int(np.trace(matrix)) / total if total else None


def macro_f1(matrix: Counts) -> float | None:
    """Mean F1 over the classes that occur as gold or as predicted; a class never hit counts 0."""
    hits = np.diag(matrix).astype(np.float64)
    sizes = (matrix.sum(axis=0) + matrix.sum(axis=1)).astype(np.float64)
    present = sizes > 0
    return float(np.mean(2 * hits[present] / sizes[present])) if present.any() else None


def cohen_kappa(matrix: Counts) -> float | None:
    """Agreement beyond chance (Cohen, 1960); ``None`` where chance alone already agrees fully."""
    return _weighted_kappa(matrix, 1.0 - np.eye(len(matrix)))


def ordinal_kappa(matrix: Counts) -> float | None:
    """Quadratic weighted kappa over neighbouring, equally spaced classes, lowest first."""
    ranks = np.arange(len(matrix), dtype=np.float64)
    return _weighted_kappa(matrix, np.square(ranks[:, None] - ranks[None, :]))


def _weighted_kappa(matrix: Counts, disagreement: Floats) -> float | None:
    total = float(matrix.sum())
    by_chance = float((disagreement * np.outer(matrix.sum(axis=1), matrix.sum(axis=0))).sum())
    if not by_chance:
        return None
    return 1.0 - float((disagreement * matrix).sum()) * total / by_chance


def score_kappa(gold: Floats, predicted: Floats) -> float | None:
    """Quadratic weighted kappa of two numeric scores, without binning.

    With squared weights the usual table reduces to moments: expected disagreement is
    ``var(gold) + var(predicted) + (mean difference)^2``. ``None`` where both are one same constant.
    """
    by_chance = float(gold.var() + predicted.var() + (gold.mean() - predicted.mean()) ** 2) if len(gold) else 0.0
    return 1.0 - float(np.mean(np.square(gold - predicted))) / by_chance if by_chance else None


def pearson(first: Floats, second: Floats) -> float | None:
    """Pearson correlation; ``None`` below two pairs or where either side is constant."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:  # noqa: PLR2004 -- a line needs two points
        return None
    a, b = first - first.mean(), second - second.mean()
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def rmse(gold: Floats, predicted: Floats) -> float | None:
    """Root mean squared error; ``None`` of no pairs."""
    return float(np.sqrt(np.mean(np.square(gold - predicted)))) if len(gold) else None


def reliability(confidence: Floats, right: NDArray[np.bool_], *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Group answers into bins of about equally many, by confidence.

    Equal mass keeps every bin's accuracy about equally well known. Equal confidences stay together, so the order of
    rows plays no part and a bin may be empty; it is left out.

    Args:
        confidence: (n,), 0 to 1.
        right: (n,), whether the verdict was right.
        bins: Number of bins.
    """
    if not len(confidence):
        return ()
    _, group, size = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = np.cumsum(size) - size / 2
    place = (middle * bins / len(confidence)).astype(np.int64)[group]
    found = []
    for index in np.unique(place):
        inside = place == index
        found.append(
            ReliabilityBin(
                lower=float(confidence[inside].min()),
                upper=float(confidence[inside].max()),
                count=int(inside.sum()),
                confidence=float(confidence[inside].mean()),
                accuracy=float(right[inside].mean()),
            )
        )
    return tuple(found)


def calibration_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """Expected calibration error: mean gap of confidence and accuracy, weighted by count (Naeini et al., 2015)."""
    total = sum(found.count for found in bins)
    return sum(found.count * abs(found.confidence - found.accuracy) for found in bins) / total if total else None


def brier(confidence: Floats, right: NDArray[np.bool_]) -> float | None:
    """Mean squared gap of confidence and outcome (Brier, 1950); lower is better, ``None`` of no answers."""
    return float(np.mean(np.square(confidence - right))) if len(confidence) else None


def risk_coverage(confidence: Floats, right: NDArray[np.bool_]) -> Floats:
    """Error among the k most confident answers, for k = 1 to n (El-Yaniv & Wiener, 2010).

    Equal confidences cannot be told apart, so each of them carries their mean error: the order of rows plays no part.
    The mean of the result is the area under the risk-coverage curve (AURC); lower is better.

    Args:
        confidence: (n,), 0 to 1.
        right: (n,), whether the verdict was right.

    Returns:
        (n,) risks; entry k - 1 belongs to coverage k / n.
    """
    if not len(confidence):
        return np.zeros(0)
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    mean_error = np.bincount(group, weights=~right) / size
    risks: Floats = np.cumsum(np.repeat(mean_error, size)) / np.arange(1, len(confidence) + 1)
    return risks


def thin_curve(risks: Floats, *, points: int = 20) -> tuple[RiskPoint, ...]:
    """Read a risk-coverage curve at equally spaced coverages, the last one being all answers."""
    kept = sorted({int(np.ceil(len(risks) * step / points)) for step in range(1, points + 1)}) if len(risks) else []
    return tuple(RiskPoint(k / len(risks), float(risks[k - 1])) for k in kept)


def bootstrap(clusters: Sequence[Counts], metric: Metric, *, draws: int = 1000, seed: int = 0) -> Interval | None:
    """Interval of a metric when whole questions are resampled with replacement.

    Answers to one question are alike, so resampling single answers would promise too much. One cluster alone is
    resampled answer by answer, there being nothing else to resample.

    Args:
        clusters: One confusion matrix (C, C) a question.
        metric: Of a confusion matrix; draws where it is ``None`` are left out.
        draws: Number of resamples.
        seed: Same seed, same interval.
    """
    stack = np.stack(clusters) if clusters else np.zeros((0, 1, 1), dtype=np.int64)
    if not stack.sum():
        return None
    rng = np.random.default_rng(seed)
    if len(stack) > 1:
        picks = rng.multinomial(len(stack), np.full(len(stack), 1 / len(stack)), size=draws)
        samples = np.tensordot(picks, stack, axes=1)
    else:
        cells = stack[0].ravel()
        samples = rng.multinomial(cells.sum(), cells / cells.sum(), size=draws).reshape(draws, *stack[0].shape)
    values = [value for value in map(metric, samples) if value is not None]
    if not values:
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(float(low), float(high))
