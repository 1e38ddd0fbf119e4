"""Agreement metrics against scikit-learn, scipy and hand-worked cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from grader.report import agreement as agree
from grader.schema import Verdict

metrics = pytest.importorskip("sklearn.metrics")

NAMES = [verdict.value for verdict in Verdict]


def draw(seed, size=400, classes=5):
    """Draw labels that agree about half of the time."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, classes, size)
    predicted = np.where(rng.random(size) < 0.5, gold, rng.integers(0, classes, size))
    return gold, predicted


def table(gold, predicted, classes=5):
    names = [str(place) for place in range(classes)]
    return agree.confusion(zip(map(str, gold), map(str, predicted), strict=True), names)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_verdict_metrics_equal_scikit_learn(seed, classes):
    gold, predicted = draw(seed, classes=classes)
    matrix = table(gold, predicted, classes)
    assert matrix.tolist() == metrics.confusion_matrix(gold, predicted).tolist()
    assert agree.accuracy(matrix) == pytest.approx(metrics.accuracy_score(gold, predicted))
    assert agree.macro_f1(matrix) == pytest.approx(metrics.f1_score(gold, predicted, average="macro"))
    assert agree.cohen_kappa(matrix) == pytest.approx(metrics.cohen_kappa_score(gold, predicted))
    expected = metrics.cohen_kappa_score(gold, predicted, weights="quadratic")
    assert agree.ordinal_kappa(matrix) == pytest.approx(expected)


def test_macro_f1_counts_a_class_that_is_never_hit_as_zero_and_an_absent_one_not_at_all():
    gold, predicted = [0, 0, 1, 1], [0, 0, 0, 2]
    expected = metrics.f1_score(gold, predicted, average="macro", zero_division=0)
    assert agree.macro_f1(table(gold, predicted)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_score_kappa_equals_the_table_of_scikit_learn_on_whole_points(seed):
    gold, predicted = draw(seed, classes=4)
    expected = metrics.cohen_kappa_score(gold, predicted, weights="quadratic")
    assert agree.score_kappa(gold.astype(float), predicted.astype(float)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_pearson_and_rmse_equal_numpy(seed):
    gold, predicted = (side.astype(float) for side in draw(seed))
    assert agree.pearson(gold, predicted) == pytest.approx(np.corrcoef(gold, predicted)[0, 1])
    assert agree.rmse(gold, predicted) == pytest.approx(metrics.mean_squared_error(gold, predicted) ** 0.5)


def test_what_is_not_defined_is_none_and_never_nan():
    nothing = table([], [])
    assert agree.accuracy(nothing) is agree.macro_f1(nothing) is agree.cohen_kappa(nothing) is None
    assert agree.cohen_kappa(table([1, 1], [1, 1])) is None
    assert agree.pearson(np.ones(3), np.arange(3.0)) is None
    assert agree.pearson(np.ones(1), np.ones(1)) is None
    assert agree.score_kappa(np.ones(3), np.ones(3)) is None
    assert agree.rmse(np.zeros(0), np.zeros(0)) is None
    assert agree.calibration_error(agree.reliability(np.zeros(0), np.zeros(0, dtype=bool))) is None
    assert agree.thin_curve(agree.risk_coverage(np.zeros(0), np.zeros(0, dtype=bool))) == ()
    assert agree.bootstrap([], agree.accuracy) is None
    assert agree.bootstrap([nothing], agree.accuracy) is None


def test_every_verdict_has_its_coarser_class():
    assert {verdict: agree.THREE_WAY[verdict] for verdict in Verdict} == {
        "correct": "correct",
        "partial": "incorrect",
        "contradictory": "contradictory",
        "irrelevant": "incorrect",
        "non_domain": "incorrect",
    }
    assert [agree.TWO_WAY[verdict] for verdict in Verdict] == ["correct", *["incorrect"] * 4]
    assert list(dict.fromkeys(agree.CREDIT.values())) == ["none", "partial", "full"]


def test_reliability_of_a_hand_worked_case():
    confidence = np.array([1.0, 0.1, 0.15, 0.95, 0.0, 1.0])
    right = np.array([False, False, True, True, False, True])
    low, middle, high = agree.reliability(confidence, right, bins=3)
    assert (low.count, low.accuracy, low.confidence) == (2, 0.0, pytest.approx(0.05))
    assert (middle.lower, middle.upper, middle.count, middle.accuracy) == (0.15, 0.95, 2, 1.0)
    assert (high.count, high.accuracy) == (2, 0.5)
    assert agree.calibration_error((low, middle, high)) == pytest.approx((2 * 0.05 + 2 * 0.45 + 2 * 0.5) / 6)


def test_bins_hold_equally_many_and_equal_confidences_stay_together():
    confidence = np.random.default_rng(0).random(1000)
    bins = agree.reliability(confidence, confidence > 0.5)
    assert [found.count for found in bins] == [100] * 10
    assert all(low.upper < high.lower for low, high in itertools.pairwise(bins))
    (alone,) = agree.reliability(np.full(7, 0.6), np.arange(7) < 3)
    assert (alone.count, alone.accuracy) == (7, pytest.approx(3 / 7))


def test_brier_equals_scikit_learn():
    rng = np.random.default_rng(0)
    confidence, right = rng.random(200), rng.random(200) < 0.6
    assert agree.brier(confidence, right) == pytest.approx(metrics.brier_score_loss(right, confidence))
    assert agree.brier(np.zeros(0), np.zeros(0, dtype=bool)) is None


def test_a_calibrated_grader_has_no_calibration_error():
    rng = np.random.default_rng(0)
    confidence = rng.random(200_000)
    bins = agree.reliability(confidence, rng.random(200_000) < confidence)
    # the standard error of a bin's accuracy is at most 0.5 / sqrt(20,000) = 0.0035
    assert agree.calibration_error(bins) < 3 * 0.0035


def test_risk_coverage_of_a_hand_worked_case():
    risks = agree.risk_coverage(np.array([0.9, 0.2, 0.8, 0.5]), np.array([True, False, False, True]))
    assert risks.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])


def test_risk_of_equal_confidences_does_not_depend_on_the_order_of_rows():
    confidence, right = np.array([0.5, 0.5, 0.5, 0.9]), np.array([True, False, False, True])
    for order in ([0, 1, 2, 3], [2, 1, 0, 3], [3, 0, 2, 1]):
        assert agree.risk_coverage(confidence[order], right[order]).tolist() == pytest.approx([0, 1 / 3, 4 / 9, 1 / 2])


def test_a_thinned_curve_ends_at_full_coverage():
    risks = agree.risk_coverage(np.linspace(1, 0, 63), np.arange(63) % 3 > 0)
    curve = agree.thin_curve(risks, points=20)
    assert (len(curve), curve[-1].coverage) == (20, 1.0)
    assert curve[-1].risk == pytest.approx(risks[-1])
    assert len(agree.thin_curve(risks[:3], points=20)) == 3


def test_the_bootstrap_is_seeded_and_covers_the_value():
    clusters = [table(*draw(seed, size=40)) for seed in range(12)]
    first = agree.bootstrap(clusters, agree.accuracy)
    assert first == agree.bootstrap(clusters, agree.accuracy)
    assert first != agree.bootstrap(clusters, agree.accuracy, seed=1)
    assert first.low < agree.accuracy(sum(clusters)) < first.high


def test_the_bootstrap_resamples_whole_questions():
    good, bad = table([0] * 50, [0] * 50), table([0] * 50, [1] * 50)
    interval = agree.bootstrap([good, bad] * 2, agree.accuracy)
    assert (interval.low, interval.high) == (0.0, 1.0)
    alone = agree.bootstrap([good + bad], agree.accuracy)
    # one question alone is resampled by answer: the standard error of a share of 100 answers is 0.05
    assert alone.low == pytest.approx(0.4, abs=0.03)
    assert alone.high == pytest.approx(0.6, abs=0.03)
