"""Restating keeps what a text says: its numbers, its negations, its opposites; and balances what contradicts."""

# ruff: noqa: S311 -- a sample need not be secret

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import yaml

from grader.attacks.words import NEGATION, OPPOSITES
from grader.match import CONTRADICTORY, CORRECT

preserve = pytest.importorskip("training.preserve", reason="the training code comes with the checkout only")
from training.composed import composed  # noqa: E402 -- after importorskip
from training.openings import opening_of, reopen  # noqa: E402
from training.pairs import Pair  # noqa: E402
from training.synthetic import synthetic  # noqa: E402
from training.wordings import CARDINALS, UNTOUCHED  # noqa: E402

AUTHORED = Path(preserve.__file__).parent / "authored"
QUESTIONS = [q for path in sorted(AUTHORED.glob("*.questions.yaml")) for q in yaml.safe_load(path.read_text("utf-8"))]
ALIKE = {
    "en": {"two times": "twice", "half of": "1/2 of", "bigger": "larger", "at no time": "never",
           "identical to": "the same as", "identical": "the same"},
    "es": {"la mitad de": "1/2 de", "en ningun momento": "nunca", "jamas": "nunca"},
}  # fmt: skip


def statements(lang):
    return [
        (text, question["prompt"][lang])
        for question in QUESTIONS
        for text in [
            *question["reference"][lang],
            *(s["statement"][lang] for kind in ("criteria", "misconceptions") for s in question[kind]),
        ]
    ]


def restated(lang, limit=3):
    rng = random.Random(7)
    for text, question in statements(lang):
        for new in preserve.restate(text, lang, rng, limit=limit, question=question):
            yield text, new


def plain(text, lang):
    """Lower case without accents, with one way of saying what ``ALIKE`` lists."""
    text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    for one, other in ALIKE[lang].items():
        text = re.sub(rf"\b{one}\b", other, text)
    return text


def figures(text, lang):
    text = plain(text, lang)
    for word, digits in CARDINALS[lang].items():
        text = re.sub(rf"\b{word}\b", digits, text)
    return Counter(re.findall(r"\d+", text))


def denials(text, lang):
    opening = opening_of(text, lang)
    return len(NEGATION[lang].findall(text[len(opening[0]) if opening else 0 :]))


def turning(text, lang):
    words = {plain(word, lang) for pair in OPPOSITES[lang] for word in pair}
    return Counter(re.findall(rf"\b(?:{'|'.join(sorted(words, key=len, reverse=True))})\b", plain(text, lang)))


@pytest.mark.parametrize("lang", ["en", "es"])
def test_numbers_negations_and_opposites_stay(lang):
    for text, new in restated(lang):
        assert figures(new, lang) == figures(text, lang), (text, new)
        assert denials(new, lang) == denials(text, lang), (text, new)
        assert turning(new, lang) == turning(text, lang), (text, new)
        first, other = opening_of(text, lang), opening_of(new, lang)
        assert (first and first[1]) == (other and other[1]), (text, new)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_restatement_is_another_text_and_each_comes_once(lang):
    rng = random.Random(0)
    for text, question in statements(lang):
        made = preserve.restate(text, lang, rng, limit=3, question=question)
        assert made
        assert text not in made
        assert len(made) == len(set(made)) <= 3


def test_the_seed_decides():
    text = "Because the cache is full, the oldest block is not kept."
    first, again, other = (preserve.restate(text, "en", random.Random(seed), limit=5) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize(
    ("lang", "text", "new"),
    [
        ("en", "Because the block is full, the cache grows.", "The cache grows because the block is full."),
        ("en", "The block does not move.", "The block doesn't move."),
        ("en", "The block never moves.", "The block at no time moves."),
        ("en", "It keeps four heads.", "It keeps 4 heads."),
        ("en", "Each row is twice as long.", "Each row is two times as long."),
        ("en", "No: it stays.", "False: it stays."),
        ("en", "The kernel computes sums.", "The kernel calculates sums."),
        ("en", "GPU memory is small.", "Basically, GPU memory is small."),
        ("es", "La caché usa poca memoria.", "La caché utiliza poca memoria."),
        ("es", "Es falso: la caché crece.", "No: la caché crece."),
        ("es", "La fila crece porque llegan tokens.", "Como llegan tokens, la fila crece."),
        ("es", "La fila nunca baja.", "La fila en ningún momento baja."),
        ("es", "La atención es rápida.", "La atencion es rapida."),
        ("es", "Guarda dos vectores.", "Guarda 2 vectores."),
    ],
)  # fmt: skip
def test_this_is_how_a_sentence_may_be_restated(lang, text, new):
    assert new in preserve.restate(text, lang, random.Random(0), limit=400)


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("It works because of the heat and not only that.", r"isn't only|since of|as of"),
        ("The cache is limited by compute.", "calculate"),
        ("It is read again and again, a few times more.", r"\bread again and again, few\b"),
        ("Each other token is the same as before.", r"every other"),
        ("Twenty-two heads and two hundred keys are read.", r"twenty-2|\b2 hundred"),
    ],
)
def test_what_would_say_something_else_is_never_made(text, never):
    made = preserve.restate(text, "en", random.Random(0), limit=150)
    assert made
    assert not [new for new in made if re.search(never, new, re.IGNORECASE)]


def test_denials_are_exchanged_only_where_they_say_the_same():
    rng = random.Random(0)
    claims = {reopen("No: it grows.", "en", rng, "Refute this: “it shrinks”.") for _ in range(200)}
    asked = {reopen("No: it grows.", "en", rng, "Does it shrink?") for _ in range(200)}
    assert "It is false: it grows." in claims - asked
    assert "Not so: it grows." in asked
    assert reopen("No: it grows.", "en", rng, "Is it false that it grows?") == "No: it grows."
    assert reopen("No key is skipped.", "en", rng) == "No key is skipped."


def test_slips_of_the_pen_spare_words_that_decide():
    text = "the approximate decreases without exactly disconnected trouble correct increases"
    for new in preserve.restate(text, "en", random.Random(0), limit=20):
        assert set(text.split()[1:]) <= set(re.findall(r"\w+", new))
    assert "trouble" in UNTOUCHED


@pytest.mark.parametrize("lang", ["en", "es"])
def test_near_copies_are_half_right_and_half_wrong(lang):
    rng = random.Random(0)
    held = Counter(
        holds
        for text, question in statements(lang)
        for _, holds in preserve.near_copies(text, lang, rng, limit=2, question=question)
    )
    assert held[False] > 100
    assert abs(held[True] - held[False]) <= 0.02 * held[False]


def test_what_is_composed_holds_restated_texts_as_often_as_contradicted_ones():
    made = [pair for pair in composed(QUESTIONS[:20], [], "authored", 0) if len(pair.statements) == 1]
    known = {text for lang in ("en", "es") for text, _ in statements(lang)}
    against = Counter(pair.allowed for pair in made if pair.answer not in known and pair.statements[0] in known)
    assert against[CORRECT,] > 0.8 * against[CONTRADICTORY,] > 0


def test_a_reference_is_restated_and_contradicted_in_equal_numbers():
    reference = "The cache keeps every key, so the result is exact."
    pair = Pair("It keeps them.", "What is kept?", (reference,), (CORRECT,), "en", "s", "s:1")
    made = [p for p in synthetic([pair], 0) if p.kind == "synthetic" and p.statements == (reference,)]
    near = [p for p in made if p.answer != reference and len(p.answer) > 30 and len(p.allowed) == 1]
    assert Counter(p.allowed for p in near if "exact" in p.answer or "approximate" in p.answer)[CORRECT,] >= 2
    assert [p.answer for p in synthetic([pair], 0)] == [p.answer for p in synthetic([pair], 0)]
