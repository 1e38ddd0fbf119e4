"""Sentences of an answer that echo one of a reference or criterion, and what their difference says.

In a long answer that keeps most of a reference, one turned word is easily overlooked: a reader of whole texts weighs
it against all that agrees. Held against its counterpart alone the sentence says plainly what it says, and an answer
that contradicts a sentence of a statement contradicts the statement (sentences as the grain of entailment: Laban et
al., arXiv:2111.09525). Only sentences that keep most of another's words are compared; a paraphrase is read as before.
A language model reads them so, and where each difference is an opposite, a negation or the like, none is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from grader import copies
from grader.match import CONTRADICTORY, Estimate
from grader.sheet import Sheet

if TYPE_CHECKING:
    from grader.schema import Lang

LEAST_SHARED = 0.6  # of the words of both sentences, in order
SHORTEST = 4  # words of a sentence that can echo another
MOST_SENTENCES = 24  # of an answer
REVERSED = 0.98
"""Probability that an answer is contradictory with a sentence that turns one of a reference or criterion round: of 122
such answers of the training sets 121 were, and none was right (rule of succession)."""

_END = re.compile(r"(?<=[.;:!?…])\s+|\n+")


class Echo(NamedTuple):
    """A sentence and what it echoes.

    Args:
        place: Of the statement.
        mine: A sentence of the answer.
        theirs: The closest sentence of the statement, not the same.
    """

    place: int
    mine: str
    theirs: str


class _Sentence(NamedTuple):
    text: str
    words: tuple[str, ...]


def echoes(answer: str, statements: Sequence[str]) -> list[Echo]:
    """Sentences that echo one of a statement without saying the same words; in order.

    A sentence that stands in any of the statements word for word echoes none, and where both texts are one sentence
    there is nothing to hold apart.

    Args:
        answer: What the learner wrote.
        statements: What is right.
    """
    return [
        Echo(place, mine.text, theirs.text) for place, mine, theirs, lone in _closest(answer, statements) if not lone
    ]


def reversals(answer: str, statements: Sequence[str], lang: Lang) -> list[tuple[Echo, float]]:
    """Echoes whose every difference turns them round (``grader.copies.reverses``), each with ``REVERSED``.

    Args:
        answer: What the learner wrote.
        statements: What is right.
        lang: Of the answer.
    """
    return [
        (Echo(place, mine.text, theirs.text), REVERSED)
        for place, mine, theirs, _ in _closest(answer, statements)
        if copies.reverses(mine.words, theirs.words, lang)
    ]


def _closest(answer: str, statements: Sequence[str]) -> Iterator[tuple[int, _Sentence, _Sentence, bool]]:
    """Place of a statement, a sentence that echoes it, what it echoes, and whether both texts are one sentence."""
    mine = _sentences(answer)[:MOST_SENTENCES]
    theirs = [_sentences(statement) for statement in statements]
    said = {sentence.words for parts in theirs for sentence in parts}
    for sentence in mine:
        if sentence.words in said:
            continue
        for place, parts in enumerate(theirs):
            shared = [_shared(sentence, part) for part in parts]
            if shared and max(shared) >= LEAST_SHARED:
                yield place, sentence, parts[shared.index(max(shared))], len(mine) == len(parts) == 1


def temper(found: Estimate, against: Sequence[tuple[Echo, float]], held: Sheet) -> Estimate:
    """What a model makes of an answer, once it has read the echoes too.

    With the probability that some sentence contradicts its counterpart the answer is contradictory, and a criterion
    whose wording is contradicted is not expressed.

    Args:
        found: Made of the whole answer.
        against: Echoes of ``held.right``, each with the probability that it contradicts its counterpart.
        held: What the answer was held against.
    """
    if not against:
        return found
    denied = np.zeros(len(held.right))
    for echo, p in against:
        denied[echo.place] = max(denied[echo.place], p)
    worst = denied.max()
    verdict = found.verdict * (1 - worst)
    verdict[CONTRADICTORY] += worst
    ends = np.cumsum([len(held.references), *map(len, held.criteria)])
    denials = [denied[start:end].max() for start, end in pairwise(ends)]
    return replace(found, verdict=verdict, criteria=found.criteria * (1 - np.array(denials)))


def _sentences(text: str) -> list[_Sentence]:
    parts = [_Sentence(part.strip(), tuple(copies.words(part))) for part in _END.split(text)]
    return [part for part in parts if len(part.words) >= SHORTEST]


def _shared(mine: _Sentence, theirs: _Sentence) -> float:
    if 2 * min(len(mine.words), len(theirs.words)) < LEAST_SHARED * (len(mine.words) + len(theirs.words)):
        return 0.0  # as many as that cannot be shared
    return SequenceMatcher(None, theirs.words, mine.words, autojunk=False).ratio()
