"""The judge on the command line."""

from __future__ import annotations

import gc
import json

import pytest
from fakes import FakeGrader, make_grade

from grader.grade import Grader
from grader.judge import JudgeSettings, RemoteJudge, open_bench
from grader.schema import JudgeNote

GRADE = ("grade", "--question", "q-1", "an answer")


class JudgedGrader(FakeGrader):
    """Says that a judge was asked, and what came of it."""

    def __init__(self, note: JudgeNote) -> None:
        super().__init__()
        self._note = note

    def _grade(self, submission):  # noqa: ANN202 -- as the grader that it stands for
        return make_grade(submission.submission_id, judge=self._note, lang=submission.lang or "en")


@pytest.fixture
def opened(monkeypatch, fake_grader):
    """Every judge that a grader was opened with."""
    found = []

    def open_fake(*_course: object, judge: JudgeSettings | None = None, **_options: object) -> FakeGrader:
        found.append(judge)
        return fake_grader

    monkeypatch.setattr(Grader, "open", open_fake)
    return found


def test_no_judge_is_asked_unless_named(run, opened, quiz):
    assert run(*GRADE, "--quiz", quiz).exit_code == 0
    assert opened == [None]


@pytest.fixture
def batch_command(quiz, submissions, tmp_path):
    """Grade a file."""
    return "batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.jsonl"


@pytest.mark.parametrize("name", ["local", "prompt", "http://localhost:8000/v1"])
def test_a_judge_is_opened_as_named(run, opened, quiz, batch_command, name):
    options = ("--judge", name, "--judge-when", "always", "--judge-max-calls", 7)
    assert run(*GRADE, "--quiz", quiz, *options).exit_code == 0
    assert run(*batch_command, *options).exit_code == 1
    assert opened == [JudgeSettings(name, "always", 7)] * 2


def test_a_server_may_be_told_its_model(run, opened, quiz):
    run(*GRADE, "--quiz", quiz, "--judge", "http://h", "--judge-model", "org/model")
    assert opened == [JudgeSettings("http://h", model="org/model")]


@pytest.mark.parametrize(
    "options",
    [
        ("--judge", "gpt"),
        ("--judge", "local", "--judge-model", "m"),
        ("--judge-model", "m"),
        ("--judge", "local", "--judge-when", "never"),
        ("--judge", "local", "--judge-max-calls", "-1"),
        ("--judge", "local", "--judge-max-calls", "many"),
    ],
)
@pytest.mark.parametrize("command", ["grade", "batch", "serve"])
def test_a_senseless_judge_is_the_callers_mistake(run_without_models, quiz, batch_command, command, options):
    arguments = {"grade": (*GRADE, "--quiz", quiz), "batch": batch_command, "serve": ("serve",)}
    found = run_without_models(*arguments[command], *options)
    assert found.exit_code == 2
    assert "judge" in found.stderr


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", (JudgeNote("local", "judged", None), "Checked by a judge model: local")),
        ("es", (JudgeNote("h:m", "judged", None), "Revisada por un modelo juez: h:m")),
        ("en", (JudgeNote("h:m", "unscored", "\x1b[31mlate"), "Not checked by the judge model: [31mlate")),
    ],
)
def test_a_grade_says_whether_a_judge_checked_it(run, monkeypatch, quiz, lang, expected):
    note, line = expected
    monkeypatch.setattr(Grader, "open", lambda *_args, **_options: JudgedGrader(note))
    assert line in run(*GRADE, "--quiz", quiz, "--lang", lang).stdout.splitlines()
    record = json.loads(run(*GRADE, "--quiz", quiz, "--json").stdout)
    assert record["judge"] == {"name": note.name, "status": note.status, "reason": note.reason}


def test_a_server_that_is_not_there_ends_the_command(run, monkeypatch, quiz):
    monkeypatch.undo()  # the real grader is opened, and goes no further than its judge
    found = run(*GRADE, "--quiz", quiz, "--judge", "http://127.0.0.1:9")
    assert found.exit_code == 2
    assert "no judge at http://127.0.0.1:9/v1" in found.stderr


def test_the_connection_to_a_server_is_closed_with_what_asks_it(monkeypatch):
    judge, closed = RemoteJudge("http://127.0.0.1:9", "m"), []
    monkeypatch.setattr(RemoteJudge, "open", lambda *_args, **_options: judge)
    monkeypatch.setattr("grader.judge.transport.Transport.close", lambda _connection: closed.append(True))
    bench = open_bench(JudgeSettings("http://127.0.0.1:9"))
    gc.collect()
    assert bench.name == "127.0.0.1:9:m"
    assert not closed
    del bench
    gc.collect()
    assert closed == [True]
