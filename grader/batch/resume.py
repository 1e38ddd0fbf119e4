"""How a run begins on what an earlier one left, and grades what is missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from grader.batch.atomic import check_place, clear_parts
from grader.batch.journal import Journal
from grader.batch.local import WINDOW_ROWS, AnswerGrader, grade_window, windows
from grader.errors import GraderError
from grader.load.grades import read_grades
from grader.schema import Submission, Unscored

Start = Literal["new", "resume", "retry", "restart"]

_SHOWN_CHARS = 40


@dataclass(frozen=True)
class InputFile:
    """What a file of submissions held when the run began.

    Args:
        path: The file.
        sha256: Of its bytes.
        size_bytes: Their number.
        changed_ns: When the file was last written, as its folder says.
    """

    path: Path
    sha256: str
    size_bytes: int
    changed_ns: int

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file through, in constant memory."""
        state = path.stat()
        return cls(path, _sha256(path), state.st_size, state.st_mtime_ns)

    def refuse_change(self) -> None:
        """Refuse to go on where the file was written meanwhile.

        Raises:
            GraderError: It was, or it is gone.
        """
        try:
            state = self.path.stat()
        except FileNotFoundError:
            raise GraderError(f"{self.path}: was removed while it was being graded") from None
        if (state.st_size, state.st_mtime_ns) != (self.size_bytes, self.changed_ns):
            raise GraderError(f"{self.path}: changed while it was being graded; --restart begins anew")


def open_journal(target: Path, start: Start) -> Journal:
    """Take hold of an output, and clear away what killed runs left of it.

    Raises:
        GraderError: The place cannot be used, another run is at it, or an unfinished run has rows there and
            ``start`` does not say what to do with them.
    """
    check_place(target)
    journal = Journal.restart(target) if start == "restart" else Journal(target)
    try:
        _refuse_start(journal, target, start)
        clear_parts(target)
    except BaseException:
        journal.close()
        raise
    return journal


def begin_run(journal: Journal, target: Path, settings: Mapping[str, str], start: Start) -> None:
    """Make the journal hold what this run need not grade.

    A finished run goes back into the journal, from its output.

    Args:
        journal: Of ``target``.
        target: The output.
        settings: What decides the grades, by name.
        start: How to go on from what the journal holds.

    Raises:
        GraderError: The earlier run had other settings, or its output is gone or was changed.
    """
    finished = journal.output_sha256
    if start in {"new", "restart"} or not (journal.rows or finished):
        journal.begin(settings)
        return
    _refuse_changes(target, journal.settings, settings)
    if finished and not target.exists():
        if start == "retry":
            raise GraderError(f"{target}: the output is gone; --restart grades everything anew")
        journal.begin(settings)
        return
    if finished:
        if _sha256(target) != finished:
            raise GraderError(f"{target}: was changed since it was graded; --restart grades everything anew")
        journal.reopen(read_grades(target))
    if start == "retry":
        journal.forget_unscored()


def grade_missing(
    rows: Iterable[Submission | Unscored],
    grader: AnswerGrader,
    journal: Journal,
    *,
    window: Callable[[], AbstractContextManager[None]],
    window_rows: int = WINDOW_ROWS,
) -> Iterator[tuple[int, int]]:
    """Grade the rows that the journal lacks, window by window.

    Args:
        rows: All rows of the input, from its start.
        grader: Grades a window.
        journal: Gets each window's outcomes at once.
        window: Entered around each window.
        window_rows: Rows a window holds at most, above zero.

    Yields:
        After each window the rows done so far, and how many of them this window graded.
    """
    resumed = journal.rows > 0
    missing = ((place, row) for place, row in enumerate(rows) if not (resumed and journal.holds(place)))
    for placed in windows(missing, window_rows=window_rows):
        places = [place for place, _ in placed]
        with window():
            journal.add(places, grade_window([row for _, row in placed], grader))
        yield places[-1] + 1, len(places)


def finish_run(journal: Journal, target: Path) -> None:
    """Note in the journal that the output stands complete."""
    journal.finish(_sha256(target))


def _refuse_start(journal: Journal, target: Path, start: Start) -> None:
    if start == "new" and (rows := journal.rows):
        raise GraderError(
            f"{target}: an unfinished run has graded {rows:,} rows: --resume continues it, --restart begins anew"
        )
    if start == "retry" and not journal.settings:
        raise GraderError(f"{target}: no run is known here whose unscored rows could be tried again")


def _refuse_changes(target: Path, was: Mapping[str, str], now: Mapping[str, str]) -> None:
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if names:
        lines = [f"  {name}: {_shown(was.get(name))} → {_shown(now.get(name))}" for name in names]
        head = f"{target}: the run there had other settings; --restart begins anew"
        raise GraderError("\n".join([head, *lines]))


def _shown(value: str | None) -> str:
    text = value or "none"
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def _sha256(path: Path) -> str:
    with Path(os.path.realpath(path)).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
