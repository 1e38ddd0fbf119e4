"""Sentences that echo a reference: found where they keep most words, and a contradiction of one counts for all."""

from __future__ import annotations

import numpy as np
import pytest

from grader.echoes import REVERSED, Echo, echoes, reversals, temper
from grader.match import Estimate
from grader.sheet import Sheet

REFERENCE = "Tiling gives the exact result. The running maximum and sum are rescaled, so nothing is lost."
TURNED = "Tiling gives the exact result. The running maximum and sum are not rescaled, so nothing is lost."


def test_the_sentence_that_differs_is_held_against_its_counterpart():
    (echo,) = echoes(TURNED, [REFERENCE])
    assert echo.place == 0
    assert echo.mine == "The running maximum and sum are not rescaled, so nothing is lost."
    assert echo.theirs == "The running maximum and sum are rescaled, so nothing is lost."


@pytest.mark.parametrize(
    "answer",
    [
        REFERENCE,
        REFERENCE.upper().replace(",", ""),
        "It is exact: what was summed before is scaled anew whenever a larger score turns up.",
        "Not rescaled. Nothing lost. No.",
        "",
    ],
    ids=["copy", "copy in other letters", "paraphrase", "too short", "blank"],
)
def test_what_says_the_same_words_or_quite_others_echoes_nothing(answer):
    assert echoes(answer, [REFERENCE]) == []


def test_a_sentence_that_stands_word_for_word_in_any_statement_echoes_no_other():
    paired = "Multi-head attention stores 32 key heads. Grouped attention stores 8 key heads."
    assert echoes("Grouped attention stores 8 key heads. That is all.", [paired]) == []


def test_one_sentence_against_one_is_read_as_a_whole_already():
    assert echoes("The weights are not shared by all heads.", ["The weights are shared by all heads."]) == []


def test_every_statement_that_is_echoed_is_named():
    criterion = "The running maximum and sum are rescaled."
    assert [echo.place for echo in echoes(TURNED, [REFERENCE, "Something else entirely is said here.", criterion])] == [
        0,
        2,
    ]


def test_many_long_sentences_stay_quick():
    words = " ".join(f"w{i % 7}" for i in range(60))
    assert len(echoes(f"{words} end. " * 400, [f"{words} stop. {words}"])) == 24


SHEET = Sheet("Why?", ("A. B.", "C. D."), (("A.", "An A."), ("B.",)), ("M.",))
ESTIMATE = Estimate(np.array([0.9, 0.06, 0.04, 0.0, 0.0]), np.array([0.8, 0.7]), np.array([0.1]))


def test_a_contradicted_sentence_makes_the_answer_contradictory():
    out = temper(ESTIMATE, [(Echo(0, "a", "b"), 0.9), (Echo(1, "a", "b"), 0.3)], SHEET)
    assert out.verdict == pytest.approx([0.09, 0.006, 0.904, 0.0, 0.0])
    assert (out.criteria == ESTIMATE.criteria).all()
    assert out.misconceptions is ESTIMATE.misconceptions


def test_a_criterion_is_not_expressed_where_one_of_its_wordings_is_contradicted():
    out = temper(ESTIMATE, [(Echo(3, "a", "b"), 1.0), (Echo(2, "a", "b"), 0.5)], SHEET)
    assert out.verdict == pytest.approx([0, 0, 1, 0, 0])
    assert out.criteria == pytest.approx([0.0, 0.7])


def test_without_a_rubric_only_the_verdict_changes():
    bare = Estimate(ESTIMATE.verdict, np.empty(0), np.empty(0))
    assert temper(bare, [(Echo(0, "a", "b"), 0.5)], Sheet("Why?", ("A.",), (), ())).criteria.shape == (0,)


def test_without_echoes_nothing_changes():
    assert temper(ESTIMATE, [], SHEET) is ESTIMATE


def test_a_sentence_turned_round_is_told_without_a_model_even_where_it_stands_alone():
    ((echo, p),) = reversals(TURNED, [REFERENCE, "Something else entirely is said here."], "en")
    assert (echo.place, echo.theirs, p) == (
        0,
        "The running maximum and sum are rescaled, so nothing is lost.",
        REVERSED,
    )
    alone = reversals("The weights are not shared by all heads.", ["The weights are shared by all heads."], "en")
    assert [found.place for found, _ in alone] == [0]


@pytest.mark.parametrize("answer", [REFERENCE, "Tiling gives the whole result, and nothing is lost.", ""])
def test_what_is_not_turned_round_is_left_to_the_models(answer):
    assert reversals(answer, [REFERENCE], "en") == []
