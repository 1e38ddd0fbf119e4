"""What tier and judge say together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.match import Estimate, combine, conclude


def estimates() -> st.SearchStrategy[Estimate]:
    """Two criteria, one misconception; probabilities of nothing and everything among them."""

    def make(verdict: list[float], criteria: list[float], held: float) -> Estimate:
        labels = np.array(verdict) + 1e-9
        return Estimate(labels / labels.sum(), np.array(criteria), np.array([held]))

    share = st.floats(0, 1)
    return st.builds(make, st.lists(share, min_size=5, max_size=5), st.lists(share, min_size=2, max_size=2), share)


@given(estimates(), estimates(), st.floats(0, 1))
def test_probabilities_stay_probabilities(tier, judge, weight):
    both = combine(tier, judge, weight)
    assert both.verdict.sum() == pytest.approx(1)
    for values in (both.verdict, both.criteria, both.misconceptions):
        assert ((values >= 0) & (values <= 1)).all()
    assert 0 <= conclude(both, [1.0, 2.0]).share <= 1


@given(estimates(), estimates(), st.floats(0, 1))
def test_who_is_called_first_does_not_matter(tier, judge, weight):
    one, other = combine(tier, judge, weight), combine(judge, tier, 1 - weight)
    np.testing.assert_allclose(one.verdict, other.verdict)
    np.testing.assert_allclose(one.criteria, other.criteria)


@given(estimates(), st.floats(0, 1))
def test_two_that_agree_change_nothing(tier, weight):
    both = combine(tier, tier, weight)
    np.testing.assert_allclose(both.verdict, tier.verdict, atol=6e-5)
    np.testing.assert_allclose(both.criteria, tier.criteria, atol=2e-5)


@given(estimates(), estimates())
def test_without_weight_the_other_decides(tier, judge):
    np.testing.assert_allclose(combine(tier, judge, 0.0).verdict, tier.verdict, atol=6e-5)
    np.testing.assert_allclose(combine(tier, judge, 1.0).criteria, judge.criteria, atol=2e-5)


@given(estimates(), estimates())
def test_more_weight_moves_a_criterion_towards_the_judge(tier, judge):
    light, heavy = combine(tier, judge, 0.2).criteria, combine(tier, judge, 0.8).criteria
    assert (abs(heavy - judge.criteria) <= abs(light - judge.criteria) + 1e-4).all()


def test_without_a_rubric_there_are_no_criteria_to_join():
    none, labels = np.empty(0), np.array([0.6, 0.1, 0.1, 0.1, 0.1])
    assert len(combine(Estimate(labels, none, none), Estimate(labels, none, none), 0.5).criteria) == 0
