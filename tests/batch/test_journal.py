"""The journal: all or nothing, one owner, damage noticed. And what a signal does to a window."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest
from fakes import make_grade

from grader.batch import DamagedJournalError, Drain, Interrupted, Journal
from grader.batch.atomic import clear_parts
from grader.errors import GraderError
from grader.schema import Unscored

OUTCOMES = [make_grade("s0"), Unscored("s1", "q-1", "blank"), make_grade("s2", feedback="\ud800 ñ")]


@pytest.fixture
def target(tmp_path):
    """Path of an output."""
    return tmp_path / "g.jsonl"


@pytest.fixture
def filled(target):
    """Path of the journal of a run that kept three rows and ended."""
    with Journal(target) as journal:
        journal.begin({"quiz": "a"})
        journal.add([0, 1, 2], OUTCOMES)
        return journal.path


def test_what_was_kept_is_read_back_in_order(target, filled):
    with Journal(target) as journal:
        assert list(journal.outcomes()) == OUTCOMES
        assert (journal.rows, journal.settings, journal.output_sha256) == (3, {"quiz": "a"}, None)
        assert [journal.holds(place) for place in (0, 2, 3)] == [True, True, False]
    assert filled.name == ".g.jsonl.journal"


def test_a_window_is_kept_whole_or_not_at_all(target, filled):
    with Journal(target) as journal:
        with pytest.raises(GraderError):
            journal.add([3, 0], OUTCOMES[:2])
        assert (journal.rows, journal.holds(3)) == (3, False)
    assert filled.exists()


def test_a_second_owner_is_refused_until_the_first_lets_go(target):
    with Journal(target) as journal:
        journal.begin({"quiz": "a"})
        for open_again in (Journal, Journal.restart):
            with pytest.raises(GraderError, match="another run is writing"):
                open_again(target)
    Journal(target).close()


def test_a_journal_that_says_nothing_is_removed(target, tmp_path):
    Journal(target).close()
    assert not list(tmp_path.iterdir())


def test_closing_lets_go_of_a_journal_that_cannot_be_read_and_keeps_it(target, filled):
    journal = Journal(target)
    journal._db.execute("DROP TABLE outcomes")
    journal.close()
    journal.close()
    assert filled.exists()
    with sqlite3.connect(filled, timeout=0) as database:  # nobody holds it any more
        database.execute("BEGIN IMMEDIATE")
    database.close()


def test_closing_does_not_mask_why_the_run_ended(target):
    journal = Journal(target)
    journal._db.execute("DROP TABLE outcomes")
    with pytest.raises(KeyError, match="first"), journal:
        raise KeyError("first")


def test_closing_lets_go_of_a_journal_that_cannot_be_removed(target, monkeypatch):
    def refuse(*_args: object, **_options: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    journal = Journal(target)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        journal.close()
    Journal(target).close()


@pytest.mark.parametrize("kept", [0, 1], ids=["made", "opened"])
def test_a_file_that_its_last_owner_removes_meanwhile_is_in_use(target, monkeypatch, kept):
    """The path is looked at once when the file is made, and again once it is open."""
    stat, looks = Path.stat, iter(range(9))

    def vanish(path: Path, **options: bool) -> os.stat_result:
        if path.name == ".g.jsonl.journal" and next(looks) == kept:
            path.unlink()
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", vanish)
    with pytest.raises(GraderError, match="another run is writing"):
        Journal(target)


def test_a_finished_journal_keeps_settings_and_the_hash_but_no_rows(target, tmp_path):
    with Journal(target) as journal:
        journal.begin({"quiz": "a"})
        journal.add(list(range(2000)), [make_grade(f"s{n}") for n in range(2000)])
        journal.finish("ab")
    with Journal(target) as journal:
        assert (journal.rows, journal.settings, journal.output_sha256) == (0, {"quiz": "a"}, "ab")
    (only,) = tmp_path.iterdir()
    assert only.stat().st_size < 40_000


def test_two_names_of_one_file_have_one_journal(target, tmp_path):
    target.write_text("x")
    (tmp_path / "link.jsonl").symlink_to(target)
    with Journal(target), pytest.raises(GraderError, match="another run"):
        Journal(tmp_path / "link.jsonl")


@pytest.mark.parametrize("content", [b"not a database, surely", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_journal_is_named_and_restart_replaces_it(target, filled, content):
    filled.write_bytes(content)
    with pytest.raises(DamagedJournalError, match=r"\.g\.jsonl\.journal: is damaged: --restart"):
        Journal(target)
    with Journal.restart(target) as journal:
        assert (journal.rows, journal.settings) == (0, {})


def test_a_changed_byte_and_a_lost_row_are_noticed(target, filled):
    data = filled.read_bytes()
    filled.write_bytes(data.replace(b"Close: say why.", b"Close: say who."))
    with Journal(target) as journal, pytest.raises(DamagedJournalError, match="is damaged"):
        list(journal.outcomes())
    filled.write_bytes(data)
    with sqlite3.connect(filled) as database:
        database.execute("DELETE FROM outcomes WHERE place = 1")
    database.close()
    with Journal(target) as journal, pytest.raises(DamagedJournalError, match="is damaged"):
        list(journal.outcomes())


def test_the_journal_of_another_version_is_refused(target, filled):
    with sqlite3.connect(filled) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(GraderError, match="no journal of this version"):
        Journal(target)


def test_only_the_parts_of_this_output_are_cleared(target, tmp_path):
    names = [".g.jsonl.0123456789ab.part", ".g.jsonl.x.part", ".h.jsonl.0123456789ab.part", "g.jsonl.part"]
    for name in names:
        (tmp_path / name).write_text("x")
    clear_parts(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


@pytest.fixture
def interruptible():
    """Ctrl+C as at a terminal: a shell starts what runs in the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stop_in_window(drain, numbers, linger_s=0.0):
    """Send signals to this process in the middle of a window that lasts so long, and note whether it was finished."""
    with drain.window():
        for number in numbers:
            os.kill(os.getpid(), number)
        time.sleep(linger_s)
        drain.finished = True


def test_a_signal_waits_for_the_end_of_the_window():
    with Drain() as drain, pytest.raises(Interrupted) as stop:
        stop_in_window(drain, [signal.SIGTERM])
    assert drain.finished
    assert stop.value.number == signal.SIGTERM


def test_a_signal_outside_a_window_ends_the_run_at_once():
    with Drain(), pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    ("grace_s", "numbers"), [(0.1, [signal.SIGTERM]), (60.0, [signal.SIGINT, signal.SIGINT])], ids=["slow", "twice"]
)
@pytest.mark.usefixtures("interruptible")
def test_a_window_that_takes_too_long_or_a_second_signal_is_not_waited_for(grace_s, numbers):
    with Drain(grace_s) as drain, pytest.raises(Interrupted):
        stop_in_window(drain, numbers, linger_s=30)
    assert not hasattr(drain, "finished")


def test_a_signal_waits_until_the_models_are_open():
    opened = []

    def open_models(drain: Drain) -> None:
        with drain.opening():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            opened.append(True)

    with Drain() as drain, pytest.raises(Interrupted):
        open_models(drain)
    assert opened


@pytest.mark.parametrize(
    ("grace_s", "numbers", "code"),
    [(0.1, [signal.SIGTERM], 0), (0.1, [signal.SIGINT], 130), (60.0, [signal.SIGTERM, signal.SIGTERM], 0)],
    ids=["slow", "slow, by hand", "twice"],
)
@pytest.mark.usefixtures("interruptible")
def test_an_opening_that_takes_too_long_ends_without_an_error_in_its_midst(grace_s, numbers, code):
    program = f"""
import os, time
from grader.batch import Drain
with Drain({grace_s}) as drain, drain.opening():
    try:
        for number in {[int(number) for number in numbers]}:
            os.kill(os.getpid(), number)
        time.sleep(30)
    finally:
        print("native code would abort here")
"""
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", program], capture_output=True, check=False, timeout=20
    )
    assert done.returncode == code
    assert done.stdout == b""
    assert done.stderr == f"grader: stopped by {signal.Signals(numbers[0]).name}\n".encode()


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM]], ids=["once", "twice"])
def test_tidying_up_after_a_window_is_not_broken_off(numbers):
    tidied = False

    def run() -> None:
        nonlocal tidied
        try:
            stop_in_window(drain, numbers)
        finally:
            time.sleep(0.2)  # longer than the grace
            tidied = True

    with Drain(0.05) as drain, pytest.raises(Interrupted):
        run()
    assert tidied


def test_the_signals_are_given_back_and_ignored_ones_stay_ignored():
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Drain():
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
