"""Equal answers are graded once, and get what each alone would get."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes import FakeGrader, make_grade

from grader.batch import GradedOnce
from grader.batch.equal import MAX_KEPT_CHARS
from grader.schema import Grade, JudgeNote, Outcome, Submission, Unscored


class Recording(FakeGrader):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Submission] = []

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade and remember."""
        self.asked += submissions
        return super().grade(submissions)


def alone(rows: list[Submission]) -> list[Outcome]:
    return [FakeGrader().grade([row])[0] for row in rows]


def test_each_answer_gets_the_grade_that_it_gets_alone():
    answers = ["partial", "correct one", "partial", "unscored", "correct one", "unscored", "contradictory", "partial "]
    rows = [Submission(f"s{n}", f"q-{n % 2}", answer) for n, answer in enumerate(answers * 3)]
    once = GradedOnce(FakeGrader())
    assert [*once.grade(rows[:5]), *once.grade(rows[5:])] == alone(rows)


def test_equal_answers_are_asked_about_once_within_a_window_and_between_windows():
    grader = Recording()
    once = GradedOnce(grader)
    for first in (0, 10):
        once.grade([Submission(f"s{first + n}", "q-1", "partial") for n in range(10)])
    assert len(grader.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        Submission("b", "q-2", "sí"),
        Submission("b", "q-1", "sí", "es"),
        Submission("b", "q-1", "sí "),
        Submission("b", "q-1", "si\u0301"),
        Submission("b", "q-1", ("sí",)),
    ],
    ids=["question", "language", "space", "normal form", "list"],
)
def test_what_is_not_equal_in_everything_that_decides_is_graded_anew(other):
    grader = Recording()
    GradedOnce(grader).grade([Submission("a", "q-1", "sí"), other])
    assert len(grader.asked) == 2


def test_the_grader_sees_a_window_sorted_by_question():
    grader = Recording()
    GradedOnce(grader).grade([Submission(f"s{n}", f"q-{n % 3}", f"answer {n}") for n in range(9)])
    assert [row.question_id for row in grader.asked] == sorted(row.question_id for row in grader.asked)


def test_memory_is_bounded_in_grades_and_in_the_length_of_answers():
    grader = Recording()
    once = GradedOnce(grader, kept=2)
    for answer in ("a", "b", "a", "c", "a", "b"):
        once.grade([Submission("s", "q-1", answer)])
    assert [row.answer for row in grader.asked] == ["a", "b", "c", "b"]
    long = "x" * (MAX_KEPT_CHARS + 1)
    once.grade([Submission("s", "q-1", long)])
    once.grade([Submission("s", "q-1", long)])
    assert [row.answer for row in grader.asked][-2:] == [long, long]


def test_what_failed_is_tried_again_for_the_next_window():
    class Failing:
        calls = 0

        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            self.calls += 1
            note = JudgeNote("local", "unscored", "out of memory")
            unsure: Grade = make_grade(submissions[0].submission_id, judge=note)
            return [unsure if self.calls > 1 else Unscored("s", "q-1", "no memory")]

    failing = Failing()
    once = GradedOnce(failing)
    for _ in range(3):
        once.grade([Submission("s", "q-1", "partial")])
    assert failing.calls == 3


def test_a_grader_that_loses_a_row_is_noticed():
    class Forgetful(FakeGrader):
        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            return super().grade(submissions)[:-1]

    with pytest.raises(RuntimeError, match="0 outcomes for 1 submissions"):
        GradedOnce(Forgetful()).grade([Submission("s", "q-1", "partial")])
