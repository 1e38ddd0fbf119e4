"""Contradictions and empty talk to learn from, made by the edits that graders are attacked with."""

from __future__ import annotations

import random

from grader.attacks.edits import exchanges, keyword_list, negations, numbers, opposites
from grader.schema import Lang


def contradict(text: str, lang: Lang, rng: random.Random, *, limit: int) -> list[str]:
    """Up to ``limit`` edits of a text that change what it says, of different kinds."""
    kinds = [negations(text, lang), opposites(text, lang), exchanges(text, lang), numbers(text)]
    found = list(dict.fromkeys(rng.choice(edits) for edits in kinds if edits))
    rng.shuffle(found)
    return found[:limit]


def shuffled_keywords(text: str, rng: random.Random) -> str:
    """The text's longer words in another order: the right words, no claim."""
    return keyword_list(text, rng)
