"""What can be told of an answer without understanding it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from grader.schema import Lang

_FUNCTION: dict[Lang, frozenset[str]] = {
    "en": frozenset(
        """
        a an the of and or but if then than that this these those it its is are was were be been being do
        does did has have had i you he she we they them their there here in on at by to from with for as
        so because while when where which who what how why not no nor can could may might will would
        should must about into over under out up down only also just each
        """.split()
    ),
    "es": frozenset(
        """
        el la los las un una unos unas de del al y e o u pero si que este esta estos estas ese esa eso
        esto es son era ser está están ha han hay yo tú él ella nosotros ellos ellas se lo le les su sus
        en a con por para sin sobre entre como cuando donde cual cuál qué quién cómo porque mientras no ni
        ya más muy también solo sólo cada así pues entonces
        """.split()
    ),
}
NAMES = ("novelty", "length", "function_words", "foreign_number")


def words(text: str) -> list[str]:
    """Lower-case words and numbers; apostrophes are dropped."""
    return re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("’", ""))


def describe(answer: str, question: str, given: Sequence[str], lang: Lang) -> list[float]:
    """Features of an answer's surface, in the order of ``NAMES``.

    Overlap with the references is left out on purpose: it tells a copy from a paraphrase, not right from wrong.

    Args:
        answer: What the learner wrote.
        question: The prompt.
        given: Everything that references and rubric say, where numbers may come from.
        lang: Language of the answer.

    Returns:
        Share of content words that the question lacks · log of one plus the word count · share of function words ·
        1 where a number stands in no given text.
    """
    mine = words(answer)
    content = [word for word in mine if word not in _FUNCTION[lang]]
    asked = set(words(question))
    novelty = sum(word not in asked for word in content) / max(1, len(content))
    known = {word for text in (question, *given) for word in words(text)}
    foreign = any(word.isdigit() and word not in known for word in mine)
    share = (len(mine) - len(content)) / max(1, len(mine))
    return [novelty, math.log1p(len(mine)), share, float(foreign)]


def closest(answer: str, statements: Sequence[str], limit: int) -> tuple[str, ...]:
    """The statements that share most words with an answer (F1), closest first.

    Args:
        answer: What the learner wrote.
        statements: To choose from; the order decides between equals.
        limit: How many at most.
    """
    mine = words(answer)
    return tuple(sorted(statements, key=lambda statement: -_f1(mine, words(statement)))[:limit])


def _f1(a: Sequence[str], b: Sequence[str]) -> float:
    common = sum((Counter(a) & Counter(b)).values())
    return 2 * common / max(1, len(a) + len(b))
