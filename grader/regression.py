"""A fitted logistic regression, and the odds that it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

CLIP = 3.0  # standard deviations
LEAST = 1e-5  # probability that a logarithm still sees
Array = NDArray[np.float64]


def logit(p: Array) -> Array:
    """Log odds of probabilities, kept finite."""
    clipped = np.clip(p, LEAST, 1 - LEAST)
    out: Array = np.log(clipped / (1 - clipped))
    return out


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
