"""A promised error: held in as many draws as stated, refused where labels are too few."""

from __future__ import annotations

import numpy as np
import pytest

from grader.doubt import CHANCE, labels_needed, lowest_error, promise
from grader.doubt.promise import _binomial_tail
from grader.errors import GraderError

stats = pytest.importorskip("scipy.stats")


def draw(rng, size, sharpness):
    """Draw confidences and whether verdicts are right, more often so where sure; gives each answer's own risk too."""
    confidence = rng.random(size)
    risk = 0.5 * (1 - confidence) ** sharpness
    return confidence, rng.random(size) >= risk


def true_risk(threshold, sharpness):
    """Mean risk of the answers from a threshold on."""
    return 0.5 * (1 - threshold) ** sharpness / (sharpness + 1)


@pytest.mark.parametrize("max_error", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_the_error_is_held_in_as_many_draws_as_promised(max_error, sharpness):
    rng, draws, broken = np.random.default_rng(7), 400, 0
    for _ in range(draws):
        confidence, right = draw(rng, 300, sharpness)
        found = promise(confidence.tolist(), right.tolist(), max_error)
        broken += found.kept > 0 and true_risk(found.threshold, sharpness) > max_error
    # three standard errors of a share of 400 draws that is CHANCE at most
    assert broken / draws <= CHANCE + 3 * (CHANCE * (1 - CHANCE) / draws) ** 0.5


def test_more_labels_keep_more():
    kept = []
    for size in (100, 1000, 10_000):
        confidence, right = draw(np.random.default_rng(0), size, 1.0)
        kept.append(promise(confidence.tolist(), right.tolist(), 0.1).kept / size)
    assert kept == sorted(kept)
    # of endless labels: 0.25 (1 - t) = 0.1 at t = 0.6, so 40 % are kept
    assert kept[-1] == pytest.approx(0.4, abs=0.04)


@pytest.mark.parametrize("max_error", [0.01, 0.05, 0.1, 0.2, 0.5])
def test_the_labels_needed_are_the_fewest_that_can_promise(max_error):
    needed = labels_needed(max_error)
    assert (1 - max_error) ** needed <= CHANCE < (1 - max_error) ** (needed - 1)
    assert promise([0.9] * needed, [True] * needed, max_error).kept == needed
    with pytest.raises(GraderError, match=f"not enough labels to promise this: {needed - 1}, at least {needed} needed"):
        promise([0.9] * (needed - 1), [True] * (needed - 1), max_error)
    assert labels_needed(lowest_error(needed)) == pytest.approx(needed, abs=1)
    assert lowest_error(needed) <= max_error < lowest_error(needed - 1)


def test_no_labels_promise_nothing():
    assert lowest_error(0) == 1
    with pytest.raises(GraderError, match="not enough labels to promise this: 0, at least 45 needed"):
        promise([], [], 0.05)


def test_an_error_that_no_threshold_holds_keeps_nothing():
    found = promise([0.9] * 500, [n % 2 == 0 for n in range(500)], 0.1)
    assert (found.threshold, found.kept, found.answers) == (1.0, 0, 500)


def test_answers_that_are_equally_sure_are_kept_or_left_together():
    confidence, right = [0.9] * 100 + [0.5] * 100, [True] * 100 + [False] * 100
    found = promise(confidence, right, 0.1)
    assert (found.threshold, found.kept, found.wrong) == (0.9, 100, 0)
    assert promise(confidence[::-1], right[::-1], 0.1) == found


@pytest.mark.parametrize("max_error", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_an_error_outside_of_0_to_1_is_refused(max_error):
    with pytest.raises(GraderError, match="above 0 and below 1"):
        promise([0.9] * 1000, [True] * 1000, max_error)


def test_an_error_too_small_for_any_number_of_labels_is_refused():
    assert labels_needed(1e-300) > 10**300
    with pytest.raises(GraderError, match="no number of labels can promise so small an error, got 1e-310"):
        labels_needed(1e-310)


@pytest.mark.parametrize(("hits", "trials", "rate"), [(0, 45, 0.05), (3, 100, 0.1), (40, 1000, 0.05), (7, 7, 0.5)])
def test_the_binomial_tail_equals_scipy(hits, trials, rate):
    assert _binomial_tail(hits, trials, rate) == pytest.approx(stats.binom.cdf(hits, trials, rate))
