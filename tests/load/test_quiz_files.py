"""A quiz file is read whole, and everything wrong with it is said at once."""

from __future__ import annotations

import hashlib

import pytest

from grader.errors import FileFaultsError
from grader.load import load_quiz


def test_a_quiz_becomes_records(write, quiz_text):
    quiz = load_quiz(write(quiz_text))
    assert (quiz.id, quiz.langs, quiz.title["es"]) == ("tiny", ("en", "es"), "Mínimo")
    assert quiz.digest == hashlib.sha256(quiz_text.encode()).hexdigest()
    free, multiple, single = quiz.questions
    assert free.reference == {"en": ("Because.",), "es": ("Porque sí.",)}
    assert (multiple.type, multiple.answer, multiple.choices[2]["es"]) == ("multiple", (2, 3), "tres")
    assert (single.type, single.answer, single.fact, single.explanation) == ("single", (1,), None, {})


def test_a_byte_order_mark_and_windows_line_ends_are_fine(write, quiz_text):
    path = write(b"\xef\xbb\xbf" + quiz_text.replace("\n", "\r\n").encode())
    assert load_quiz(path).title["es"] == "Mínimo"


def test_a_quiz_of_one_language_may_have_bare_texts(write):
    text = """\
schema: 1
id: solo
lang: es
title: Un título
questions:
  - {id: q1, type: free, prompt: ¿Por qué?, reference: Porque sí.}
  - {id: q2, type: single, prompt: ¿Cuál?, choices: [sí, no], answer: 2}
"""
    quiz = load_quiz(write(text))
    assert quiz.langs == ("es",)
    assert quiz.questions[0].reference == {"es": ("Porque sí.",)}
    assert quiz.questions[1].choices == ({"es": "sí"}, {"es": "no"})
    assert quiz.questions[1].answer == (2,)


def test_words_that_yaml_once_took_for_truth_values_are_text(write, quiz_text):
    quiz = load_quiz(
        write(quiz_text.replace('{en: "yes", es: "sí"}, {en: "no", es: "no"}', "{en: yes, es: sí}, {en: no, es: n}"))
    )
    assert [choice["en"] for choice in quiz.questions[2].choices] == ["yes", "no"]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("schema: 1", "schema: 2", 1, "schema", "got 2"),
        ("id: tiny", "id: Tiny Quiz", 2, "id", 'got "Tiny Quiz"'),
        ("id: tiny", "id: ../tiny", 2, "id", "expected an id"),
        ("id: tiny", "id: tiny\nlangs: en", 3, "langs", "did you mean 'lang'?"),
        ("id: tiny", "id: tiny\nlang: fr", 3, "lang", "'en' or 'es'"),
        ("id: tiny", "id: tiny\nlang: en", 4, "title.es", "written in en only"),
        ('title: {en: "Tiny", es: "Mínimo"}', 'title: {en: "Tiny"}', 3, "title.es", "missing"),
        ('title: {en: "Tiny", es: "Mínimo"}', "title: Tiny", 3, "title", 'got "Tiny"'),
        ('title: {en: "Tiny", es: "Mínimo"}', "title:", 3, "title", "empty"),
        ('title: {en: "Tiny", es: "Mínimo"}', 'title: {en: "Tiny", es: "\u200b "}', 3, "title.es", "empty"),
        ('title: {en: "Tiny", es: "Mínimo"}', 'title: {en: 27, es: "a"}', 3, "title.en", "in quotes"),
        ('title: {en: "Tiny", es: "Mínimo"}', 'title: {en: "a", es: "b", fr: "c"}', 3, "title.fr", "unknown key"),
        ("type: free", "type: fre", 6, "questions[0].type", "did you mean 'free'?"),
        ("    type: free\n", "", 5, "questions[0].type", "required"),
        ('    prompt: {en: "Why?"', '    promt: {en: "Why?"', 7, "questions[0].promt", "did you mean 'prompt'?"),
        ('    reference: {en: ["Because."], es: ["Porque sí."]}\n', "", 5, "questions[0].reference", "required"),
        ('en: ["Because."]', "en: []", 8, "questions[0].reference.en", "empty"),
        ('en: ["Because."]', 'en: ["Because.", " "]', 8, "questions[0].reference.en[1]", "empty"),
        (
            "    type: free",
            "    type: free\n    answer: [1]",
            7,
            "questions[0].answer",
            "a free question has no 'answer'",
        ),
        ("answer: [2, 3]", "answer: [2, 4]", 16, "questions[1].answer", "from 1 to 3; got [2, 4]"),
        ("answer: [2, 3]", "answer: [0]", 16, "questions[1].answer[0]", "got 0"),
        ("answer: [2, 3]", "answer: [3, 3]", 16, "questions[1].answer", "repeated; got [3, 3]"),
        ("answer: [2, 3]", "answer: []", 16, "questions[1].answer", "at least 1"),
        ("answer: [2, 3]", "answer: [two]", 16, "questions[1].answer[0]", 'got "two"'),
        ("answer: [2, 3]", "answer: [true]", 16, "questions[1].answer[0]", "got true"),
        ("answer: [1]", "answer: [1, 2]", 21, "questions[2].answer", "exactly one key; got [1, 2]"),
        ('en: "two", es: "dos"', 'en: "one", es: "dos"', 12, "questions[1].choices", "choices 1 and 2"),
        ("id: q2", "id: q1", 9, "questions[1].id", "line 5"),
        (
            '[{en: "yes", es: "sí"}, {en: "no", es: "no"}]',
            '[{en: "yes", es: "sí"}]',
            20,
            "questions[2].choices",
            "at least 2",
        ),
    ],
)
def test_a_fault_has_line_field_and_value(spoil_quiz, old, new, *, line, field, says):
    faults = spoil_quiz(old, new)
    assert (line, field) in {(fault.line, fault.field) for fault in faults}
    assert any(says in fault.message for fault in faults if fault.field == field)


def test_a_spoiled_part_raises_no_faults_elsewhere(spoil_quiz):
    assert len(spoil_quiz("answer: [2, 3]", "answer: [2, 4]")) == 1
    assert len(spoil_quiz('title: {en: "Tiny", es: "Mínimo"}', "title: !!python/name:os.system {a: 1}")) == 1


def test_every_fault_is_reported_at_once_in_the_order_of_lines(write, quiz_text):
    spoiled = (
        quiz_text.replace("schema: 1", "schema: one").replace("id: q2", "id: q1").replace("answer: [1]", "answer: [9]")
    )
    with pytest.raises(FileFaultsError) as caught:
        load_quiz(write(spoiled))
    assert [fault.field for fault in caught.value.faults] == ["schema", "questions[1].id", "questions[2].answer"]
    assert all(str(fault).startswith(f"{fault.path}:{fault.line}: ") for fault in caught.value.faults)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "just text", "- a\n- list", "null", "42"])
def test_a_file_that_is_no_mapping_is_no_quiz(write, text):
    with pytest.raises(FileFaultsError, match="expected a quiz"):
        load_quiz(write(text))
