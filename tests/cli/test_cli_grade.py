"""``grader grade``: one answer, explained in the learner's language."""

from __future__ import annotations

import json

import pytest

HOSTILE = "partial [bold]x[/bold] \x1b[31mred\x07 \u202eevil\u2066 a\u200bb <b>z</b>"


def test_an_answer_is_explained_with_its_evidence(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "correct: it is exact")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "Correct · 2 / 2 points",
        "Close: say why.",
        "Criteria:",
        "  ✓ It is exact.",
        "      «correct: it is exact»",
        "Confidence: 75%",
    ]


def test_spanish_is_answered_in_spanish(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "--lang", "es", "partial: es exacta")
    assert "Parcialmente correcta · 1 / 2 puntos" in result.stdout
    assert "✓ Es exacta." in result.stdout
    assert "Confianza: 75%" in result.stdout


def test_a_misconception_brings_its_feedback_and_the_missing_criterion_is_named(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "contradictory")
    assert "! It approximates." in result.stdout
    assert "Tiling only reorders the sum." in result.stdout
    assert "✗ It is exact. (missing)" in result.stdout


def test_json_prints_the_published_record(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "--json", "partial ñ")
    record = json.loads(result.stdout)
    assert (record["verdict"], record["status"], record["question_id"]) == ("partial", "graded", "q-1")
    assert result.stdout.count("\n") == 1


def test_an_answer_comes_from_standard_input(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "--json", "-", stdin="\ufeffpartial: dijo ella\n")
    assert json.loads(result.stdout)["criteria"][0]["evidence"]["text"] == "partial: dijo ella"


def test_standard_input_that_is_no_text_is_the_callers_mistake(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "-", stdin=b"partial \xff")
    assert result.exit_code == 2
    assert "not UTF-8" in result.stderr


def test_an_endless_answer_is_refused(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "-", stdin="x" * 4_000_001)
    assert result.exit_code == 2
    assert "longer than 4,000,000 bytes" in result.stderr


def test_an_unscored_answer_ends_with_1_and_says_why(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "--lang", "es", "unscored")
    assert (result.exit_code, result.stdout) == (1, "Sin calificar: the answer is blank\n")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_nothing_hostile_reaches_the_terminal(run, quiz, form):
    result = run("grade", "--quiz", quiz, "--question", "q-1", *form, HOSTILE)
    assert result.exit_code == 0
    assert not {"\x1b", "\x07", "\u202e", "\u2066", "\u200b"} & set(result.stdout)
    assert "[bold]x[/bold]" in result.stdout


def test_an_unknown_question_is_named_with_the_known_ones(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-9", "x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no question 'q-9'; it has q-1, q-2" in result.stderr


def test_an_unknown_quiz_is_one_clear_message(run):
    result = run("grade", "--quiz", "nowhere", "--question", "q-1", "x")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_choice_that_is_none_is_said_without_ceremony(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "--lang", "fr", "x")
    assert "'--lang': 'fr' is not one of" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--lang", "fr"], ["--tier", "best"], ["--colour"]])
def test_usage_mistakes_end_with_2(run, quiz, arguments):
    assert run("grade", "--quiz", quiz, *arguments).exit_code == 2
