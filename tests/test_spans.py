"""Clauses are the learner's own words, in order, and leave none out; what is close on the surface comes first."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.spans import clauses, span
from grader.surface import NAMES, closest, describe, words

PIECES = st.sampled_from(
    [
        "the sum",
        "is rescaled",
        ", and ",
        ". ",
        "; ",
        " but ",
        " porque ",
        "\n\n",
        "¿por qué? ",
        "…",
        " ",
        "\t",
        "m_i",
        "é",
        "🙂",
    ]
)
TEXTS = st.one_of(st.text(max_size=120), st.lists(PIECES, max_size=25).map("".join))


@given(TEXTS)
def test_a_span_is_the_answer_from_start_to_end(answer):
    for clause in clauses(answer):
        assert clause.text == answer[clause.start : clause.end] == clause.text.strip() != ""


@given(TEXTS)
def test_every_word_is_covered_once(answer):
    covered = clauses(answer)
    assert all(a.end <= b.start for a, b in pairwise(covered))
    assert "".join("".join(c.text for c in covered).split()) == "".join(answer.split())


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("The recurrence is exact. The maximum is carried along.", 2),
        ("A window drops old tokens, but paging keeps them all.", 2),
        ("La ventana descarta tokens antiguos mientras que la paginación los guarda.", 2),
        ("It is exact, yes.", 1),
        ("exact", 1),
        ("", 0),
        (" \n ", 0),
    ],
)
def test_answers_are_cut_at_sentences_and_connectives(answer, count):
    assert len(clauses(answer)) == count


def test_white_space_is_no_evidence():
    assert span("a   b", 1, 4) is None
    assert span("a  b c ", 1, 7).text == "b c"


def test_the_statement_with_most_shared_words_comes_first():
    statements = ("paging stores blocks", "the running maximum is kept", "the maximum")
    assert closest("the maximum", statements, 3) == (statements[2], statements[1], statements[0])
    assert closest("paging stores blocks!", statements, 1) == statements[:1]


def test_the_order_given_decides_between_equals():
    assert closest("nothing shared", ("b", "a", "c"), 2) == ("b", "a")
    assert closest("x", (), 3) == ()


@given(st.text(max_size=60), st.lists(st.text(max_size=30), max_size=6), st.integers(0, 8))
def test_closest_only_chooses(answer, statements, limit):
    chosen = closest(answer, statements, limit)
    assert len(chosen) == min(limit, len(statements))
    assert all(chosen.count(text) <= statements.count(text) for text in chosen)


@given(st.text(max_size=80), st.sampled_from(["en", "es"]))
def test_every_feature_is_a_finite_number(answer, lang):
    features = describe(answer, "Why?", ["8 heads", "It is exact."], lang)
    assert len(features) == len(NAMES)
    assert all(0 <= value < 100 for value in features)


def test_a_number_from_nowhere_is_noticed():
    def foreign(answer: str) -> float:
        return describe(answer, "32 heads?", ["8 times", "It falls to 4."], "en")[NAMES.index("foreign_number")]

    assert foreign("8 of 32, so 4") == 0
    assert foreign("16 of 32") == 1


def test_words_are_lower_case_and_lose_apostrophes():
    assert words("It's NOT m_i!") == ["its", "not", "m", "i"]
    assert not re.search(r"['’]", " ".join(words("doesn’t don't")))
