"""Texts from strangers, made safe to print.

Answers are hostile: control and direction characters move a cursor or make a line read as another one.
"""

from __future__ import annotations

import unicodedata

_INSTEAD = {"Cs": "\ufffd", "Zl": " ", "Zp": " ", "Cc": "", "Cf": ""}


def clean(text: str) -> str:
    """Drop control, direction and zero-width characters, keeping line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in "\n\t" else _INSTEAD.get(unicodedata.category(char), char) for char in text)


def clean_line(text: str, *, limit: int = 300) -> str:
    """Fit a text on one line: :func:`clean`, white space folded, cut after ``limit`` characters."""
    start = text[: limit * 4]
    folded = " ".join(clean(start).split())
    return folded if len(folded) <= limit and len(start) == len(text) else f"{folded[:limit]}…"
