"""HTML out of untrusted texts: what is not `Html` is escaped.

Learners' answers and quiz texts are shown as text; nothing in them runs.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

_VOID = frozenset({"br", "hr"})
_CODE = re.compile(r"`([^`\n]+)`")
_PARAGRAPH = re.compile(r"\n\s*\n")

# One path each on a 16 by 16 grid, drawn with the text's own colour.
_ICONS = MappingProxyType(
    {
        "check": "M3 8.5l3.2 3.2L13 4.8",
        "half": "M3 8h10",
        "cross": "M4 4l8 8M12 4l-8 8",
        "away": "M3 8h8.5M8 4.2L11.8 8 8 11.8",
        "dots": "M3.5 8h.01M8 8h.01M12.5 8h.01",
        "eye": "M1.5 8s2.4-4.3 6.5-4.3S14.5 8 14.5 8 12.1 12.3 8 12.3 1.5 8 1.5 8zM8 9.6a1.6 1.6 0 100-3.2",
        "shield": "M8 1.8l5 1.8v4c0 3.2-2.1 5.5-5 6.6-2.9-1.1-5-3.4-5-6.6v-4zM5.7 8l1.7 1.7 3-3.2",
        "down": "M8 2.5v8M4.5 7.2L8 10.6l3.5-3.4M2.5 13.5h11",
    }
)


class Html(str):
    """Markup that is safe to send as it is; every other string is escaped first."""

    __slots__ = ()


NOTHING = Html("")


@dataclass(frozen=True)
class Mark:
    """A span of an answer to highlight.

    Args:
        start: Offset in code points, inclusive.
        end: Offset in code points, exclusive.
        number: Shown behind the span; the lists below refer to it.
        kind: ``evidence`` for a criterion that is met, ``doubt`` for a misconception.
    """

    start: int
    end: int
    number: int
    kind: Literal["evidence", "doubt"]


def safe(text: str) -> Html:
    """Escape a text unless it is markup already."""
    return text if isinstance(text, Html) else Html(html.escape(text, quote=True))


def join(parts: Iterable[str]) -> Html:
    """Concatenate, escaping what is not markup."""
    return Html("".join(safe(part) for part in parts))


def tag(name: str, *children: str, **attributes: str | int | bool | None) -> Html:
    """Build an element.

    Args:
        name: Element name.
        children: Texts are escaped, markup is kept.
        attributes: ``class_`` gives ``class``, ``data_question`` gives ``data-question``; ``None`` and ``False`` are
            left out, ``True`` gives a bare attribute.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{safe(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{join(children)}</{name}>")


def icon(name: str) -> Html:
    """Draw an icon that a screen reader skips."""
    return Html(
        '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" '
        f'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><path d="{_ICONS[name]}"/></svg>'
    )


def prose(text: str) -> Html:
    """Lay out an author's text: paragraphs at blank lines, code between backquotes, nothing else."""
    paragraphs = (part.strip() for part in _PARAGRAPH.split(text))
    return join(tag("p", _inline(paragraph)) for paragraph in paragraphs if paragraph)


def words(text: str) -> Html:
    """Show a learner's text as it was typed, isolated so that direction marks in it turn nothing around it."""
    return tag("bdi", text, dir="auto", class_="words")


def highlight(answer: str, marks: Sequence[Mark]) -> Html:
    """Show a learner's text with spans marked; spans may overlap.

    Args:
        answer: The learner's text.
        marks: Spans inside ``answer``; those that are empty or reach outside are left out.
    """
    usable = [mark for mark in marks if 0 <= mark.start < mark.end <= len(answer)]
    edges = sorted({0, len(answer)} | {edge for mark in usable for edge in (mark.start, mark.end)})
    parts: list[Html] = []
    for start, end in itertools.pairwise(edges):
        covering = [mark for mark in usable if mark.start <= start and end <= mark.end]
        piece = safe(answer[start:end])
        if covering:
            kind = "doubt" if any(mark.kind == "doubt" for mark in covering) else "evidence"
            ending = sorted({mark.number for mark in covering if mark.end == end})
            piece = tag("mark", piece, *(tag("sup", str(number)) for number in ending), class_=f"mark-{kind}")
        parts.append(piece)
    return tag("bdi", *parts, dir="auto", class_="words")


def _inline(text: str) -> Html:
    pieces = _CODE.split(text)
    return join(tag("code", piece) if index % 2 else piece for index, piece in enumerate(pieces))
