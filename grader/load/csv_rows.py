"""CSV rows, robust against what people and spreadsheets do to them.

Python's reader lets one stray quote swallow the rest of a file. Here every record is parsed strictly on its own:
where that fails, its first line alone is the bad row and reading goes on at the next line, so no row is lost.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from grader.load.faults import shown
from grader.load.rows import Columns, Row, missing_columns
from grader.load.sources import MAX_LINE_BYTES, Source, read_lines, refuse

FREE_TEXT = "answer"

_DELIMITERS = ",;\t"
_PLAIN = {
    "new-line character seen": "a carriage return stands outside quotes",
    "unexpected end of data": "a quote is opened and never closed",
}


def csv_rows(source: Source, columns: Columns) -> Iterator[Row]:
    """Read the rows under a header; commas, semicolons or tabs, whichever gives the columns.

    Raises:
        FileFaultsError: The header is missing or lacks a column, or the file breaks off.
    """
    lines = _Lines(source)
    header, delimiter = _read_header(lines, columns)
    # Columns before the free text are still in step where a stray comma or quote in it spoils the row.
    sure = header.index(FREE_TEXT) if FREE_TEXT in header else 0
    while (record := _read_record(lines, delimiter)) is not None:
        cells, problem = record.cells, record.problem
        if not cells and not problem:
            continue
        if not problem and len(cells) != len(header):
            problem = f"{len(cells)} cells under a header of {len(header)}"
        known = cells[:sure] if problem else cells
        if not problem and any("\ud800" <= char <= "\udfff" for cell in cells for char in cell):
            problem = "not UTF-8; save it as CSV UTF-8"
        yield Row(source.name, record.line, dict(zip(header, known, strict=False)), problem)


@dataclass(frozen=True)
class _Record:
    """Cells of one row, or the surely known first ones of a broken row."""

    line: int
    cells: list[str]
    problem: str = ""


class _Lines:
    """Numbered lines that can be put back."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._unread = read_lines(source)
        self._returned: deque[tuple[int, str]] = deque()

    def take(self) -> tuple[int, str] | None:
        if self._returned:
            return self._returned.popleft()
        number, line = next(self._unread, (0, b""))
        return (number, line.decode("utf-8", errors="surrogateescape")) if line else None

    def put_back(self, lines: list[tuple[int, str]]) -> None:
        self._returned.extendleft(reversed(lines))

    def record_into(self, taken: list[tuple[int, str]]) -> Iterator[str]:
        """Hand out the lines of one record and note them in ``taken``."""
        size = 0
        while (line := self.take()) is not None:
            taken.append(line)
            size += len(line[1])
            if size > MAX_LINE_BYTES:
                raise csv.Error(f"a quoted cell runs over {MAX_LINE_BYTES:,} characters")
            yield line[1]


def _read_header(lines: _Lines, columns: Columns) -> tuple[list[str], str]:
    name = lines.name
    first = lines.take()
    while first is not None and not first[1].strip():
        first = lines.take()
    if first is None:
        refuse(name, "is empty: expected a header")
    line, text = first
    if "\r" in text.rstrip("\r\n"):
        refuse(name, "lines end in a bare carriage return; save it with LF or CRLF", line=line)
    try:
        headers = {mark: _split(text, mark) for mark in _DELIMITERS}
    except csv.Error as error:
        refuse(name, f"the header is not CSV: {error}", line=line)
    delimiter = next((mark for mark, names in headers.items() if not missing_columns(names, columns)), ",")
    header = headers[delimiter]
    if missing := missing_columns(header, columns):
        refuse(name, f"the header lacks {missing}; got {shown(text.strip())}", line=line)
    if repeated := sorted({column for column in header if column and header.count(column) > 1}):
        refuse(name, f"the header repeats {shown(repeated[0])}", line=line)
    return header, delimiter


def _split(text: str, delimiter: str) -> list[str]:
    """Split a header into column names, in small letters unless that would repeat another's name."""
    names = [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, strict=True))]
    return [name if name.lower() in names else name.lower() for name in names]


def _read_record(lines: _Lines, delimiter: str) -> _Record | None:
    taken: list[tuple[int, str]] = []
    limit = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        cells = next(csv.reader(lines.record_into(taken), delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        lines.put_back(taken[1:])
        line, text = taken[0]
        return _Record(line, _leading_cells(text, delimiter), f"not CSV: {_explain(error)}")
    finally:
        csv.field_size_limit(limit)
    return None if cells is None else _Record(taken[0][0], cells)


def _leading_cells(text: str, delimiter: str) -> list[str]:
    """Split the start of a broken line leniently; the last cell is where it broke."""
    start = text[:2_000].partition("\r")[0]
    return next(csv.reader([start], delimiter=delimiter), [])[:-1]


def _explain(error: csv.Error) -> str:
    message = str(error)
    return next((plain for start, plain in _PLAIN.items() if message.startswith(start)), message)
