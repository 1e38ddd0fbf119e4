"""The bench: order, threads and budget."""

from __future__ import annotations

import threading

import pytest
from judge_fakes import FakeJudge, bench_of

from grader.errors import GraderError
from grader.judge import Bench, Case, JudgeFailure, JudgeSettings, choose_judge, open_bench


def cases(*answers: str) -> list[Case]:
    return [Case("Why?", answer, ("A statement.",), "en") for answer in answers]


def test_replies_come_in_the_order_of_the_answers_whoever_is_first():
    last = threading.Event()

    def wait(answer: str) -> None:
        if answer == "a fail":
            assert last.wait(5)
        if answer == "d":
            last.set()

    found = bench_of(FakeJudge(at_once=4, wait=wait)).ask(cases("a fail", "b", "c", "d"))
    assert isinstance(found[0], JudgeFailure)
    assert [isinstance(reply, list) for reply in found] == [False, True, True, True]


def test_no_more_answers_are_in_flight_than_the_judge_takes():
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def wait(_answer: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(5)
        with lock:
            running -= 1

    bench_of(FakeJudge(at_once=2, wait=wait)).ask(cases(*map(str, range(8))))
    assert most == 2


def test_equal_answers_are_asked_about_once():
    judge = FakeJudge()
    found = bench_of(judge).ask(cases("a", "b", "a"))
    assert found[0] == found[2]
    assert [answer for answer, _ in judge.asked] == ["a", "b"]


def test_sentences_apart_are_read_by_themselves_and_spend_no_call_of_their_own():
    judge = FakeJudge()
    whole = Case("Why?", "A. B.", ("C. D.", "E."), "en", (("A.", "C."), ("B.", "D.")))
    (rows,) = bench_of(judge, max_calls=1).ask([whole])
    assert isinstance(rows, list)
    assert len(rows) == 4
    assert judge.asked == [("A. B.", ("C. D.", "E.")), ("A.", ("C.",)), ("B.", ("D.",))]
    failed = Case("Why?", "A.", ("C.",), "en", (("fail", "C."),))
    assert bench_of(judge).ask([failed]) == [JudgeFailure("the judge said no")]


@pytest.mark.parametrize("windows", [[4], [1, 3], [2, 2], [1, 1, 1, 1]])
def test_the_budget_is_spent_in_the_order_of_the_answers(windows):
    judge, texts = FakeJudge(at_once=4), iter("aabc")
    bench = bench_of(judge, max_calls=3)
    found = [reply for size in windows for reply in bench.ask(cases(*(next(texts) for _ in range(size))))]
    assert [isinstance(reply, list) for reply in found] == [True, True, True, False]
    assert found[3] == JudgeFailure("the budget of 3 calls is spent")


def test_without_a_budget_left_the_judge_is_not_even_loaded():
    bench = Bench("fake", "id", lambda: pytest.fail("the judge was loaded"), max_calls=0)
    assert bench.ask(cases("a")) == [JudgeFailure("the budget of 0 calls is spent")]
    assert bench.ask([]) == []


def test_what_goes_wrong_in_a_thread_is_raised():
    def wait(answer: str) -> None:
        if answer == "b":
            raise GraderError("the cache cannot be used")

    with pytest.raises(GraderError, match="cache"):
        bench_of(FakeJudge(at_once=2, wait=wait)).ask(cases("a", "b", "c"))


def test_none_is_no_judge():
    assert choose_judge("none") is None


@pytest.mark.parametrize("name", ["local", "prompt", "http://localhost:8000", "https://h/v1"])
def test_a_judge_is_asked_where_the_tier_is_unsure_unless_told_otherwise(name):
    assert choose_judge(name) == JudgeSettings(name, "unsure", None, None)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Local", {}, "no judge 'Local': give none, local, prompt"),
        ("", {}, "no judge ''"),
        ("localhost:8000", {}, "no judge"),
        ("ftp://h", {}, "no judge"),
        ("\x1b[31mred\u202e", {}, r"no judge '\[31mred'"),
        ("local", {"model": "m"}, "on a server only, and the judge is 'local'"),
        ("none", {"model": "m"}, "on a server only"),
        ("local", {"max_calls": -1}, "0 or more, got -1"),
    ],
)
def test_what_is_no_judge_is_the_callers_mistake(name, options, message):
    with pytest.raises(GraderError, match=message):
        choose_judge(name, **options)


def test_a_server_that_is_not_there_is_said_when_it_is_named():
    with pytest.raises(GraderError, match=r"no judge at http://127\.0\.0\.1:9/v1: .* name another URL"):
        open_bench(JudgeSettings("http://127.0.0.1:9"))


def test_a_local_judge_without_its_adapter_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.judge.local.ADAPTER_FOLDER", tmp_path)
    monkeypatch.setattr("grader.judge.base.base_folder", lambda: pytest.fail("the base was looked for first"))
    with pytest.raises(GraderError, match="install the grader again, or ask the same model without it: --judge prompt"):
        open_bench(JudgeSettings("local"))


def test_the_untrained_base_is_asked_only_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.judge.local.ADAPTER_FOLDER", tmp_path)
    monkeypatch.setattr("grader.judge.base.base_folder", lambda: tmp_path)
    bench = open_bench(JudgeSettings("prompt"))
    assert bench.name == "prompt"
    assert ":examples:" in bench.identity
