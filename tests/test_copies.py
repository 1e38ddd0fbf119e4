"""What a near-copy changed, and what is no change."""

from __future__ import annotations

import pytest

from grader.copies import NAMES, describe, reverses, words

REFERENCE = {
    "en": "The running maximum and the running sum are rescaled at every tile, so the result is exact.",
    "es": "El máximo y la suma acumulados se reescalan en cada bloque, así que el resultado es exacto.",
}
SWAPPED = {
    "en": "Each query attends to the keys of its own row, and the output keeps the size of the input.",
    "es": "Cada consulta atiende a las claves de su propia fila, y la salida conserva el tamaño de la entrada.",
}


def told(answer, lang="en", statements=None):
    found = describe(answer, statements or [REFERENCE[lang]], lang)
    return dict(zip(NAMES, found, strict=True))


@pytest.mark.parametrize(
    ("lang", "old", "new", "name"),
    [
        ("en", "exact", "approximate", "turned"),
        ("en", "maximum", "minimum", "turned"),
        ("en", "are rescaled", "are not rescaled", "negated"),
        ("en", "are rescaled", "aren't rescaled", "negated"),
        ("es", "exacto", "aproximado", "turned"),
        ("es", "se reescalan", "no se reescalan", "negated"),
    ],
)
def test_one_word_that_turns_the_sentence_round_is_found(lang, old, new, name):
    assert old in REFERENCE[lang]
    found = told(REFERENCE[lang].replace(old, new), lang)
    assert found[name] == found["turned"] == 1


@pytest.mark.parametrize(("lang", "one", "other"), [("en", "output", "input"), ("es", "salida", "entrada")])
def test_words_that_changed_places_are_found(lang, one, other):
    text = SWAPPED[lang].replace(one, "#").replace(other, one).replace("#", other)
    assert text != SWAPPED[lang]
    assert told(text, lang, [SWAPPED[lang]])["exchanged"] == 1


@pytest.mark.parametrize(
    ("statement", "answer", "found"),
    [
        ("The cache takes 32 bytes for each token and layer.", "The cache takes 64 bytes for each token and layer.", 1),
        ("All three replicas agree on the same value.", "All two replicas agree on the same value.", 1),
        ("The cache takes 32 bytes for each token and layer.", "So the cache takes 32 bytes for each token, layer", 0),
    ],
)
def test_another_number_is_found(statement, answer, found):
    assert told(answer, statements=[statement])["renumbered"] == found


@pytest.mark.parametrize(
    ("answer", "lang"),
    [
        (REFERENCE["en"], "en"),
        (REFERENCE["es"], "es"),
        ("No: the running maximum and the running sum are rescaled at each tile, so the result is exact", "en"),
    ],
)  # fmt: skip
def test_harmless_changes_are_none(answer, lang):
    assert set(told(answer, lang).values()) == {0.0}


@pytest.mark.parametrize("answer", ["", "   ", "exact", "Because each block corrects what the earlier ones left."])
def test_what_is_no_near_copy_has_no_features(answer):
    assert set(told(answer).values()) == {0.0}


def test_two_turns_may_leave_the_meaning():
    statement = "Decoding reads more bytes than prefill for each operation."
    twice = "Prefill reads fewer bytes than decoding for each operation."
    assert told(twice, statements=[statement])["turned"] == 0


@pytest.mark.parametrize(
    ("theirs", "mine", "lang"),
    [
        ("The median hardly moves, the mean rises.", "The median hardly moves, the mean falls.", "en"),
        ("The cache grows with every token read.", "The cache does not grow with every token read.", "en"),
        ("Reading the keys takes 32 bytes for each.", "Reading the keys takes sixty-four bytes for each.", "en"),
        ("Reading the keys takes two reads for each.", "Reading the keys takes 4 reads for each.", "en"),
        ("The output goes on, the input waits here.", "The input goes on, the output waits here.", "en"),
        ("The table is never written to the memory.", "The table is always written to the memory.", "en"),
        ("Any free block can be used by a request.", "Any free block cannot be used by a request.", "en"),
        ("La tabla se lee sin los huecos que quedan.", "La tabla se lee con los huecos que quedan.", "es"),
        ("La caché crece con cada token que llega.", "La caché decrece con cada token que llega.", "es"),
        ("La salida no depende del orden de los bloques.", "La salida depende del orden de los bloques.", "es"),
    ],
)
def test_a_sentence_is_turned_round_where_nothing_else_differs(theirs, mine, lang):
    assert reverses(words(mine), words(theirs), lang) == ("sixty" not in mine)


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ("The cache grows with every token read.", "The cache grows with every token read."),
        ("The cache grows with every token read.", "The cache grows with each token read."),
        ("The cache grows with every token read.", "The memory shrinks with every token read."),
        ("The cache grows with every token read.", "No, the cache grows with every token read."),
        ("It moves through an open path to the lamp.", "It moves through no closed path to the lamp."),
        ("The recall of the model is 30/50 = 0.60 here.", "The recall of the model is 30/50 = 0.6 here."),
        ("There are two heads that share the keys.", "There are 2 heads that share the keys."),
        ("The later layers read more bytes than the first.", "The later layers read fewer bytes, not more."),
        ("It is exact.", "It is approximate."),
        ("The cache grows with every token read.", ""),
    ],
)
def test_a_sentence_is_not_turned_round_by_anything_else(theirs, mine):
    assert not reverses(words(mine), words(theirs), "en")
