"""A small course on disk, and the command line with a grader that loads no model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeGrader
from typer.testing import CliRunner

from grader.cli import app
from grader.grade import Grader

if TYPE_CHECKING:
    from typer.testing import Result

QUIZ = """\
schema: 1
id: mini
title: {en: "Mini", es: "Mini"}
questions:
  - id: q-1
    type: free
    title: {en: "Exactness", es: "Exactitud"}
    prompt: {en: "Is it exact?", es: "¿Es exacta?"}
    reference: {en: ["Yes, it is exact."], es: ["Sí, es exacta."]}
  - id: q-2
    type: multiple
    prompt: {en: "Which?", es: "¿Cuáles?"}
    choices: [{en: "one", es: "uno"}, {en: "two", es: "dos"}, {en: "three", es: "tres"}]
    answer: [2, 3]
"""
RUBRIC = """\
q-1:
  criteria:
    - {id: main, points: 2, statement: {en: "It is exact.", es: "Es exacta."}}
  misconceptions:
    - id: myth
      statement: {en: "It approximates.", es: "Aproxima."}
      feedback: {en: "Tiling only reorders the sum.", es: "Ir por tiles solo reordena la suma."}
"""
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@pytest.fixture
def quiz(tmp_path):
    """Path of a quiz with its rubric beside it."""
    (tmp_path / "rubrics").mkdir()
    (tmp_path / "rubrics" / "mini.yaml").write_text(RUBRIC, encoding="utf-8")
    path = tmp_path / "mini.yaml"
    path.write_text(QUIZ, encoding="utf-8")
    return path


@pytest.fixture
def submissions(tmp_path):
    """Path of five submissions: three gradable, one blank, one that repeats an id."""
    rows = [
        {"submission_id": "s1", "question_id": "q-1", "answer": "correct answer", "lang": "en", "learner_id": "ana"},
        {"submission_id": "s2", "question_id": "q-1", "answer": "partial idea", "lang": "es", "learner_id": "leo"},
        {"submission_id": "s3", "question_id": "q-1", "answer": "contradictory", "learner_id": "eva"},
        {"submission_id": "s4", "question_id": "q-1", "answer": "unscored"},
        {"submission_id": "s1", "question_id": "q-1", "answer": "correct again"},
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def fake_grader(monkeypatch):
    """Put a grader without models in place of the real one."""
    grader = FakeGrader()
    monkeypatch.setattr(Grader, "open", lambda *_args, **_options: grader)
    return grader


@pytest.fixture
def run(fake_grader):  # noqa: ARG001 -- every command of a test runs on it
    """Run a command in this process."""

    def invoke(*arguments: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, prog_name="grader")

    return invoke


@pytest.fixture
def run_without_models(run, monkeypatch):
    """Run a command that must end before it loads a model."""
    monkeypatch.setattr(Grader, "open", lambda *_args, **_options: pytest.fail("the models were loaded"))
    return run


@pytest.fixture
def spawn():
    """Start a command in a process of its own, with the grader that loads no model."""

    def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 -- Popen's options
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE.parent}"} | options.pop("env", {})
        command = [sys.executable, str(HERE / "fake_main.py"), *map(str, arguments)]
        pipe = subprocess.PIPE
        # A shell that starts the tests in the background ignores Ctrl+C, and its children would inherit that.
        options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        return subprocess.Popen(command, env=environment, **{"stdout": pipe, "stderr": pipe, "stdin": pipe} | options)  # noqa: S603 -- our own command

    return start
