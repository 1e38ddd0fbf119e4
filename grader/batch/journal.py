"""What a run has graded so far, kept beside its output until that is complete.

An SQLite file in WAL mode, flushed to disk with every window, so that it survives the death of the process and of the
machine. The run holds it exclusively; the system releases that lock however the process ends. After the run the
outcomes leave, and only the settings and the hash of the output stay.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

from grader.errors import GraderError
from grader.records import dump_json, from_record, to_record
from grader.schema import Outcome, Unscored

FORMAT = 1  # of the file, kept as its user_version
_TABLES = (
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE outcomes (place INTEGER PRIMARY KEY, unscored INTEGER NOT NULL, record TEXT NOT NULL, crc INTEGER)",
    "CREATE INDEX outcomes_unscored ON outcomes (unscored)",  # to find and to count without reading the records
    "CREATE TABLE output (sha256 TEXT NOT NULL)",  # one row once the run is finished
    f"PRAGMA user_version = {FORMAT}",
)
_IN_USE = "another run is writing this output; wait for it, or choose another name"
_DAMAGED = "is damaged: --restart begins anew"
_WORDS = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_FULL: "No space left on device",
    sqlite3.SQLITE_IOERR: "cannot be read or written: is the disk full or gone?",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_READONLY: "cannot be written",
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
}


class JournalError(GraderError):
    """The journal cannot be used; the message names the file."""


class DamagedJournalError(JournalError):
    """The journal does not hold what was written to it."""


class Journal:
    """The journal of one output, held by this process until :meth:`close`.

    Args:
        target: The output; a symbolic link is followed.

    Raises:
        DamagedJournalError: The file that is there cannot be read as a journal.
        JournalError: The folder cannot be written, or another run holds the journal.
    """

    def __init__(self, target: Path) -> None:
        self.path = _journal_path(target)
        inode = _create(self.path)
        with self._errors():
            self._db = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            self._prepare()
            self._check_inode(inode)
        except BaseException:
            self._db.close()
            raise

    @classmethod
    def restart(cls, target: Path) -> Self:
        """Open an empty journal, whatever lies there.

        Raises:
            JournalError: As on opening, damage aside.
        """
        try:
            journal = cls(target)
            try:
                journal.begin({})
            except BaseException:
                journal.close()
                raise
        except DamagedJournalError:
            path = _journal_path(target)
            for leftover in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")):
                leftover.unlink(missing_ok=True)
            return cls(target)
        return journal

    def __enter__(self) -> Self:
        """Hold the journal."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let go of it."""
        self.close()

    @property
    def rows(self) -> int:
        """Outcomes kept."""
        with self._errors():
            return int(self._db.execute("SELECT count(*) FROM outcomes").fetchone()[0])

    @property
    def settings(self) -> dict[str, str]:
        """What decided the grades of the run; empty before there was one."""
        with self._errors():
            return dict(self._db.execute("SELECT name, value FROM settings ORDER BY rowid"))

    @property
    def output_sha256(self) -> str | None:
        """SHA-256 of the output; ``None`` while it is not complete."""
        with self._errors():
            row = self._db.execute("SELECT sha256 FROM output").fetchone()
        return None if row is None else str(row[0])

    def begin(self, settings: Mapping[str, str]) -> None:
        """Forget what is there and start a run with these settings."""
        with self._transaction():
            self._clear()
            self._db.execute("DELETE FROM settings")
            self._db.executemany("INSERT INTO settings VALUES (?, ?)", settings.items())

    def reopen(self, outcomes: Iterator[Outcome]) -> None:
        """Take the outcomes of a complete output back in, all or none."""
        with self._transaction():
            self._clear()
            self._insert(enumerate(outcomes))

    def forget_unscored(self) -> None:
        """Drop the rows that got no grade, so that they are graded again."""
        with self._transaction():
            self._db.execute("DELETE FROM outcomes WHERE unscored")

    def holds(self, place: int) -> bool:
        """Whether the row at this place, counted from 0, has its outcome."""
        with self._errors():
            return self._db.execute("SELECT 1 FROM outcomes WHERE place = ?", (place,)).fetchone() is not None

    def places(self) -> Iterator[int]:
        """The places that :meth:`holds` affirms, in order."""
        with self._errors(), closing(self._db.execute("SELECT place FROM outcomes ORDER BY place")) as rows:
            for (place,) in rows:
                yield int(place)

    def add(self, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Keep the outcomes of one window, all or none; they are on the disk when this returns.

        Raises:
            JournalError: The disk is full or gone; what was kept before stays.
        """
        with self._transaction():
            self._insert(zip(places, outcomes, strict=True))

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Read every outcome in order, one at a time; close the generator before the journal.

        Raises:
            DamagedJournalError: A row is missing or not as it was written.
        """
        query = "SELECT place, record, crc FROM outcomes ORDER BY place"
        with self._errors(), closing(self._db.execute(query)) as rows:
            for expected, (place, record, crc) in enumerate(rows):
                if place != expected or zlib.crc32(str(record).encode()) != crc:
                    raise DamagedJournalError(f"{self.path}: {_DAMAGED}")
                yield from_record(json.loads(record))

    def finish(self, output_sha256: str) -> None:
        """Note that the output is complete, and let the outcomes go."""
        with self._transaction():
            self._clear()
            self._db.execute("INSERT INTO output VALUES (?)", (output_sha256,))
        with suppress(sqlite3.OperationalError):  # no space to tidy up in; the rows are gone all the same
            self._db.execute("VACUUM")

    def close(self) -> None:
        """Let go of the file, and remove it where it says nothing; a second time does nothing."""
        try:
            with suppress(sqlite3.DatabaseError, JournalError, OSError):  # what cannot be read or removed stays
                if not self.rows and self.output_sha256 is None:
                    self._db.execute("PRAGMA journal_mode = DELETE")  # a later owner's log has the same name as ours
                    self.path.unlink(missing_ok=True)
        finally:
            self._db.close()

    def _prepare(self) -> None:
        with self._errors():
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version == 0 and tables == 0:
                for statement in _TABLES:
                    self._db.execute(statement)
            elif version != FORMAT:
                raise DamagedJournalError(f"{self.path}: is no journal of this version: --restart begins anew")

    def _check_inode(self, inode: int) -> None:
        """See that the last owner did not just remove the file that we have opened."""
        if _inode(self.path) != inode:
            raise JournalError(f"{self.path}: {_IN_USE}")

    def _clear(self) -> None:
        self._db.execute("DELETE FROM outcomes")
        self._db.execute("DELETE FROM output")

    def _insert(self, placed: Iterator[tuple[int, Outcome]]) -> None:
        rows = ((place, isinstance(outcome, Unscored), dump_json(to_record(outcome))) for place, outcome in placed)
        self._db.executemany(
            "INSERT INTO outcomes VALUES (?, ?, ?, ?)", ((*row, zlib.crc32(row[2].encode())) for row in rows)
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.ProgrammingError):  # closed meanwhile, where a signal came between two lines
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            message = _WORDS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error))  # the primary code
            kind = DamagedJournalError if message == _DAMAGED else JournalError
            raise kind(f"{self.path}: {message}") from error


def _journal_path(target: Path) -> Path:
    final = Path(os.path.realpath(target))
    return final.with_name(f".{final.name}.journal")


def _create(path: Path) -> int:
    """Make the file where it is missing, and give its inode.

    Raises:
        JournalError: The folder cannot be written, or the last owner removes the file meanwhile.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    except FileExistsError:
        pass  # of an earlier run, or of one that is under way
    except OSError as error:
        raise JournalError(f"{path}: cannot write in {path.parent}: {error.strerror}") from error
    return _inode(path)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        raise JournalError(f"{path}: {_IN_USE}") from None
