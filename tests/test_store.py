"""Attempts and grades survive threads, processes, kills and bad files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from grader import store as store_module
from grader.store import MIGRATIONS, Store, StoreError, default_path

RECORD = {"status": "graded", "verdict": "correct", "points": 1.0, "feedback": "¡bien! \u202e"}

# Root may write anywhere, so it becomes somebody else first.
READER = """
import os, sys
from pathlib import Path
from grader.store import Store, StoreError
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    Store(Path(sys.argv[1]))
except StoreError as error:
    print(error)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "grader.db")


def test_an_attempt_is_kept_as_it_was_and_has_no_grade_yet(store):
    number = store.add_attempt("ana", "quiz", "q-1", "es", "línea 1\nlínea 2 \x00 \u202e <b>")
    (attempt,) = Store(store.path).attempts("ana")
    assert (attempt.id, attempt.lang, attempt.answer) == (number, "es", "línea 1\nlínea 2 \x00 \u202e <b>")
    assert attempt.record is None
    assert attempt.time.utcoffset() is not None
    assert store.ungraded("ana") == (attempt,)


def test_an_attempt_has_one_grade_the_first(store):
    number = store.add_attempt("ana", "quiz", "q-1", "en", "x")
    assert store.add_grade(number, RECORD)
    assert not store.add_grade(number, {"points": 0.0})
    assert store.attempts("ana")[0].record == RECORD
    assert store.ungraded("ana") == ()


def test_learners_and_quizzes_are_kept_apart(store):
    store.add_attempt("ana", "one", "q", "en", "a")
    store.add_attempt("ana", "two", "q", "en", "b")
    store.add_attempt("eva", "one", "q", "en", "c")
    assert [attempt.answer for attempt in store.attempts("ana")] == ["a", "b"]
    assert [attempt.answer for attempt in store.attempts("ana", "two")] == ["b"]
    assert [attempt.answer for attempt in store.ungraded("eva", "one")] == ["c"]


def test_a_review_stands_beside_the_grade(store):
    number = store.add_attempt("ana", "quiz", "q", "en", "a")
    store.add_grade(number, RECORD)
    store.add_review(number, "teacher", {"points": 0.5})
    (review,) = store.reviews(number)
    assert (review.reviewer, review.record) == ("teacher", {"points": 0.5})
    assert store.attempts("ana")[0].record == RECORD


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE grades SET record = '{\"status\": gra'",
        "UPDATE grades SET record = 'null'",
        "UPDATE attempts SET time = 'yesterday'",
        "UPDATE attempts SET lang = 'fr'",
    ],
)
def test_a_damaged_row_is_named(store, damage):
    number = store.add_attempt("ana", "quiz", "q", "en", "a")
    store.add_grade(number, RECORD)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(damage)
    with pytest.raises(StoreError, match=rf"grader\.db: what is stored of attempt {number} is damaged"):
        store.attempts("ana")


def test_a_damaged_review_is_named(store):
    number = store.add_attempt("ana", "quiz", "q", "en", "a")
    store.add_review(number, "teacher", RECORD)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE reviews SET record = '{'")
    with pytest.raises(StoreError, match="is damaged"):
        store.reviews(number)


def test_a_grade_or_review_of_nothing_is_refused(store):
    with pytest.raises(StoreError, match="no such attempt"):
        store.add_grade(404, RECORD)
    with pytest.raises(StoreError, match="no such attempt"):
        store.add_review(404, "teacher", RECORD)


def test_threads_share_a_store(store):
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda i: store.add_attempt("ana", "quiz", "q", "en", str(i)), range(60)))
        given = list(pool.map(lambda number: store.add_grade(number, RECORD), numbers * 2))
    assert len(set(numbers)) == 60
    assert sum(given) == 60
    assert store.ungraded("ana") == ()


def test_the_journal_is_write_ahead(store):
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_migrations_run_once_and_in_order(tmp_path, monkeypatch):
    path = tmp_path / "grader.db"
    Store(path).add_attempt("ana", "quiz", "q", "en", "kept")
    added = (*MIGRATIONS, ("ALTER TABLE attempts ADD COLUMN mood TEXT", "UPDATE attempts SET mood = 'calm'"))
    monkeypatch.setattr(store_module, "MIGRATIONS", added)
    assert Store(path).attempts("ana")[0].answer == "kept"
    assert Store(path).attempts("ana")[0].answer == "kept"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(added),)
        assert connection.execute("SELECT mood FROM attempts").fetchall() == [("calm",)]
    connection.close()


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "grader.db"
    Store(path)
    monkeypatch.setattr(store_module, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE half (x)", "NONSENSE")))
    with pytest.raises(StoreError, match="NONSENSE"):
        Store(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchone() is None
    connection.close()


def test_a_database_of_a_newer_grader_is_left_alone(tmp_path):
    path = tmp_path / "grader.db"
    Store(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer grader"):
        Store(path)


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, only some notes\n" * 50, encoding="utf-8")
    with pytest.raises(StoreError, match=r"notes\.txt: is damaged or no SQLite database"):
        Store(path)
    assert path.read_text(encoding="utf-8").startswith("not a database")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="set GRADER_DB"):
        Store(tmp_path / "file" / "grader.db")


def test_a_read_only_folder_is_named(tmp_path):
    folder = tmp_path / "frozen"
    folder.mkdir()
    folder.chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    command = [sys.executable, "-c", READER, str(folder / "grader.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert "cannot be opened or written; set GRADER_DB" in done.stdout, done.stderr


def test_a_locked_database_is_named(tmp_path, monkeypatch):
    path = tmp_path / "grader.db"
    store = Store(path)
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT_S", 0.1)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreError, match="another program has locked"):
            store.add_attempt("ana", "quiz", "q", "en", "x")
    finally:
        blocker.close()


def test_a_writer_waits_for_its_turn(tmp_path):
    store = Store(tmp_path / "grader.db")
    blocker = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, blocker.execute, ["COMMIT"])
    release.start()
    try:
        assert store.add_attempt("ana", "quiz", "q", "en", "x") == 1
    finally:
        release.join()
        blocker.close()


def test_the_path_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADER_DB", str(tmp_path / "here.db"))
    assert default_path() == tmp_path / "here.db"
    monkeypatch.delenv("GRADER_DB")
    assert default_path().name == "grader.db"
    assert default_path().parent.name == "grader"
