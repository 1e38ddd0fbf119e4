"""The rule: from readings to a verdict whose criteria and points agree with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import copies, surface
from grader.match import VERDICTS, Decision, Reading, Rule, _consistent, conclude, estimate, load_rule
from grader.schema import Verdict

RULE = load_rule()
NAMES = (*surface.NAMES, *copies.NAMES)
RIGHT, HALFWAY, WRONG, BESIDE, _ = (np.eye(5) * 0.95 + 0.01).tolist()


@st.composite
def readings(draw: st.DrawFn, least_criteria: int = 1) -> tuple[Reading, list[float]]:
    """Readings of random label probabilities, sharp ones among them, with the points of their criteria."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tilt = np.array(draw(st.lists(st.floats(0.02, 5), min_size=5, max_size=5)))

    def rows(count: int) -> np.ndarray[Any, Any]:
        return random.dirichlet(tilt, size=count).reshape(-1, 5)

    criteria = draw(st.integers(least_criteria, 5)) if least_criteria else 0
    described = tuple(draw(st.floats(0, 6 if name == "length" else 1)) for name in NAMES)
    reading = Reading(rows(draw(st.integers(1, 6))), rows(criteria), rows(draw(st.integers(0, 4))), described)
    return reading, draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=criteria, max_size=criteria)) or [1.0]


def decide(reading: Reading, weights: list[float], rule: Rule) -> Decision:
    return conclude(estimate(reading, rule), weights)


def _check(decision: Decision, criteria: int) -> None:
    met, share = decision.met, decision.share
    assert decision.verdict is VERDICTS[int(decision.probabilities.argmax())]
    assert len(met) == len(decision.criteria) == criteria
    assert 0 <= share <= 1
    match decision.verdict:
        case Verdict.CORRECT:
            assert all(met)
            assert share == 1
        case Verdict.PARTIAL:
            assert not all(met)
            assert any(met) == (criteria > 1)
            assert 0 < share < 1
        case Verdict.CONTRADICTORY:
            assert share <= 0.5
        case _:
            assert not any(met)
            assert share == 0


def _reading(reference: list[float], criteria: list[list[float]], misconceptions: list[list[float]]) -> Reading:
    described = tuple({"novelty": 0.8, "length": 2.8, "function_words": 0.4}.get(name, 0.0) for name in NAMES)
    rows = [np.array(block).reshape(-1, 5) for block in ([reference], criteria, misconceptions)]
    return Reading(*rows, described)


@given(readings())
def test_probabilities_sum_to_one(drawn):
    decision = decide(*drawn, RULE)
    assert decision.probabilities.shape == (5,)
    assert decision.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert all(0 <= p <= 1 for p in (*decision.probabilities, *decision.criteria, *decision.misconceptions))


@given(readings())
def test_criteria_and_points_agree_with_the_verdict(drawn):
    decision = decide(*drawn, RULE)
    _check(decision, len(drawn[0].criteria))


@given(readings(least_criteria=0))
def test_without_a_rubric_the_references_decide(drawn):
    reading, weights = drawn
    decision = decide(reading, weights, RULE)
    _check(decision, 1)
    assert decision.misconceptions == ()


@given(readings())
def test_the_same_reading_gives_the_same_decision(drawn):
    one, other = decide(*drawn, RULE), decide(*drawn, RULE)
    assert one.probabilities.tobytes() == other.probabilities.tobytes()
    assert (one.verdict, one.criteria, one.met, one.misconceptions, one.share) == (
        other.verdict, other.criteria, other.met, other.misconceptions, other.share,
    )  # fmt: skip


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 4))
def test_met_criteria_follow_the_verdict_whatever_their_probability(expressed, winner):
    met = _consistent(expressed, winner)
    assert len(met) == len(expressed)
    expected = {0: {True}, 3: {False}, 4: {False}}
    if winner in expected:
        assert set(met) == expected[winner]
    if winner == 1 and len(met) > 1:
        assert set(met) == {True, False}


@pytest.mark.parametrize(
    ("reading", "verdict"),
    [
        (_reading(RIGHT, [RIGHT, RIGHT], [WRONG, WRONG]), Verdict.CORRECT),
        (_reading(WRONG, [WRONG, WRONG], [RIGHT, BESIDE]), Verdict.CONTRADICTORY),
        (_reading(HALFWAY, [RIGHT, BESIDE], [BESIDE, BESIDE]), Verdict.PARTIAL),
        (_reading(BESIDE, [BESIDE, BESIDE], [BESIDE, BESIDE]), Verdict.IRRELEVANT),
    ],
)
def test_a_clear_reading_gets_its_verdict(reading, verdict):
    assert decide(reading, [1.0, 1.0], RULE).verdict is verdict


def test_points_follow_the_weights_of_the_criteria():
    reading = _reading(HALFWAY, [RIGHT, BESIDE], [BESIDE])
    assert decide(reading, [3.0, 1.0], RULE).share == 0.75
    assert decide(reading, [1.0, 3.0], RULE).share == 0.25


def test_the_rule_is_read_once_and_names_its_revision():
    assert load_rule() is RULE
    assert len(RULE.revision) == 12
