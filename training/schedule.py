"""How the learning rate rises and falls in every run."""

from __future__ import annotations

import math

WARM_UP, FLOOR = 0.06, 0.02


def factor(progress: float, total: int) -> float:
    """Share of the full rate: a linear warm-up, then half a cosine, never under ``FLOOR`` once warm.

    Args:
        progress: How much of the stage is done, by its steps or by the clock, 0 to 1.
        total: Steps of the stage, so that the first one is not at rate 0.
    """
    return min(1.0, (progress + 1 / total) / WARM_UP) * max(FLOOR, 0.5 * (1 + math.cos(math.pi * progress)))
