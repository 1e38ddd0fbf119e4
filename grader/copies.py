"""What a near-copy of a statement changed: the words that turn a sentence round when all others stay.

A small model that reads meaning overlooks one word in twenty. Where an answer keeps most of a statement's words in
their order, the words that differ can be looked at by themselves: an opposite in a word's place, a negation more or
less, two words that changed places, another number (contrast sets, arXiv:2004.02709). The rule weighs what is found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from grader.attacks.words import NEGATION, OPPOSITES, ROLES
from grader.schema import Lang

LEAST_KEPT = 0.7  # share of a statement's words that a near-copy keeps, in order
SHORTEST = 4  # words of a statement that can be copied
LONGEST_EDIT = 4  # words; a longer difference is something else said, not a change of what was
MOST_WORDS = 400  # of an answer that are compared
STEM = 5  # letters that two forms of a word share
MANY = 4  # words replaced, from which on more of them tell nothing
NAMES = ("near_copy", "turned", "negated", "exchanged", "renumbered", "replaced")

_WORD = re.compile(r"[^\W_]+(?:['’]t)?")
_CARDINALS = frozenset(
    """
    one two three four five six seven eight nine ten twelve half twice
    uno dos tres cuatro cinco seis siete ocho nueve diez doce mitad doble triple
    """.split()
)
_MORE_OPPOSITES: dict[Lang, tuple[tuple[str, str], ...]] = {
    "en": (("first", "last"), ("series", "parallel"), ("together", "apart"), ("all", "none"), ("can", "cannot"),
           ("loses", "keeps"), ("helps", "hinders"), ("high", "low"), ("large", "small"), ("slow", "fast"),
           ("start", "end"), ("left", "right"), ("hot", "cold"), ("long", "short"), ("everything", "nothing")),
    "es": (("primero", "último"), ("primera", "última"), ("serie", "paralelo"), ("todos", "ninguno"), ("alta", "baja"),
           ("alto", "bajo"), ("grande", "pequeño"), ("grandes", "pequeños"), ("principio", "final"), ("largo", "corto"),
           ("izquierda", "derecha"), ("caliente", "frío"), ("todo", "nada"), ("pierde", "conserva")),
}  # fmt: skip
Edit = tuple[Sequence[str], Sequence[str]]  # words of the statement, and those in their place


@dataclass(frozen=True)
class Change:
    """How an answer differs from the statement that it copies.

    Args:
        kept: Share of the statement's words that stand in the answer in the same order.
        turned: Words with their opposite, or the other role, in their place.
        negated: Negations gained or lost.
        exchanged: Pairs of words that changed places.
        renumbered: Numbers with another in their place.
        replaced: Other words with another in their place.
    """

    kept: float
    turned: int
    negated: int
    exchanged: int
    renumbered: int
    replaced: int


def describe(answer: str, statements: Sequence[str], lang: Lang) -> list[float]:
    """Features of what the closest near-copy changed, in the order of ``NAMES``; zeros where there is none.

    Args:
        answer: What the learner wrote.
        statements: What it may be a copy of: references and criteria.
        lang: Language of the answer.

    Returns:
        Share of the words kept · 1 where an odd number of words turned round, were negated or changed places (an even
        number may leave the meaning) · 1 for negations · 1 for exchanges · 1 for numbers · words replaced, of ``MANY``.
    """
    mine = _WORD.findall(answer.lower())[:MOST_WORDS]
    found = [change for text in statements if (change := compare(mine, _WORD.findall(text.lower()), lang))]
    if not found:
        return [0.0] * len(NAMES)
    best = max(found, key=lambda change: change.kept)
    turns = best.turned + best.negated + best.exchanged
    flags = (turns % 2, min(best.negated, 1), min(best.exchanged, 1), min(best.renumbered, 1))
    return [best.kept, *map(float, flags), min(best.replaced, MANY) / MANY]


def compare(mine: Sequence[str], theirs: Sequence[str], lang: Lang) -> Change | None:
    """Compare an answer's words with a statement's; ``None`` where it is no near-copy."""
    if len(theirs) < SHORTEST or not mine:
        return None
    steps = SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes()
    same = [place for place, step in enumerate(steps) if step[0] == "equal"]
    kept = sum(steps[place][2] - steps[place][1] for place in same) / len(theirs)
    if kept < LEAST_KEPT:
        return None
    last = same[-1]
    differ = [*steps[same[0] : last], *(step for step in steps[last:] if step[0] == "replace")]
    inner: list[Edit] = [(theirs[a:b], mine[c:d]) for kind, a, b, c, d in differ if kind != "equal"]
    edits = [edit for edit in inner if max(map(len, edit)) <= LONGEST_EDIT]
    turned = sum(_opposed(*edit, lang) for edit in edits)
    moved = sum(_crossed(one, other) for place, one in enumerate(edits) for other in edits[place + 1 :])
    return Change(
        kept,
        turned,
        sum(abs(_denials(old, lang) - _denials(new, lang)) for old, new in edits),
        moved,
        sum(_renumbered(old, new, theirs) for old, new in edits),
        max(0, sum(min(map(len, edit)) for edit in inner) - turned - 2 * moved),
    )


def _opposed(old: Sequence[str], new: Sequence[str], lang: Lang) -> int:
    table = _opposites(lang)
    return sum(not table.get(word, frozenset()).isdisjoint(new) for word in old)


def _crossed(one: Edit, other: Edit) -> bool:
    return _alike(one[0], other[1]) and _alike(one[1], other[0])


def _alike(some: Sequence[str], others: Sequence[str]) -> bool:
    return bool(some) and bool(others) and some[-1][:STEM] == others[-1][:STEM]


def _denials(words: Sequence[str], lang: Lang) -> int:
    return sum(NEGATION[lang].fullmatch(word) is not None for word in words)


def _renumbered(old: Sequence[str], new: Sequence[str], theirs: Sequence[str]) -> bool:
    before, after = _numbers(old), _numbers(new)
    return bool(before) and before.isdisjoint(after) and not after <= set(theirs)


def _numbers(words: Sequence[str]) -> set[str]:
    return {word for word in words if word.isdigit() or word in _CARDINALS}


@cache
def _opposites(lang: Lang) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    pairs = [((a.split()[-1],), (b.split()[-1],)) for a, b in (*OPPOSITES[lang], *_MORE_OPPOSITES[lang])]
    for one, other in (*pairs, *ROLES[lang]):
        for some, others in ((one, other), (other, one)):
            for word in some:
                found.setdefault(word, set()).update(others)
    return {word: frozenset(others) for word, others in found.items()}
