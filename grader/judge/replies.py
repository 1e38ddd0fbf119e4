"""Replies that were paid for once: a SQLite file of verdicts by what was asked."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.errors import GraderError
from grader.schema import Verdict

_TABLE = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, verdicts TEXT NOT NULL, at TEXT NOT NULL)"


class Replies:
    """Verdicts by key; safe to share between threads and processes.

    Args:
        path: The file; made with its folders where it is missing.

    Raises:
        GraderError: It cannot be written, or is no database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GraderError(f"the judge's cache cannot be kept in {path}: {error}") from error
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_TABLE)

    def find(self, key: str) -> list[Verdict] | None:
        """Find what was replied; ``None`` where it was never asked."""
        with self._open() as connection:
            row = connection.execute("SELECT verdicts FROM replies WHERE key = ?", (key,)).fetchone()
        try:
            return None if row is None else [Verdict(verdict) for verdict in json.loads(row[0])]
        except (TypeError, ValueError) as error:
            raise self._unusable(error) from error

    def keep(self, key: str, verdicts: Sequence[Verdict]) -> None:
        """Keep a reply; the first one stays."""
        with self._open() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO replies VALUES (?, ?, datetime('now'))", (key, json.dumps([*map(str, verdicts)]))
            )

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> GraderError:
        return GraderError(f"the judge's cache {self._path} cannot be used ({error}): delete it or name another file")
