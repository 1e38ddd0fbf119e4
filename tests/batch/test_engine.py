"""Batch: order, windows and constant memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest
from fakes import FakeGrader

from grader.batch import Tally, grade_stream
from grader.schema import Outcome, Submission, Unscored, Verdict


def rows(count: int, answer: str = "partial") -> list[Submission]:
    return [Submission(f"s{place}", "q-1", answer) for place in range(count)]


def test_order_is_kept_and_unreadable_rows_stay_in_their_place():
    mixed: list[Submission | Unscored] = list(rows(7))
    mixed.insert(0, Unscored("bad-0", "", "line 2: not JSON"))
    mixed.insert(4, Unscored("bad-4", "q-1", "no answer"))
    ids = [outcome.submission_id for outcome in grade_stream(mixed, FakeGrader(), window_rows=3)]
    assert ids == [row.submission_id for row in mixed]


@pytest.mark.parametrize("window_rows", [1, 2, 63, 1000])
def test_the_window_changes_no_outcome(window_rows):
    answers = itertools.cycle(["correct", "partial", "", "irrelevant"])
    submissions = [Submission(f"s{place}", "q-1", next(answers)) for place in range(100)]
    expected = FakeGrader().grade(submissions)
    assert list(grade_stream(submissions, FakeGrader(), window_rows=window_rows)) == expected


def test_reading_never_runs_more_than_a_window_ahead():
    taken = 0

    def endless() -> Iterator[Submission]:
        nonlocal taken
        for place in itertools.count():
            taken += 1
            yield Submission(f"s{place}", "q-1", "partial")

    stream = grade_stream(endless(), FakeGrader(), window_rows=10)
    assert len(list(itertools.islice(stream, 25))) == 25
    assert taken <= 30


def test_a_window_closes_early_when_its_answers_are_long():
    grader = FakeGrader()
    list(grade_stream(rows(10, "x" * 400), grader, window_rows=100, window_chars=1000))
    assert grader.windows == [3, 3, 3, 1]


def test_the_answers_of_a_choice_given_as_a_list_count_as_text():
    grader = FakeGrader()
    submissions = [Submission(f"s{place}", "q-2", ("partial", "y" * 600)) for place in range(4)]
    list(grade_stream(submissions, grader, window_chars=1000))
    assert grader.windows == [2, 2]


def test_a_window_of_unreadable_rows_does_not_trouble_the_grader():
    grader = FakeGrader()
    assert len(list(grade_stream([Unscored("a", "", "blank")] * 3, grader))) == 3
    assert grader.windows == []


def test_a_grader_that_loses_a_row_is_noticed():
    class Forgetful(FakeGrader):
        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            return super().grade(submissions)[:-1]

    with pytest.raises(RuntimeError, match="1 outcomes for 2 submissions"):
        list(grade_stream(rows(2), Forgetful()))


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0, got 0"):
        list(grade_stream(rows(1), FakeGrader(), window_rows=0))


def count(outcomes: list[Outcome]) -> Tally:
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    return tally


def test_the_tally_counts_verdicts_reviews_and_the_mean_of_graded_scores_only():
    submissions = [Submission(f"s{place}", "q-1", word) for place, word in enumerate(("correct", "partial", "", ""))]
    tally = count(FakeGrader().grade(submissions))
    assert (tally.rows, tally.graded, tally.unscored, tally.mean_score) == (4, 2, 2, 0.75)
    assert tally.verdicts == {Verdict.CORRECT: 1, Verdict.PARTIAL: 1}


def test_the_tally_of_nothing_has_no_mean():
    assert Tally().mean_score is None
    assert Tally().answers_per_s is None


def test_reasons_that_differ_only_in_their_values_are_one_reason():
    same = count([Unscored("a", "q-9", "unknown question 'q-9'")] * 2)
    assert same.reasons.top() == (("unknown question 'q-9'", 2),)
    varied = count([Unscored("a", "q", f"line {place}: unknown question 'q-{place}'") for place in range(9)])
    assert varied.reasons.top() == (("unknown question …", 9),)


def test_a_million_different_reasons_take_no_memory():
    tally = count([Unscored("a", "q", "reason " + "x" * place) for place in range(150)])
    for place in range(3000):
        tally.add(Unscored("a", "q", "odd " + chr(0x4E00 + place)))
    assert len(tally.reasons.rows) <= 201
    assert tally.unscored == 3150
