"""A rubric belongs to a quiz, and is checked against it."""

from __future__ import annotations

import pytest

from grader.errors import FileFaultsError
from grader.load import check_files, load_quiz, load_rubric


def test_a_rubric_becomes_records(write, quiz_text, rubric_text):
    rubric = load_rubric(write(rubric_text), load_quiz(write(quiz_text, "quiz.yaml")))
    question = rubric.questions["q1"]
    assert question.max_points == 3
    assert [(criterion.id, criterion.points) for criterion in question.criteria] == [("cause", 2), ("effect", 1)]
    assert question.criteria[0].accept["es"] == ("Algo lo causó.",)
    assert question.misconceptions[0].feedback["en"] == "It is not."


def test_the_author_may_say_what_a_full_mark_is(write, quiz_text, rubric_text):
    text = rubric_text.replace("  criteria:", "  max_points: 2.5\n  criteria:")
    rubric = load_rubric(write(text), load_quiz(write(quiz_text, "quiz.yaml")))
    assert rubric.questions["q1"].max_points == 2.5


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("q1:", "q11:", 1, "q11", "did you mean 'q1'?"),
        ("q1:", "q2:", 1, "q2", "is a multiple question"),
        ("q1:", "Q 1:", 1, "Q 1", "expected a question id"),
        ("points: 2", "points: 0", 4, "q1.criteria[0].points", "above 0; got 0"),
        ("points: 2", "points: -1.5", 4, "q1.criteria[0].points", "got -1.5"),
        ("points: 2", "points: two", 4, "q1.criteria[0].points", 'got "two"'),
        ("points: 2", "points: .inf", 4, "q1.criteria[0].points", 'got ".inf"'),
        ("points: 2", "points: 1e999", 4, "q1.criteria[0].points", "finite"),
        ("points: 2", "points: true", 4, "q1.criteria[0].points", "got true"),
        ("  criteria:", "  max_points: 0\n  criteria:", 2, "q1.max_points", "above 0"),
        ("id: effect", "id: cause", 7, "q1.criteria[1].id", "line 3"),
        (
            'statement: {en: "There is an effect.", es: "Hay un efecto."}',
            'statement: {en: "A"}',
            9,
            "q1.criteria[1].statement.es",
            "missing",
        ),
        ("  misconceptions:", "  misconception:", 10, "q1.misconception", "did you mean 'misconceptions'?"),
        ("feedback:", "feedbak:", 13, "q1.misconceptions[0].feedbak", "did you mean 'feedback'?"),
        ('{en: "It is chance.", es: "Es casualidad."}', "It is chance.", 12, "q1.misconceptions[0].statement", "lang"),
    ],
)
def test_a_fault_has_line_field_and_value(spoil_rubric, old, new, *, line, field, says):
    faults = spoil_rubric(old, new)
    assert (line, field) in {(fault.line, fault.field) for fault in faults}
    assert any(says in fault.message for fault in faults if fault.field == field)


@pytest.mark.parametrize("text", ["", "[]", "{}", "q1:", "q1: []"])
def test_an_empty_rubric_is_a_fault(write, quiz_text, text):
    with pytest.raises(FileFaultsError, match="expected"):
        load_rubric(write(text), load_quiz(write(quiz_text, "quiz.yaml")))


def test_files_are_checked_together_whatever_their_order(write, quiz_text, rubric_text):
    quiz = write(quiz_text, "a/tiny.yaml")
    rubric = write(rubric_text.replace("q1:", "q9:"), "b/tiny.yaml")
    assert [fault.path for fault in check_files([rubric, quiz])] == [str(rubric)]
    assert check_files([quiz, write(rubric_text, "b/tiny.yaml")]) == ()


def test_a_rubric_alone_is_checked_against_the_quiz_beside_it(write, quiz_text, rubric_text):
    rubric = write(rubric_text.replace("q1:", "q9:"), "rubrics/tiny.yaml")
    write(quiz_text, "data/quizzes/tiny.yaml")
    assert [fault.field for fault in check_files([rubric])] == ["q9"]


def test_a_rubric_without_a_quiz_is_told_so_beside_its_other_faults(write, rubric_text):
    faults = check_files([write(rubric_text.replace("points: 2", "points: 0"), "rubrics/nowhere.yaml")])
    assert len(faults) == 2
    assert "no quiz 'nowhere'" in faults[0].message


def test_a_faulty_quiz_does_not_hide_what_is_wrong_with_its_rubric(write, quiz_text, rubric_text):
    quiz = write(quiz_text.replace("schema: 1", "schema: 7"), "data/quizzes/tiny.yaml")
    rubric = write(rubric_text.replace("points: 2", "points: 0"), "rubrics/tiny.yaml")
    assert {fault.path for fault in check_files([quiz, rubric])} == {str(quiz), str(rubric)}
    assert any("has faults" in fault.message for fault in check_files([rubric]))


def test_what_cannot_be_read_is_a_fault_of_that_file_only(write, quiz_text, tmp_path):
    quiz = write(quiz_text, "tiny.yaml")
    faults = check_files([tmp_path / "missing.yaml", quiz, tmp_path])
    assert [fault.path for fault in faults] == [str(tmp_path / "missing.yaml"), str(tmp_path)]
