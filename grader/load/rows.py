"""Rows of submission and label files, one at a time, whatever the format.

A row that cannot be read is still a row: it says why, and keeps the ids that could be read.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.load.sources import Format, Source, open_source, read_lines, refuse

Columns = Sequence[tuple[str, ...]]

_MEMBER = re.compile(r'\s*"([^"\\]{1,200})"\s*:\s*(?:"([^"\\]{0,200})"|([0-9]{1,18}))\s*,')


@dataclass(frozen=True)
class Row:
    """One row as its file holds it.

    Args:
        name: The file.
        line: Where the row starts, from 1; Parquet rows count as lines.
        fields: What could be read, by column.
        problem: Why the row cannot be used; empty where it can.
        unit: What ``line`` counts.
    """

    name: str
    line: int
    fields: Mapping[str, object]
    problem: str = ""
    unit: str = "line"

    @property
    def place(self) -> str:
        """Name where the row is, as in ``line 7``."""
        return f"{self.unit} {self.line}"


def read_rows(source: str | Path, file_format: Format | None, columns: Columns) -> Iterator[Row]:
    """Read the rows of a file, or of standard input where the source is ``-``.

    The file is opened and its first row read before this returns, so that a file that is no good fails at once.

    Args:
        source: Path, or ``-``.
        file_format: Found from the suffix or the first byte unless given.
        columns: Names that a CSV or Parquet file must have, each with the names that may stand for it.

    Raises:
        FileFaultsError: The file cannot be used or has no rows, or breaks off; then the rows before have been yielded.
    """
    return _begun(_rows(source, file_format, columns))


def missing_columns(names: Sequence[str], columns: Columns) -> str:
    """Name the columns that a table lacks; empty where it has all."""
    lacking = [" or ".join(column) for column in columns if not set(column) & set(names)]
    return ", ".join(lacking)


def _begun(rows: Iterator[Row]) -> Iterator[Row]:
    return itertools.chain((next(rows),), rows)


def _rows(source: str | Path, file_format: Format | None, columns: Columns) -> Iterator[Row]:
    with open_source(source, file_format) as opened:
        rows = _rows_of(opened, columns)
        first = next(rows, None)
        if first is None:
            refuse(opened.name, "is empty: expected a row")
        yield first
        yield from rows


def _rows_of(source: Source, columns: Columns) -> Iterator[Row]:
    if source.format == "jsonl":
        return _json_rows(source)
    if source.format == "csv":
        from grader.load.csv_rows import csv_rows

        return csv_rows(source, columns)
    from grader.load.parquet_rows import parquet_rows

    return parquet_rows(source, columns)


def _json_rows(source: Source) -> Iterator[Row]:
    for number, line in read_lines(source):
        if line.strip():
            yield _json_row(source.name, number, line)


def _json_row(name: str, number: int, line: bytes) -> Row:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        problem = f"byte 0x{line[error.start]:02x} is not UTF-8"
    except RecursionError:
        problem = "JSON nested too deeply"
    except ValueError as error:
        problem = f"not JSON: {error}"
    else:
        if isinstance(value, dict):
            return Row(name, number, value)
        problem = "not a JSON object: expected one object a line"
    return Row(name, number, _leading_members(line), problem)


def _leading_members(line: bytes) -> dict[str, object]:
    """Read the simple members that a broken JSON object starts with, the ids as a rule."""
    text = line[:2_000].decode("utf-8", errors="surrogateescape").lstrip()
    members: dict[str, object] = {}
    position = 1
    while text.startswith("{") and (found := _MEMBER.match(text, position)):
        members[found[1]] = found[3] if found[2] is None else found[2]
        position = found.end()
    return members
