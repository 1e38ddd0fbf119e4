"""Contradictions and empty talk to learn from: the edits that graders are attacked with, and terms of one kind."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from functools import cache
from itertools import combinations

from grader.attacks.edits import NEAR, exchange, exchanges, keyword_list, like, negations, numbers, opposites
from grader.attacks.words import IDIOMS, NEGATION
from grader.schema import Lang
from training.terms import SIBLINGS

Member = tuple[str, ...]  # the forms of a term


def contradict(text: str, lang: Lang, rng: random.Random, *, limit: int) -> list[str]:
    """Up to ``limit`` edits of a text that change what it says, of different kinds."""
    kinds = [
        negations(text, lang), opposites(text, lang), exchanges(text, lang), numbers(text), siblings(text, lang)
    ]  # fmt: skip
    found = list(dict.fromkeys(rng.choice(edits) for edits in kinds if edits))
    rng.shuffle(found)
    return found[:limit]


def siblings(text: str, lang: Lang) -> list[str]:
    """Every text with a term that stands in another's place throughout: a queue that is called a stack.

    Where a text names both they change places. A term in an idiom, or one that a negation may reach, is left alone.
    """
    named: dict[int, set[Member]] = {}
    for match in _terms(lang).finditer(text):
        for group, member in _members(lang)[match.group().lower()]:
            named.setdefault(group, set()).add(member)
    found = []
    for group, members in named.items():
        if len(members) > 1:
            found += [new for one, other in combinations(sorted(members), 2) if (new := exchange(text, one, other))]
        elif not _denied(text, *members, lang):
            (one,) = members
            found += [_put(text, one, other) for other in SIBLINGS[lang][group] if other != one]
    return found


def _denied(text: str, member: Member, lang: Lang) -> bool:
    """Whether a negation or an idiom may leave the meaning as it is."""
    idioms = [match.span() for match in re.finditer(rf"\b(?:{IDIOMS[lang]})\b", text, re.IGNORECASE)]
    places = [match.start() for match in _anywhere(member).finditer(text)]
    return any(
        NEGATION[lang].search(text[max(0, at - NEAR) : at]) or any(start <= at < end for start, end in idioms)
        for at in places
    )


def _anywhere(forms: Iterable[str]) -> re.Pattern[str]:
    """What finds any of some forms, the longer first."""
    choices = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    return re.compile(rf"(?<![\w-])(?:{choices})(?![\w-])", re.IGNORECASE)


def _put(text: str, old: Member, new: Member) -> str:
    table = dict(zip(old, new, strict=True))
    return _anywhere(old).sub(lambda match: like(match.group(), table[match.group().lower()]), text)


@cache
def _members(lang: Lang) -> dict[str, list[tuple[int, Member]]]:
    """Group and term that a form belongs to; some belong to several."""
    table: dict[str, list[tuple[int, Member]]] = {}
    for place, group in enumerate(SIBLINGS[lang]):
        for member in group:
            for form in dict.fromkeys(member):
                table.setdefault(form, []).append((place, member))
    return table


@cache
def _terms(lang: Lang) -> re.Pattern[str]:
    return _anywhere(_members(lang))


def shuffled_keywords(text: str, rng: random.Random) -> str:
    """The text's longer words in another order: the right words, no claim."""
    return keyword_list(text, rng)
