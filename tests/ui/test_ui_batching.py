"""Simultaneous callers share batches, equal answers are graded once, and a full line refuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from fakes import make_grade

from grader.errors import ModelUnavailableError
from grader.schema import Outcome, Submission
from grader.ui.batching import BATCH_S, MAX_BATCH, Batching, BusyError

TIMEOUT_S = 30


class Desk:
    """Grades while it is open; ``batches`` are the quizzes and answers of each call."""

    def __init__(self, trouble: Callable[[str], None] = lambda _answer: None, *, slow_s: float = 0.0) -> None:
        self.open, self.busy = threading.Event(), threading.Lock()
        self.batches: list[tuple[str, list[str]]] = []
        self.trouble, self.slow_s = trouble, slow_s

    def grade(self, quiz: str, submissions: Sequence[Submission]) -> list[Outcome]:
        """Note the batch, wait until open, grade."""
        assert self.busy.acquire(blocking=False), "called twice at once"
        answers = [str(submission.answer) for submission in submissions]
        self.batches.append((quiz, answers))
        try:
            assert self.open.wait(TIMEOUT_S)
            time.sleep(self.slow_s * len(answers))
            for answer in answers:
                self.trouble(answer)
        finally:
            self.busy.release()
        return [make_grade(row.submission_id, feedback=str(row.answer)) for row in submissions]


def row(answer: str, submission_id: str = "s", **changes: str) -> Submission:
    fields = {"question_id": "q-1", "lang": "en", **changes}
    return Submission(submission_id, answer=answer, **fields)


def start(desk: Desk, batching: Batching) -> Future[Outcome]:
    """Ask something and wait until it is being graded."""
    first = batching.ask("a", row("first"))
    deadline = time.monotonic() + TIMEOUT_S
    while not desk.batches:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return first


def test_who_gathers_while_others_are_graded_is_graded_together_and_in_order():
    desk = Desk()
    batching = Batching(desk.grade)
    first = start(desk, batching)
    rest = [batching.ask("a", row(f"answer {n}", f"s{n}")) for n in range(5)]
    desk.open.set()
    assert first.result(TIMEOUT_S).feedback == "first"
    assert [future.result(TIMEOUT_S).feedback for future in rest] == [f"answer {n}" for n in range(5)]
    assert desk.batches == [("a", ["first"]), ("a", [f"answer {n}" for n in range(5)])]


def test_equal_answers_are_graded_once_and_each_keeps_its_own_id():
    desk = Desk()
    batching = Batching(desk.grade)
    start(desk, batching)
    during = batching.ask("a", row("first", "late"))
    waiting = [batching.ask("a", row("same", f"s{n}")) for n in range(20)]
    desk.open.set()
    assert [future.result(TIMEOUT_S).submission_id for future in waiting] == [f"s{n}" for n in range(20)]
    assert during.result(TIMEOUT_S).submission_id == "late"
    assert desk.batches == [("a", ["first"]), ("a", ["same"])]


def test_answers_that_differ_in_question_language_or_quiz_are_not_equal():
    desk = Desk()
    batching = Batching(desk.grade)
    start(desk, batching)
    others = [("a", row("x")), ("b", row("x")), ("a", row("x", lang="es")), ("a", row("x", question_id="q-2"))]
    futures = [batching.ask(quiz, submission) for quiz, submission in others]
    desk.open.set()
    wait(futures, TIMEOUT_S)
    assert desk.batches[1:] == [("a", ["x", "x", "x"]), ("b", ["x"])]


def test_one_more_than_may_wait_is_refused_and_the_others_are_not():
    desk = Desk()
    batching = Batching(desk.grade, capacity=3)
    futures = [start(desk, batching), *(batching.ask("a", row(f"{n}")) for n in range(2))]
    for _ in range(5):
        with pytest.raises(BusyError, match="3 answers are waiting") as caught:
            batching.ask("a", row("one more"))
        assert caught.value.retry_s >= 1
    desk.open.set()
    assert not wait(futures, TIMEOUT_S).not_done
    assert batching.ask("a", row("one more")).result(TIMEOUT_S).feedback == "one more"


def test_whoever_gives_up_leaves_the_line_and_is_not_graded():
    desk = Desk()
    batching = Batching(desk.grade, capacity=2)
    first = start(desk, batching)
    assert batching.ask("a", row("given up")).cancel()
    last = batching.ask("a", row("last"))
    desk.open.set()
    wait([first, last], TIMEOUT_S)
    assert desk.batches[1:] == [("a", ["last"])]


def test_an_answer_that_breaks_the_grader_takes_no_other_with_it():
    def break_on(answer: str) -> None:
        if answer == "poison":
            raise ZeroDivisionError

    desk = Desk(break_on)
    batching = Batching(desk.grade)
    start(desk, batching)
    futures = [batching.ask("a", row(answer)) for answer in ("x", "poison", "y")]
    desk.open.set()
    assert isinstance(futures[1].exception(TIMEOUT_S), ZeroDivisionError)
    assert [futures[n].result(TIMEOUT_S).feedback for n in (0, 2)] == ["x", "y"]


def test_a_missing_model_is_told_to_all_at_once():
    def refuse(_answer: str) -> None:
        raise ModelUnavailableError("no weights")

    desk = Desk(refuse)
    batching = Batching(desk.grade)
    futures = [start(desk, batching), *(batching.ask("a", row(f"{n}")) for n in range(3))]
    desk.open.set()
    assert all(isinstance(future.exception(TIMEOUT_S), ModelUnavailableError) for future in futures)
    assert len(desk.batches) == 2


def test_a_grader_that_loses_an_outcome_is_noticed():
    batching = Batching(lambda _quiz, _submissions: [])
    assert "0 outcomes for 1 answers" in str(batching.ask("a", row("x")).exception(TIMEOUT_S))


def test_batches_are_cut_to_the_pace_of_the_grader():
    desk = Desk(slow_s=BATCH_S / 5)
    desk.open.set()
    batching = Batching(desk.grade)
    assert batching.ask("a", row("first")).result(TIMEOUT_S).feedback == "first"
    wait([batching.ask("a", row(f"{n}")) for n in range(12)], TIMEOUT_S)
    sizes = [len(answers) for _, answers in desk.batches]
    assert sum(sizes) == 13
    assert max(sizes[3:], default=1) <= 6


def test_a_flood_from_many_threads_is_answered_or_refused_and_nothing_hangs():
    desk = Desk()
    desk.open.set()
    batching = Batching(desk.grade, capacity=32)
    seen = []

    def call(number: int) -> None:
        try:
            seen.append(batching.ask("a", row(f"{number % 50}", f"s{number}")).result(TIMEOUT_S).submission_id)
        except BusyError:
            seen.append(f"s{number}")

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(call, range(2_000)))
    assert sorted(seen) == sorted(f"s{number}" for number in range(2_000))
    assert max(len(answers) for _, answers in desk.batches) <= MAX_BATCH
