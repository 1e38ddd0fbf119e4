"""Places and values as faults show them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

Place = tuple[str | int, ...]

_SHOWN_LENGTH = 60


def dotted(place: Place) -> str:
    """Render a place inside a document, such as ``questions[2].answer``; list items count from 0."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_clip(part)}" for part in place)
    return "".join(parts).removeprefix(".")


def shown(value: object) -> str:
    """Quote a received value on one line, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, str):
        value = _clip(value)
    try:
        return _clip(json.dumps(value, ensure_ascii=True, default=str))
    except RecursionError:
        return "a deeply nested value"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Offer the nearest known word as ``; did you mean 'prompt'?``, or nothing where none is near."""
    near = difflib.get_close_matches(_clip(word), list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
