"""Counting: which way a grade may move, what counts, how sure the share is."""

from __future__ import annotations

import pytest
from fakes import FakeGrader, make_grade

from grader.attacks import Case, Expect, Result, attack, groups, table, wilson
from grader.schema import Unscored, Verdict

CORRECT, PARTIAL, WRONG = (make_grade(verdict=v) for v in (Verdict.CORRECT, Verdict.PARTIAL, Verdict.CONTRADICTORY))
LEFT = Unscored("s", "q", "no reason")


def result(expect, outcome, base, name="negation"):
    return Result(Case(name, "q", "en", "a", "b" if base else None, expect), outcome, base)


@pytest.mark.parametrize(
    ("expect", "outcome", "base", "wrong"),
    [
        (Expect.NOT_CORRECT, CORRECT, CORRECT, True),
        (Expect.NOT_CORRECT, PARTIAL, CORRECT, False),
        (Expect.NOT_CORRECT, CORRECT, None, True),
        (Expect.NO_RAISE, PARTIAL, WRONG, True),
        (Expect.NO_RAISE, PARTIAL, PARTIAL, False),
        (Expect.NO_RAISE, WRONG, CORRECT, False),
        (Expect.NO_RAISE, CORRECT, LEFT, True),
        (Expect.NO_RAISE, LEFT, PARTIAL, False),
        (Expect.KEPT, PARTIAL, CORRECT, True),
        (Expect.KEPT, CORRECT, None, False),
        (Expect.KEPT, LEFT, None, True),
    ],
)
def test_a_grade_that_moved_the_way_it_must_not_is_wrong(expect, outcome, base, wrong):
    assert result(expect, outcome, base).counts
    assert result(expect, outcome, base).wrong is wrong


@pytest.mark.parametrize("expect", [Expect.NOT_CORRECT, Expect.KEPT])
def test_a_base_that_does_not_pass_tells_nothing(expect):
    (row,) = table([result(expect, CORRECT, PARTIAL)])
    assert (row.cases, row.wrong, row.left_out, row.share) == (0, 0, 1, 0.0)


@pytest.mark.parametrize(
    ("wrong", "cases", "low", "high"), [(0, 0, 0, 1), (0, 10, 0, 0.278), (1, 10, 0.018, 0.404), (10, 10, 0.722, 1)]
)
def test_the_interval_is_wilsons(wrong, cases, low, high):
    assert wilson(wrong, cases) == pytest.approx((low, high), abs=0.001)


def test_goals_are_counted_by_group():
    found = [
        result(Expect.NO_RAISE, PARTIAL, WRONG, "injection alone"),
        result(Expect.NOT_CORRECT, CORRECT, CORRECT, "number"),
        result(Expect.KEPT, CORRECT, None, "accepted wordings"),
        result(Expect.NOT_CORRECT, CORRECT, None, "question echoed"),
    ]
    assert [(row.attack, row.wrong, row.cases) for row in groups(found)] == [
        ("injections", 1, 1), ("changed meaning", 1, 1), ("paraphrases", 0, 1)
    ]  # fmt: skip


def test_every_text_is_graded_once_and_a_detected_language_is_not_named():
    grader = FakeGrader()
    cases = [
        Case("negation", "q", "es", "partial one", "correct base", Expect.NOT_CORRECT),
        Case("number", "q", "es", "partial two", "correct base", Expect.NOT_CORRECT),
        Case("other language, detected", "q", "es", "correct three", "correct base", Expect.KEPT, named=False),
    ]
    found = attack(cases, grader)
    assert grader.windows == [4]
    assert [r.wrong for r in found] == [False, False, False]
    assert [r.outcome.lang for r in found if r.outcome.verdict is Verdict.CORRECT] == ["en"]
