"""What a near-copy of a statement changed: the words that turn a sentence round when all others stay.

A small model that reads meaning overlooks one word in twenty. Where an answer keeps most of a statement's words in
their order, the words that differ can be looked at by themselves: an opposite in a word's place, a negation more or
less, two words that changed places, another number (contrast sets, arXiv:2004.02709). The rule weighs what is found.
How close the copy is tells nothing, on purpose: a right answer may be one too.
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
NAMES = ("turned", "negated", "exchanged", "renumbered")

_WORD = re.compile(r"[^\W_]+(?:['’]t)?")
_VALUES = {  # words for numbers, and those that stand for themselves
    **dict(zip("one two three four five six seven eight nine ten twelve".split(), "1 2 3 4 5 6 7 8 9 10 12".split(),
               strict=True)),
    **dict(zip("uno dos tres cuatro cinco seis siete ocho nueve diez doce".split(), "1 2 3 4 5 6 7 8 9 10 12".split(),
               strict=True)),
    **{word: word for word in ("half", "twice", "mitad", "doble", "triple")},
}  # fmt: skip
_SMALL: dict[Lang, frozenset[str]] = {  # words that come and go with a negation or an article, and say little alone
    "en": frozenset("a an the it its do does did be is are can could will would has have with always".split()),
    "es": frozenset("un una el la los las lo se es son con siempre".split()),
}
_ANSWERS = frozenset({"no", "yes", "sí", "si"})  # what a sentence may open with, beside what it says
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
        turned: Words with their opposite, or the other role, in their place.
        negated: Negations gained or lost.
        exchanged: Pairs of words that changed places.
        renumbered: Numbers with another in their place.
    """

    turned: int
    negated: int
    exchanged: int
    renumbered: int

    @property
    def flags(self) -> tuple[bool, bool, bool, bool]:
        """In the order of ``NAMES``; an even number of turns may leave the meaning."""
        turns = self.turned + self.negated + self.exchanged
        return turns % 2 == 1, self.negated > 0, self.exchanged > 0, self.renumbered > 0


def words(text: str) -> list[str]:
    """Lower-case words and numbers; a negation that ends in an apostrophe and a t stays one."""
    return _WORD.findall(text.lower())


def describe(answer: str, statements: Sequence[str], lang: Lang) -> list[float]:
    """Features of what near-copies changed, in the order of ``NAMES``; zeros where there is none.

    Args:
        answer: What the learner wrote.
        statements: What it may be a copy of: references and criteria.
        lang: Language of the answer.

    Returns:
        1 where, of some statement, an odd number of words turned round, were negated or changed places · 1 for
        negations · 1 for exchanges · 1 for numbers.
    """
    mine = words(answer)[:MOST_WORDS]
    changes = [change for text in statements if (change := compare(mine, words(text), lang))]
    by_name = zip(*(change.flags for change in changes), strict=True)
    return [float(any(found)) for found in by_name] or [0.0] * len(NAMES)


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
    return Change(
        sum(_opposed(*edit, lang) for edit in edits),
        sum(abs(_denials(old, lang) - _denials(new, lang)) for old, new in edits),
        sum(_crossed(one, other) for place, one in enumerate(edits) for other in edits[place + 1 :]),
        sum(_renumbered(old, new, theirs) for old, new in edits),
    )


def reverses(mine: Sequence[str], theirs: Sequence[str], lang: Lang) -> bool:
    """Whether a sentence differs from another in nothing but what turns it round.

    That is an odd number of opposites, roles and negations, or two words that changed places, or another number, while
    every other word stands. ``grader.echoes`` says what that is worth.

    Args:
        mine: Words of a learner's sentence.
        theirs: Of one that is right.
        lang: Of the learner's.
    """
    if len(theirs) < SHORTEST or not mine:
        return False
    steps = [step for step in SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes() if step[0] != "equal"]
    edits: list[Edit] = [(theirs[a:b], mine[c:d]) for _, a, b, c, d in steps]
    if not edits or sum(len(old) for old, _ in edits) > (1 - LEAST_KEPT) * len(theirs):
        return False
    if steps[0][1] == 0 and not _ANSWERS.isdisjoint({*edits[0][0], *edits[0][1]}):
        return False
    if len(edits) == 2 and _crossed(*edits):  # noqa: PLR2004 -- a pair
        return True
    turns, renumbered = 0, False
    for (old, new), (_, start, *_) in zip(edits, steps, strict=True):
        pairs = _aligned(old, new, lang)
        if pairs is None or (start and theirs[start - 1].isdigit()):  # what follows a number may be its decimals
            return False
        turns += abs(_denials(old, lang) - _denials(new, lang)) + sum(_opposed((a,), (b,), lang) for a, b in pairs)
        renumbered = renumbered or any(_numbers((a,)) != _numbers((b,)) for a, b in pairs)
    return renumbered or turns % 2 == 1


def _aligned(old: Sequence[str], new: Sequence[str], lang: Lang) -> list[tuple[str, str]] | None:
    """The words of an edit in pairs, without small words and negations.

    ``None`` where two are neither opposites nor numbers nor forms of one word.
    """
    left, right = ([w for w in side if w not in _SMALL[lang] and not _denials((w,), lang)] for side in (old, new))
    pairs = list(zip(left, right, strict=False))
    told = len(left) == len(right) and all(
        _opposed((a,), (b,), lang) or (_numbers((a,)) and _numbers((b,))) or a[:STEM] == b[:STEM] or a + "s" == b
        or a == b + "s"
        for a, b in pairs
    )  # fmt: skip
    return pairs if told else None


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
    return bool(before) and before.isdisjoint(after) and not after <= _numbers(theirs)


def _numbers(words: Sequence[str]) -> set[str]:
    return {_VALUES.get(word, word) for word in words if word.isdigit() or word in _VALUES}


@cache
def _opposites(lang: Lang) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    pairs = [((a.split()[-1],), (b.split()[-1],)) for a, b in (*OPPOSITES[lang], *_MORE_OPPOSITES[lang])]
    for one, other in (*pairs, *ROLES[lang]):
        for some, others in ((one, other), (other, one)):
            for word in some:
                found.setdefault(word, set()).update(others)
    return {word: frozenset(others) for word, others in found.items()}
