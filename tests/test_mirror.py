"""Mirrors say what the quizzes say, and nothing in a quiz can become markup in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import FileFaultsError, GraderError
from grader.load import load_quiz, load_rubric
from grader.mirror import drift, escape, mirror_name, render_mirror, write_mirrors
from grader.resources import bundled_quizzes, find_quiz, find_rubric
from grader.schema import Criterion, Misconception, Question, QuestionRubric, Quiz, Rubric

ROOT = Path(__file__).parents[1]
HOSTILE = (
    "</details><script>alert(1)</script>\n\n# Heading\n\n```\ncode [x](javascript:y) `z` |a| $m$ ![i](u)\n---\n1. one"
)


@pytest.mark.parametrize("path", bundled_quizzes(), ids=lambda path: path.stem)
def test_the_mirrors_in_the_repository_are_current(path):
    assert drift(path, ROOT / "docs" / "quizzes") == []


def test_no_mirror_is_left_of_a_quiz_that_is_gone():
    wanted = {mirror_name(path.stem, lang) for path in bundled_quizzes() for lang in ("en", "es")}
    assert {path.name for path in (ROOT / "docs" / "quizzes").glob("*.md")} == wanted


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_mirror_shows_questions_first_and_answers_behind_details(lang):
    path = find_quiz("phase-27-modern-attention")
    quiz = load_quiz(path)
    text = render_mirror(quiz, load_rubric(find_rubric(path, quiz.id), quiz), lang)
    assert "[Español](phase-27-modern-attention.es.md)" in text or "[English](phase-27-modern-attention.md)" in text
    assert text.count("<details>") == text.count("</details>") == len(quiz.questions)
    open_text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    for question in quiz.questions:
        assert escape(question.prompt[lang]) in open_text
        assert escape(question.explanation[lang]) not in open_text
        assert escape(question.explanation[lang]) in text
        for number, choice in enumerate(question.choices, start=1):
            assert f"\n{number}. {escape(choice[lang])}\n" in open_text
    assert ("**Right:** 2, 3" if lang == "en" else "**Correcto:** 2, 3") in text


def test_drift_names_the_file_and_the_first_line_that_differs(tmp_path):
    quiz = find_quiz("phase-27-modern-attention")
    english, spanish = write_mirrors(quiz, tmp_path / "new" / "folder")
    assert drift(quiz, english.parent) == []
    lines = english.read_text(encoding="utf-8").split("\n")
    english.write_text("\n".join([*lines[:4], "edited", *lines[5:]]), encoding="utf-8")
    spanish.unlink()
    edited, missing = drift(quiz, english.parent)
    assert (edited.path, edited.line) == (str(english), 5)
    assert (missing.path, missing.line) == (str(spanish), None)


def test_a_quiz_of_one_language_has_one_mirror_and_no_switch(tmp_path):
    path = tmp_path / "solo.yaml"
    path.write_text(
        "{schema: 1, id: solo, lang: es, title: T, questions: [{id: q, type: free, prompt: ¿Eh?, reference: R}]}"
    )
    (mirror,) = write_mirrors(path, tmp_path / "out")
    assert mirror.name == "solo.es.md"
    assert "English" not in mirror.read_text(encoding="utf-8")


def test_a_faulty_quiz_has_no_mirror(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("schema: 1")
    with pytest.raises(FileFaultsError):
        write_mirrors(path, tmp_path)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GraderError, match="cannot write"):
        write_mirrors(find_quiz("phase-27-modern-attention"), tmp_path / "file")


def test_hostile_text_stays_text_everywhere():
    both = {"en": HOSTILE, "es": HOSTILE}
    lists = {"en": (HOSTILE,), "es": (HOSTILE,)}
    free = Question("q1", "free", both, title=both, reference=lists, explanation=both)
    choice = Question("q2", "single", both, choices=(both, both), answer=(1,), explanation=both)
    rubric = QuestionRubric((Criterion("c", 1, both, lists),), (Misconception("m", both, both),), 1)
    text = render_mirror(Quiz("hostile", both, ("en", "es"), (free, choice), ""), Rubric({"q1": rubric}), "en")
    assert "<script" not in text
    assert text.count("</details>") == 2
    assert re.search(r"^```", text, re.MULTILINE) is None
    assert len(re.findall(r"^#{1,6} ", text, re.MULTILINE)) == 3
    assert "[x](" not in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# a", r"\# a"),
        ("12. a", r"12\. a"),
        ("1) a", r"1\) a"),
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("===", r"\==="),
        ("a - b", "a - b"),
        ("1.5 s", r"1\.5 s"),
        ("m_old*2", r"m\_old\*2"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("two\nlines", "two lines"),
    ],
)
def test_escaping_touches_only_what_markdown_would_read(text, escaped):
    assert escape(text) == escaped


@given(st.text())
def test_an_escaped_text_is_one_line_without_html(text):
    escaped = escape(text)
    assert "\n" not in escaped
    assert "<" not in escaped
    assert re.search(r"(?<!\\)(\\\\)*[`*_\[\]|]", escaped) is None
