"""Grade records as spreadsheet cells, and back.

A cell that a spreadsheet would take for a formula gets a leading apostrophe; numbers are left alone.

That protects cells that are read as they were written, separated by commas. A spreadsheet whose language separates by
semicolons, opening the file without asking, cuts inside texts too: ``so;=1+1`` becomes two cells, the second a formula.
Apostrophes inside texts would prevent that, but other readers would take them for the learner's. Import such a file
as comma-separated, or write another format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from grader.records import ALL_FIELDS, Record, dump_json

_NUMBERS = frozenset({"points", "max_points", "score", "confidence"})
_NESTED = frozenset({"criteria", "misconceptions", "judge"})
_FLAGS = {"true": True, "false": False}
# Apostrophes in front belong to the pattern so that restoring a cell is unambiguous. The full-width forms start a
# formula in East Asian spreadsheets; controls and zero-width characters in front are skipped by some of them.
_FORMULA = re.compile("'*[\\s\x00-\x1f\x7f-\xa0\u200b-\u200f\u2060\ufeff]*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def neutralise(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def restore(cell: str) -> str:
    """Undo :func:`neutralise`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_cells(record: Mapping[str, object]) -> list[str]:
    """Lay a grade record out as the cells of one row, in the order of ``ALL_FIELDS``; absent fields are empty."""
    return [_cell(name, record.get(name)) for name in ALL_FIELDS]


def from_cells(cells: Mapping[str, str]) -> Record:
    """Read one row back into a grade record.

    Args:
        cells: Cell by column name; empty cells of numbers, flags and nested fields are absent fields.

    Raises:
        ValueError: A cell does not hold what its column should; the message names it and quotes the cell.
    """
    return {name: _value(name, cell) for name, cell in cells.items() if name in ALL_FIELDS and not _absent(name, cell)}


def to_cell(value: object) -> str:
    """Lay a text, a number or a flag out as a cell; ``None`` is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return neutralise(value) if isinstance(value, str) else str(value)


def _cell(name: str, value: object) -> str:
    return dump_json(value) if name in _NESTED and value is not None else to_cell(value)


def _absent(name: str, cell: str) -> bool:
    return not cell and (name in _NUMBERS or name in _NESTED or name == "needs_review")


def _value(name: str, cell: str) -> object:
    try:
        if name in _NUMBERS:
            return float(cell)
        if name in _NESTED:
            return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: {cell[:80]!r} cannot be read") from error
    return _FLAGS.get(cell.lower(), cell) if name == "needs_review" else restore(cell)
