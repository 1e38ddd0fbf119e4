"""Reasons for no grade, counted; reasons that differ only in a value are one reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

_MAX_REASONS = 200
_REASON_CHARS = 200
_PLACE = re.compile(r"^(?:line|row) \d+: ")
_VALUE = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*")


@dataclass
class ReasonCounts:
    """Rows by reason, in memory that does not grow with the rows.

    Args:
        rows: By reason, without its place and with its values left out.
        examples: The full reason, kept while every row gives the same one.
    """

    rows: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str) -> None:
        """Count one row."""
        example = _PLACE.sub("", reason[:_REASON_CHARS])
        general = _VALUE.sub("…", example)
        if general not in self.rows:
            if len(self.rows) >= _MAX_REASONS:
                general = example = "other reasons"
            self.examples.setdefault(general, example)
        elif self.examples.get(general) != example:
            self.examples.pop(general, None)
        self.rows[general] += 1

    @property
    def total(self) -> int:
        """Rows counted."""
        return self.rows.total()

    def top(self, count: int = 5) -> tuple[tuple[str, int], ...]:
        """List the most frequent reasons with their rows."""
        return tuple((self.examples.get(reason, reason), rows) for reason, rows in self.rows.most_common(count))
