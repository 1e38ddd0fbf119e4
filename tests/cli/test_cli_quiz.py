"""``grader quiz check --attack``: an author's quiz under attack, with a grader that loads no model."""

from __future__ import annotations

import dataclasses
import json

import pytest
from fakes import make_grade

from grader.grade import Grader
from grader.schema import JudgeNote, Verdict


class Deaf:
    """Grades the reference as correct and all else as contradictory."""

    def grade(self, submissions):  # noqa: D102 -- the class says it
        right = {"Yes, it is exact.", "Sí, es exacta."}
        verdicts = [Verdict.CORRECT if row.answer in right else Verdict.CONTRADICTORY for row in submissions]
        return [make_grade(verdict=verdict, misconceptions=()) for verdict in verdicts]


class Shallow(Deaf):
    """Passes whatever names exactness, negated or not."""

    def grade(self, submissions):  # noqa: D102 -- the class says it
        verdicts = [Verdict.CORRECT if "exact" in row.answer.lower() else Verdict.CONTRADICTORY for row in submissions]
        return [make_grade(verdict=verdict, misconceptions=()) for verdict in verdicts]


@pytest.fixture
def opened(monkeypatch):
    def use(grader: object) -> None:
        monkeypatch.setattr(Grader, "open", lambda *_args, **_options: grader)

    return use


def test_a_quiz_that_stands_is_told_by_exit_code_0(run, quiz, opened):
    opened(Deaf())
    result = run("quiz", "check", "--attack", quiz)
    assert result.exit_code == 0, result.stdout
    assert "injections" in result.stdout
    assert "must not" not in result.stdout


def test_an_injection_that_raises_a_grade_fails_and_is_shown(run, quiz):
    result = run("quiz", "check", "--attack", "--max-moved", "1", quiz)
    assert result.exit_code == 1
    assert "q-1, en, injection alone" in result.stdout
    assert "must not be raised above its base, but is partial, score 0.5" in result.stdout


def test_too_many_moved_grades_fail_and_name_the_criterion(run, quiz, opened):
    opened(Shallow())
    result = run("quiz", "check", "--attack", quiz, quiz.parent / "rubrics" / "mini.yaml")
    assert result.exit_code == 1
    assert "q-1, en, negation, criterion main: must not pass, but is correct, score 1" in result.stdout
    assert "«Yes, it is not exact.»" in result.stdout
    assert run("quiz", "check", "--attack", "--max-moved", "1", quiz).exit_code == 0


def test_answers_are_printed_without_what_moves_a_cursor(run, quiz):
    result = run("quiz", "check", "--attack", quiz)
    assert not {"\u202e", "\u200b", "\x1b"} & set(result.stdout)


def test_json_holds_the_rows_and_the_answers(run, quiz, opened):
    opened(Shallow())
    told = json.loads(run("quiz", "check", "--attack", "--json", quiz).stdout)
    assert told["faults"] == []
    assert {"attack", "lang", "cases", "wrong", "low", "high"} <= set(told["attacks"][0])
    (weak,) = [row for row in told["weak"] if (row["attack"], row["lang"]) == ("negation", "en")]
    assert (weak["answer"], weak["detail"], weak["verdict"]) == ("Yes, it is not exact.", "main", "correct")


def test_a_file_with_faults_is_not_attacked(run_without_models, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("schema: 1\nquestions: []\n", encoding="utf-8")
    result = run_without_models("quiz", "check", "--attack", "--json", path)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["faults"]
    assert told["attacks"] == told["weak"] == []


def test_a_quiz_of_choices_only_is_a_callers_mistake(run_without_models, tmp_path):
    path = tmp_path / "picks.yaml"
    path.write_text(
        "schema: 1\nid: picks\nlang: en\ntitle: Picks\nquestions:\n"
        "  - {id: q, type: single, prompt: Which?, choices: [a, b], answer: [1]}\n",
        encoding="utf-8",
    )
    result = run_without_models("quiz", "check", "--attack", path)
    assert result.exit_code != 0
    assert "no quiz among these files has a free question" in f"{result.stderr}{result.exception}"


def test_a_key_that_its_fact_refutes_fails_the_check(run_without_models, quiz):
    quiz.write_text(quiz.read_text(encoding="utf-8") + "    fact: sram-residents\n", encoding="utf-8")
    proved = run_without_models("quiz", "check", quiz)
    assert (proved.exit_code, proved.stdout) == (0, "")
    assert "1 facts run" in proved.stderr
    quiz.write_text(quiz.read_text(encoding="utf-8").replace("answer: [2, 3]", "answer: [1]"), encoding="utf-8")
    refuted = run_without_models("quiz", "check", "--json", quiz)
    assert refuted.exit_code == 1
    (fault,) = json.loads(refuted.stdout)
    assert (fault["line"], fault["field"]) == (14, "questions[1].answer")


def test_a_judge_that_says_nothing_is_not_taken_for_one_that_stands(run, quiz, opened):
    class Silent(Deaf):
        def grade(self, submissions) -> list:
            note = JudgeNote("h:m", "unscored", "the server is gone")
            return [dataclasses.replace(grade, judge=note) for grade in super().grade(submissions)]

    opened(Silent())
    result = run("quiz", "check", "--attack", "--judge", "http://localhost:1", quiz)
    assert result.exit_code == 2
    assert "the judge gave no verdict on" in result.stderr
    assert "the server is gone" in result.stderr


def test_what_grades_goes_with_an_attack(run_without_models, quiz):
    for option in ("--tier=accurate", "--judge=local"):
        result = run_without_models("quiz", "check", option, quiz)
        assert result.exit_code == 2
        assert "go with --attack" in result.stderr
