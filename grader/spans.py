"""Cut an answer into the clauses that evidence can point at."""

from __future__ import annotations

import re
from itertools import pairwise

from grader.schema import Evidence

_BREAK = re.compile(
    r"(?<=[.;:!?…])\s+|\n+|"
    r",\s+(?=(?:and|but|so|while|whereas|because|which|since|therefore|then|not|y|e|pero|así que|mientras|porque|"
    r"pues|ya que|por lo que|con lo que|lo que|sino|luego|no)\b)|"
    r"\s+(?=(?:but|whereas|while|because|pero|mientras|porque|sino)\b)",
    re.IGNORECASE,
)
MIN_CHARS = 12


def clauses(answer: str) -> tuple[Evidence, ...]:
    """Split at sentence ends and before connectives; short pieces join the clause before them.

    Returns:
        Spans in order, together covering every word; one span where there is nothing to split.
    """
    cuts = [0, *(match.end() for match in _BREAK.finditer(answer)), len(answer)]
    spans: list[list[int]] = []
    for start, end in pairwise(cuts):
        if spans and end - start < MIN_CHARS:
            spans[-1][1] = end
        elif end > start:
            spans.append([start, end])
    return tuple(trimmed for start, end in spans if (trimmed := span(answer, start, end)))


def span(answer: str, start: int, end: int) -> Evidence | None:
    """Evidence for ``answer[start:end]`` without outer white space; ``None`` where nothing is left."""
    piece = answer[start:end]
    start += len(piece) - len(piece.lstrip())
    text = piece.strip()
    return Evidence(text, start, start + len(text)) if text else None
