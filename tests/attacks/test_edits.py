"""Edits change what a sentence says, or leave it alone."""

from __future__ import annotations

import random

import pytest

from grader.attacks import edits


@pytest.mark.parametrize(
    ("lang", "text", "negated"),
    [
        ("en", "The output is exact.", "The output is not exact."),
        ("en", "Each head keeps its own queries.", "Each head does not keep its own queries."),
        ("en", "The cache can be shared.", "The cache cannot be shared."),
        ("en", "Paging does not change the output.", "Paging does change the output."),
        ("en", "It runs without a mask.", "It runs with a mask."),
        ("es", "La salida es exacta.", "La salida no es exacta."),
        ("es", "Los bloques se asignan según hacen falta.", "Los bloques no se asignan según hacen falta."),
        ("es", "La paginación no cambia la salida.", "La paginación cambia la salida."),
        ("es", "Guarda las claves.", "No guarda las claves."),
    ],
)
def test_one_negation_is_added_or_taken_away(lang, text, negated):
    assert edits.negations(text, lang) == [negated]


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "Is it exact?"),
        ("en", "Nothing is lost and no block is wasted."),
        ("en", "Not only is it exact."),
        ("en", "It drops the tokens that are old."),
        ("en", "For example, the cache is halved."),
        ("es", "¿Es exacta?"),
        ("es", "No se pierde nada."),
        ("es", "No solo es exacta."),
        ("es", "Borra los tokens que son viejos."),
        ("es", "Por ejemplo, la caché es menor."),
    ],
)
def test_a_sentence_whose_meaning_might_stay_is_not_negated(lang, text):
    assert edits.negations(text, lang) == []


@pytest.mark.parametrize(
    ("lang", "text", "turned"),
    [
        ("en", "It needs more memory.", ["It needs less memory."]),
        ("en", "Before the softmax.", ["After the softmax."]),
        ("en", "They share the same key.", ["They share a different key."]),
        ("en", "It is more or less done.", []),
        ("en", "It is not faster.", []),
        ("es", "Ocupa más memoria.", ["Ocupa menos memoria."]),
        ("es", "La caché crece.", ["La caché decrece."]),
        ("es", "Son más o menos iguales.", []),
        ("es", "No es peor que antes.", []),
    ],
)
def test_a_word_becomes_its_opposite_outside_idioms_and_negations(lang, text, turned):
    assert edits.opposites(text, lang) == turned


@pytest.mark.parametrize(
    ("lang", "text", "exchanged"),
    [
        ("en", "Each query meets all keys.", ["Each key meets all queries."]),
        ("en", "Tiles stay in SRAM and never reach HBM.", ["Tiles stay in HBM and never reach SRAM."]),
        ("en", "Queries and keys are multiplied: query times key.", []),
        ("es", "Cada consulta ve todas las claves.", ["Cada clave ve todas las consultas."]),
        ("es", "Se comparan claves y consultas.", []),
    ],
)
def test_roles_are_exchanged_unless_they_stand_side_by_side(lang, text, exchanged):
    assert edits.exchanges(text, lang) == exchanged


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("It takes 8 blocks.", ["It takes 16 blocks.", "It takes 32 blocks.", "It takes 80 blocks."]),
        ("Ocupa 0,5 GiB.", ["Ocupa 1 GiB.", "Ocupa 2 GiB.", "Ocupa 5 GiB."]),
        ("x^2 and an 8-bit cache of 3 × 4 blocks.", []),
        ("For example, 8 blocks.", []),
    ],
)
def test_a_number_is_changed_but_no_exponent_factor_or_example(text, changed):
    assert edits.numbers(text) == changed


def empty_talk(seed):
    rng = random.Random(seed)  # noqa: S311 -- a sample need not be secret
    text = "every query attends to every key"
    return edits.gibberish(rng), edits.keyword_list(text, rng), edits.shuffled(("a b", "c"), rng)


def test_empty_talk_is_the_same_for_the_same_seed():
    assert empty_talk(3) == empty_talk(3) != empty_talk(4)
    assert sorted(empty_talk(3)[2].split()) == ["a", "b", "c"]
