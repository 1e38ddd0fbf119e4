"""What learners answered and how it was graded, in one SQLite file.

An attempt is committed before anybody sees its grade, so a process that dies in between leaves an attempt without a
grade, which :meth:`Store.ungraded` finds on the next visit. Each call opens its own connection: the store can be
shared between threads and between processes.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from grader.errors import GraderError
from grader.records import Record, dump_json
from grader.schema import LANGS, Lang

BUSY_TIMEOUT_S = 10.0

# Ordered and append-only: a released migration never changes. Each runs in a transaction of its own, and
# `user_version` is the number of those that ran.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE attempts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            learner TEXT NOT NULL,
            quiz TEXT NOT NULL,
            question TEXT NOT NULL,
            lang TEXT NOT NULL,
            answer TEXT NOT NULL,
            time TEXT NOT NULL
        )""",
        "CREATE INDEX attempts_by_learner ON attempts (learner, quiz, question)",
        """CREATE TABLE grades (
            attempt INTEGER PRIMARY KEY REFERENCES attempts (id) ON DELETE CASCADE,
            record TEXT NOT NULL,
            time TEXT NOT NULL
        )""",
        """CREATE TABLE reviews (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            attempt INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
            reviewer TEXT NOT NULL,
            record TEXT NOT NULL,
            time TEXT NOT NULL
        )""",
        "CREATE INDEX reviews_by_attempt ON reviews (attempt)",
    ),
)


class StoreError(GraderError):
    """The database, or a row of it, cannot be used; the message says which and, where it can, what to do."""


@dataclass(frozen=True)
class Attempt:
    """One answer of one learner.

    Args:
        id: Grows with time.
        learner: Anonymous token of the learner.
        quiz: Quiz id.
        question: Question id.
        lang: Language the learner worked in.
        answer: The learner's text; for choices the 1-based positions, such as ``"2,3"``.
        time: When it was recorded, UTC.
        record: The grade record, or ``None`` while it is not graded.
    """

    id: int
    learner: str
    quiz: str
    question: str
    lang: Lang
    answer: str
    time: datetime
    record: Record | None


@dataclass(frozen=True)
class Review:
    """A person's own grade of an attempt.

    Args:
        attempt: The attempt's id.
        reviewer: Who looked at it.
        record: The grade record that the reviewer gave.
        time: When, UTC.
    """

    attempt: int
    reviewer: str
    record: Record
    time: datetime


def default_path() -> Path:
    """Choose the database file: ``GRADER_DB``, or ``grader.db`` in the user's data folder."""
    configured = os.environ.get("GRADER_DB", "").strip()
    if configured:
        return Path(configured).expanduser()
    from platformdirs import user_data_dir

    return Path(user_data_dir("grader", appauthor=False)) / "grader.db"


class Store:
    """Attempts, grades and reviews.

    Args:
        path: Database file; it and its folder are made where absent.

    Raises:
        StoreError: The folder is read-only, the file is no database, is locked or comes from a newer grader.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            self._migrate(connection)

    def add_attempt(self, learner: str, quiz: str, question: str, lang: Lang, answer: str) -> int:
        """Commit an answer and return the attempt's id; its grade comes later."""
        row = (learner, quiz, question, lang, answer, _now())
        with self._connected() as connection, connection:
            cursor = connection.execute(
                "INSERT INTO attempts (learner, quiz, question, lang, answer, time) VALUES (?, ?, ?, ?, ?, ?)", row
            )
        return cast("int", cursor.lastrowid)

    def add_grade(self, attempt: int, record: Mapping[str, object]) -> bool:
        """Commit the grade of an attempt unless it has one.

        Returns:
            Whether this call gave the grade: two processes that grade the same attempt leave one grade.
        """
        with self._connected() as connection, connection:
            cursor = connection.execute(
                "INSERT INTO grades (attempt, record, time) VALUES (?, ?, ?) ON CONFLICT (attempt) DO NOTHING",
                (attempt, dump_json(record), _now()),
            )
        return cursor.rowcount == 1

    def attempts(self, learner: str, quiz: str | None = None) -> tuple[Attempt, ...]:
        """List a learner's attempts, oldest first, of one quiz or of all.

        Raises:
            StoreError: A row is damaged.
        """
        with self._connected() as connection:
            rows = connection.execute(
                """SELECT a.id, a.learner, a.quiz, a.question, a.lang, a.answer, a.time, g.record
                FROM attempts AS a LEFT JOIN grades AS g ON g.attempt = a.id
                WHERE a.learner = :learner AND (:quiz IS NULL OR a.quiz = :quiz) ORDER BY a.id""",
                {"learner": learner, "quiz": quiz},
            ).fetchall()
        return tuple(self._attempt(row) for row in rows)

    def ungraded(self, learner: str, quiz: str | None = None) -> tuple[Attempt, ...]:
        """List a learner's attempts that have no grade yet, oldest first."""
        return tuple(attempt for attempt in self.attempts(learner, quiz) if attempt.record is None)

    def add_review(self, attempt: int, reviewer: str, record: Mapping[str, object]) -> None:
        """Commit a person's own grade beside the automatic one, which stays as it is.

        Raises:
            StoreError: There is no such attempt.
        """
        with self._connected() as connection, connection:
            connection.execute(
                "INSERT INTO reviews (attempt, reviewer, record, time) VALUES (?, ?, ?, ?)",
                (attempt, reviewer, dump_json(record), _now()),
            )

    def reviews(self, attempt: int) -> tuple[Review, ...]:
        """List the reviews of an attempt, oldest first.

        Raises:
            StoreError: A row is damaged.
        """
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT attempt, reviewer, record, time FROM reviews WHERE attempt = ? ORDER BY id", (attempt,)
            ).fetchall()
        return tuple(self._review(row) for row in rows)

    def _attempt(self, row: tuple[int, str, str, str, str, str, str, str | None]) -> Attempt:
        number, learner, quiz, question, lang, answer, time, record = row
        with self._read(number):
            graded = None if record is None else _record(record)
            return Attempt(number, learner, quiz, question, _lang(lang), answer, datetime.fromisoformat(time), graded)

    def _review(self, row: tuple[int, str, str, str]) -> Review:
        number, reviewer, record, time = row
        with self._read(number):
            return Review(number, reviewer, _record(record), datetime.fromisoformat(time))

    @contextmanager
    def _read(self, attempt: int) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError) as error:
            raise StoreError(f"{self.path}: what is stored of attempt {attempt} is damaged ({error})") from error

    def _migrate(self, connection: sqlite3.Connection) -> None:
        for number, statements in enumerate(MIGRATIONS, start=1):
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                if _version(connection) < number:
                    for statement in statements:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {number}")
        found = _version(connection)
        if found > len(MIGRATIONS):
            raise StoreError(
                f"{self.path}: written by a newer grader (schema {found}, this one knows {len(MIGRATIONS)}); "
                "upgrade grader or set GRADER_DB to another file"
            )

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._explained(), closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise StoreError(f"{self.path}: no such attempt ({error})") from error
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.path}: {_advice(error)} ({error})") from error


def _advice(error: sqlite3.Error | OSError) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"another program has locked the database for over {BUSY_TIMEOUT_S:g} s; close it and try again"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "is damaged or no SQLite database; move it away or set GRADER_DB to another file"
    if name.startswith("SQLITE_FULL"):
        return "the disk is full"
    if name.startswith("SQLITE_IOERR"):
        return "cannot be read or written: is the disk full or gone?"
    return "cannot be opened or written; set GRADER_DB to a file in a folder that you can write to"


def _record(text: str) -> Record:
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError(f"{text[:60]!r} is not a record")  # noqa: TRY004 -- one error type for a damaged row
    return record


def _lang(text: str) -> Lang:
    for lang in LANGS:
        if text == lang:
            return lang
    raise ValueError(f"{text!r} is none of {', '.join(LANGS)}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
