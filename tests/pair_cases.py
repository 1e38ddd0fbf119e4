"""Cases for the readers of pairs: answers and statements of many lengths, of a few words in two languages."""

from __future__ import annotations

import random

from grader.entail import Case

WORDS = "the running maximum of each row is rescaled exactly y la caché no crece".split()
QUESTIONS = ("Is it exact?", "")
ANSWER_LENGTHS = (0, 1, 2, 3, 5, 6, 7, 9, 12, 14, 15, 17, 23, 31, 50, 90, 400)


def some_text(length: int, seed: int) -> str:
    """That many words, drawn with a seed."""
    return " ".join(random.Random(seed).choices(WORDS, k=length))  # noqa: S311


def cases_of_many_lengths(longest: int) -> list[Case]:
    """Answers, held against one to four statements of up to ``longest`` words."""
    statements = [some_text(n, n) for n in (1, 4, 9, 17, 40, longest)]
    return [
        Case(some_text(n, 100 + n), QUESTIONS[i % 2], statements[i % 3 : i % 3 + 1 + i % 4])
        for i, n in enumerate(ANSWER_LENGTHS)
    ]
