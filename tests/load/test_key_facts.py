"""A key that names a fact is held against what the fact measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.attention import facts
from grader.attention.figures import Figure, conclude
from grader.load import check_facts
from grader.resources import bundled_quizzes


@pytest.fixture
def naming(write, quiz_text):
    """The small quiz, whose multiple-choice question, keys 2 and 3, names a fact."""

    def make(fact: str, *, question: str = "q2", old: str = "", new: str = "") -> Path:
        text = quiz_text.replace(f"  - id: {question}\n", f"  - id: {question}\n    fact: {fact}\n")
        return write(text.replace(old, new))

    return make


def test_the_keys_of_the_bundled_quizzes_are_proved():
    proof = check_facts(bundled_quizzes())
    assert proof.faults == ()
    assert set(proof.ran) == set(facts.FACTS)


def test_a_key_that_the_fact_supports_stands(naming):
    proof = check_facts([naming("sram-residents")])
    assert (proof.ran, proof.faults) == (("sram-residents",), ())


def test_a_wrong_key_is_told_with_its_place(naming):
    (fault,) = check_facts([naming("sram-residents", old="answer: [2, 3]", new="answer: [2]")]).faults
    assert (fault.line, fault.field) == (17, "questions[1].answer")
    assert fault.message == "the fact sram-residents supports the choices [2, 3]; the key is [2]"


def test_a_fact_that_supports_no_choice_proves_no_key(naming):
    (fault,) = check_facts([naming("flash-is-exact")]).faults
    assert fault.field == "questions[1].answer"
    assert "supports no choice" in fault.message
    assert check_facts([naming("flash-is-exact", question="q1")]).faults == ()


def test_a_name_that_no_fact_has_is_told_with_its_place_and_the_nearest(naming):
    proof = check_facts([naming("sram-resident")])
    (fault,) = proof.faults
    assert (proof.ran, fault.line, fault.field) == ((), 10, "questions[1].fact")
    assert "no fact \"sram-resident\"; did you mean 'sram-residents'?" in fault.message
    assert fault.path.endswith("file.yaml")


def test_a_fact_that_does_not_hold_is_told_with_its_figures(naming, monkeypatch):
    def broken(_device: object) -> facts.Fact:
        return conclude("broken", "q", "A claim.", Figure("error", 0.5, "below 1e-12", holds=False), answer=(2, 3))

    monkeypatch.setattr(facts, "FACTS", {"broken": broken})
    (fault,) = check_facts([naming("broken")]).faults
    assert fault.field == "questions[1].fact"
    assert "error = 0.5 (expected: below 1e-12)" in fault.message


def test_a_fact_named_twice_is_run_once(naming, write, quiz_text):
    both = [naming("flash-is-exact", question="q1"), write(quiz_text, "plain.yaml")]
    assert check_facts([both[0], *both]).ran == ("flash-is-exact",)


def test_files_that_name_no_fact_need_no_attention(write, quiz_text, rubric_text, monkeypatch):
    monkeypatch.setattr(facts, "run_facts", lambda *_: pytest.fail("facts were run"))
    proof = check_facts([write(quiz_text, "tiny.yaml"), write(rubric_text, "rubrics/tiny.yaml")])
    assert (proof.ran, proof.faults) == ((), ())
