"""Files of grades, read back as the outcomes that were written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from grader.cells import from_cells
from grader.errors import Fault, FileFaultsError
from grader.load.rows import Row, read_rows
from grader.records import from_record
from grader.schema import Outcome

_COLUMNS = (("submission_id",), ("question_id",), ("status",))


def read_grades(source: str | Path) -> Iterator[Outcome]:
    """Read grades from JSON Lines, CSV or Parquet, one at a time.

    Args:
        source: Path, or ``-`` for standard input.

    Raises:
        FileFaultsError: The file cannot be used; while reading, a row is not a grade.
    """
    return map(_outcome, read_rows(source, None, _COLUMNS))


def _outcome(row: Row) -> Outcome:
    if row.problem:
        _refuse(row, row.problem)
    if "status" not in row.fields:
        _refuse(row, "has no status; is this a file of submissions?")
    # only a CSV row has a text there, and only its cells are quoted against spreadsheets
    cells = {key: value for key, value in row.fields.items() if isinstance(value, str)}
    try:
        return from_record(from_cells(cells) if "criteria" in cells else row.fields)
    except ValueError as error:
        _refuse(row, f"not a grade: {error}")


def _refuse(row: Row, message: str) -> NoReturn:
    raise FileFaultsError((Fault(row.name, row.line, "", message),))
