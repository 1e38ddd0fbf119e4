"""Any quiz or rubric file loads, or has faults with file, line and field: never a traceback."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from near_valid import quiz_value, rubric_value, yaml_file

from grader.errors import FileFaultsError
from grader.load import check_files, load_quiz, load_rubric
from grader.mirror import render_mirror
from grader.schema import Question, Quiz, Rubric

FREE = ("q-1", "q-2")
TEXT = {"en": "Why?", "es": "¿Por qué?"}
COURSE = Quiz(
    "tiny",
    TEXT,
    ("en", "es"),
    tuple(Question(id=name, type="free", prompt=TEXT, reference={"en": ("A.",), "es": ("B.",)}) for name in FREE),
    digest="",
)


def check_faults(path, faults):
    """Every fault names the file and says something; one inside of the document has a line of it."""
    assert faults
    lines = max(1, len(path.read_bytes().splitlines()))
    for fault in faults:
        assert fault.path == str(path)
        assert fault.message
        assert fault.line is None or 1 <= fault.line <= lines
        assert fault.line is not None or not fault.field


def load(path, read):
    """What a file holds, or ``None`` where it has faults; ``quiz check`` must come to the same end."""
    try:
        return read(path)
    except FileFaultsError as error:
        check_faults(path, error.faults)
        return None


def check_quiz(path):
    quiz = load(path, load_quiz)
    if quiz is None:
        assert check_files([path])
        return
    assert check_files([path]) == ()
    names = [question.id for question in quiz.questions]
    assert names
    assert len(set(names)) == len(names)
    for question in quiz.questions:
        texts = (question.prompt, *question.choices)
        assert all(set(text) == set(quiz.langs) and all(map(str.strip, text.values())) for text in texts)
        assert all(1 <= key <= len(question.choices) for key in question.answer)
        assert bool(question.answer) == bool(question.choices) == (question.type != "free")
    for lang in quiz.langs:
        assert render_mirror(quiz, Rubric(), lang).encode()


def check_rubric(path):
    rubric = load(path, lambda path: load_rubric(path, COURSE))
    faults = check_files([path])
    if rubric is None:
        check_faults(path, faults)
        return
    for name, question in rubric.questions.items():
        assert name in FREE
        assert question.max_points > 0
        assert question.criteria
        parts = (*question.criteria, *question.misconceptions)
        assert all(set(part.statement) == set(COURSE.langs) for part in parts)
    for lang in COURSE.langs:
        assert render_mirror(COURSE, rubric, lang).encode()


SHARES = [(yaml_file(quiz_value()), check_quiz, 125, 5000), (yaml_file(rubric_value()), check_rubric, 100, 4000)]
NAMES = ["quiz", "rubric"]


@pytest.mark.parametrize(("files", "check", "few", "_many"), SHARES, ids=NAMES)
def test_a_course_file_loads_or_has_faults_with_places(search, files, check, few, _many):
    search(files, check, few, long=False)


@pytest.mark.slow
@pytest.mark.parametrize(("files", "check", "_few", "many"), SHARES, ids=NAMES)
def test_thousands_of_course_files_load_or_have_faults(search, files, check, _few, many):
    search(files, check, many, long=True)


def test_the_generated_files_are_near_enough_to_load(search):
    loaded = 0

    def count(path) -> None:
        nonlocal loaded
        loaded += bool(load(path, load_quiz))

    search(SHARES[0][0], count, 100, long=False)
    assert 10 <= loaded <= 90


def test_what_is_generated_is_faultless_before_it_is_spoiled(tmp_path):
    path = tmp_path / "tiny.yaml"

    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    @given(quiz_value())
    def run(value) -> None:
        path.write_text(yaml.dump(value, allow_unicode=True), encoding="utf-8")
        assert load_quiz(path).id == "tiny"

    run()
