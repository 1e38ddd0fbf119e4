"""A small course for tests to spoil, and files that they write where they like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grader.errors import Fault, FileFaultsError
from grader.load import load_quiz, load_rubric

Write = Callable[..., Path]
Spoil = Callable[[str, str], tuple[Fault, ...]]

QUIZ = """\
schema: 1
id: tiny
title: {en: "Tiny", es: "Mínimo"}
questions:
  - id: q1
    type: free
    prompt: {en: "Why?", es: "¿Por qué?"}
    reference: {en: ["Because."], es: ["Porque sí."]}
  - id: q2
    type: multiple
    prompt: {en: "Which?", es: "¿Cuáles?"}
    choices:
      - {en: "one", es: "uno"}
      - {en: "two", es: "dos"}
      - {en: "three", es: "tres"}
    answer: [2, 3]
  - id: q3
    type: single
    prompt: {en: "Which one?", es: "¿Cuál?"}
    choices: [{en: "yes", es: "sí"}, {en: "no", es: "no"}]
    answer: [1]
"""

RUBRIC = """\
q1:
  criteria:
    - id: cause
      points: 2
      statement: {en: "There is a cause.", es: "Hay una causa."}
      accept: {en: ["Something caused it."], es: ["Algo lo causó."]}
    - id: effect
      points: 1
      statement: {en: "There is an effect.", es: "Hay un efecto."}
  misconceptions:
    - id: chance
      statement: {en: "It is chance.", es: "Es casualidad."}
      feedback: {en: "It is not.", es: "No lo es."}
"""


@pytest.fixture(scope="session")
def quiz_text() -> str:
    return QUIZ


@pytest.fixture(scope="session")
def rubric_text() -> str:
    return RUBRIC


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write text or bytes under a name in a folder of the test's own."""

    def write(content: str | bytes, name: str = "file.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def spoil_quiz(write: Write) -> Spoil:
    """Replace a part of the small quiz and return the faults of what results."""

    def spoil(old: str, new: str) -> tuple[Fault, ...]:
        assert QUIZ.count(old) == 1
        with pytest.raises(FileFaultsError) as caught:
            load_quiz(write(QUIZ.replace(old, new)))
        return caught.value.faults

    return spoil


@pytest.fixture
def spoil_rubric(write: Write) -> Spoil:
    """Replace a part of the small rubric and return the faults of what results."""

    def spoil(old: str, new: str) -> tuple[Fault, ...]:
        assert RUBRIC.count(old) == 1
        quiz = load_quiz(write(QUIZ, "quiz.yaml"))
        with pytest.raises(FileFaultsError) as caught:
            load_rubric(write(RUBRIC.replace(old, new)), quiz)
        return caught.value.faults

    return spoil
