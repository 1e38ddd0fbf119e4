"""What the bundled quizzes promise."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from grader.load import check_files, load_quiz, load_rubric
from grader.resources import bundled_quizzes, find_quiz, find_rubric

ROOT = Path(__file__).parents[2]
QUIZZES = [load_quiz(path) for path in bundled_quizzes()]
RUBRICS = {quiz.id: load_rubric(find_rubric(find_quiz(quiz.id), quiz.id), quiz) for quiz in QUIZZES}
FREE = [(quiz, question) for quiz in QUIZZES for question in quiz.questions if question.type == "free"]

each_quiz = pytest.mark.parametrize("quiz", QUIZZES, ids=lambda quiz: quiz.id)
each_free = pytest.mark.parametrize(("quiz", "question"), FREE, ids=lambda value: value.id)


def test_the_five_fixed_questions_are_fixed():
    quiz = load_quiz(find_quiz("phase-27-modern-attention"))
    found = [
        (question.id, question.type, question.answer, len(question.choices), question.fact)
        for question in quiz.questions
    ]
    assert found == [
        ("q-27-01", "free", (), 0, "flash-is-exact"),
        ("q-27-02", "multiple", (2, 3), 4, "sram-residents"),
        ("q-27-03", "single", (3,), 4, "gqa-cache-factor"),
        ("q-27-04", "single", (2,), 4, "mqa-pattern-rank"),
        ("q-27-05", "free", (), 0, "window-vs-paged"),
    ]
    assert [choice["en"] for choice in quiz.questions[2].choices] == ["2×", "4×", "8×", "32×"]
    assert [choice["es"] for choice in quiz.questions[2].choices] == ["2×", "4×", "8×", "32×"]
    orders = {
        "q-27-02": ("(N, N)", "m_i", "S_ij", "QKᵀ"),
        "q-27-04": ("scratch", "identical", "FLOPs", "FlashAttention"),
    }
    for question_id, words in orders.items():
        for choice, word in zip(quiz.question(question_id).choices, words, strict=True):
            assert word in choice["en"]


def test_the_practice_quiz_has_enough_to_practise():
    questions = load_quiz(find_quiz("phase-27-attention-practice")).questions
    assert len(questions) >= 14
    assert sum(question.type == "free" for question in questions) >= 7
    assert {question.type for question in questions} == {"free", "single", "multiple"}


def test_every_course_file_is_faultless():
    assert check_files([*bundled_quizzes(), *(ROOT / "rubrics").glob("*.yaml")]) == ()


@each_quiz
def test_a_quiz_file_is_named_after_its_quiz_and_speaks_both_languages(quiz):
    assert find_quiz(quiz.id).stem == quiz.id
    assert quiz.langs == ("en", "es")


@each_quiz
def test_question_ids_are_unique_over_all_quizzes(quiz):
    others = {question.id for other in QUIZZES if other is not quiz for question in other.questions}
    assert others.isdisjoint(question.id for question in quiz.questions)


@each_quiz
def test_every_question_has_a_title_and_an_explanation(quiz):
    assert all(question.title and question.explanation for question in quiz.questions)


@each_free
def test_a_free_question_has_what_it_takes_to_grade_it(quiz, question):
    rubric = RUBRICS[quiz.id].questions[question.id]
    assert 2 <= len(rubric.criteria) <= 4
    assert 3 <= len(rubric.misconceptions) <= 4
    assert rubric.max_points == sum(criterion.points for criterion in rubric.criteria)
    assert all(belief.feedback for belief in rubric.misconceptions)
    for lang in quiz.langs:
        assert 2 <= len(question.reference[lang]) <= 3


@each_free
def test_statements_stand_on_their_own(quiz, question):
    rubric = RUBRICS[quiz.id].questions[question.id]
    loose = {"en": r"(It|They|This|That|These|Those|He|She)\b", "es": r"(Esto|Eso|Este|Esta|Ello|Ellos|Ellas|Lo)\b"}
    for lang, pattern in loose.items():
        for statement in [item.statement[lang] for item in (*rubric.criteria, *rubric.misconceptions)]:
            assert re.match(pattern, statement) is None
            assert statement.endswith(".")


@each_free
def test_no_text_says_the_same_as_another(quiz, question):
    rubric = RUBRICS[quiz.id].questions[question.id]
    for lang in quiz.langs:
        texts = [item.statement[lang] for item in (*rubric.criteria, *rubric.misconceptions)]
        texts += [text for criterion in rubric.criteria for text in criterion.accept[lang]]
        assert all(one != other for one, other in itertools.combinations(texts, 2))


@each_quiz
def test_languages_agree_on_the_numbers(quiz):
    def numbers(text: str) -> list[str]:
        return sorted(re.findall(r"\d+", re.sub(r"(?<=\d)[.,](?=\d)", "", text)))

    for question in quiz.questions:
        texts = [question.prompt, question.explanation, *question.choices]
        assert all(numbers(text["en"]) == numbers(text["es"]) for text in texts)
