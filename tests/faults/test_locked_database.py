"""Another process holds the database: one waits for it, then says so, and nothing is lost meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from grader import store as store_module
from grader.batch import Journal
from grader.errors import GraderError
from grader.store import Store, StoreError

# Locks a database, and lets go after so many seconds or when its input ends.
HOLDER = """
import select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
select.select([sys.stdin], [], [], float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(path, seconds=60.0):
    """Let another process hold the database."""
    command = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603 -- our own code
        assert holder.stdout.readline() == "locked\n"
        try:
            yield holder
        finally:
            holder.stdin.close()


@pytest.fixture
def impatient(monkeypatch):
    """Wait a fifth of a second for a lock."""
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT_S", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_database_locked_by_another_process_is_said_and_taken_up_again(tmp_path):
    path = tmp_path / "grader.db"
    store = Store(path)
    first = store.add_attempt("ana", "quiz", "q", "en", "before")
    with locked(path):
        for write in (
            lambda: Store(path),
            lambda: store.add_attempt("ana", "quiz", "q", "en", "lost"),
            lambda: store.add_grade(first, {"points": 1}),
        ):
            with pytest.raises(StoreError, match=f"{path}: another program has locked the database for over 0.2 s"):
                write()
        assert [attempt.answer for attempt in store.attempts("ana")] == ["before"]  # what is there can be read
    assert Store(path).add_attempt("ana", "quiz", "q", "en", "after") == first + 1


def test_a_writer_waits_until_another_process_lets_go(tmp_path):
    store = Store(tmp_path / "grader.db")
    with locked(store.path, seconds=0.5):
        started = time.monotonic()
        assert store.add_attempt("ana", "quiz", "q", "en", "x") == 1
        assert time.monotonic() - started > 0.2


def test_the_death_of_the_holder_frees_the_database(tmp_path):
    store = Store(tmp_path / "grader.db")
    with locked(store.path) as holder:
        holder.kill()
        holder.wait()
        assert store.add_attempt("ana", "quiz", "q", "en", "x") == 1


def test_a_journal_that_another_program_has_locked_is_said_and_taken_up_again(run, quiz, answers, tmp_path):
    out = tmp_path / "g.jsonl"
    assert run("batch", answers, "--quiz", quiz, "--out", out)[0] == 0
    whole = out.read_bytes()
    with Journal(out) as journal:
        path = journal.path
    with locked(path):
        code, error = run("batch", answers, "--quiz", quiz, "--out", out, "--resume")
        assert code == 2
        assert error == f"grader: {path}: another run is writing this output; wait for it, or choose another name\n"
        with pytest.raises(GraderError, match="another run"):
            Journal(out)
    assert run("batch", answers, "--quiz", quiz, "--out", out, "--resume")[0] == 0
    assert out.read_bytes() == whole
