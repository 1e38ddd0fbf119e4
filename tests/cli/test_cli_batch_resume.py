"""``grader batch``: runs that end early go on, and what they leave is neither lost nor mixed up."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from fakes import FakeGrader

from grader.batch import Journal
from grader.grade import Grader
from grader.load.grades import read_grades
from grader.schema import Outcome, Submission, Unscored

if TYPE_CHECKING:
    from typer.testing import Result

HERE = Path(__file__).resolve().parent
ROWS = 1000  # four windows
WORDS = ("correct", "partial", "contradictory", "unscored", "irrelevant")


class Counting(FakeGrader):
    """Counts what it grades, and breaks in a window if told to.

    Args:
        breaks_at: Window that fails, from 1; 0 for none.
    """

    def __init__(self, breaks_at: int = 0) -> None:
        super().__init__()
        self.breaks_at, self.graded = breaks_at, 0

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade, unless this is the window that fails."""
        if len(self.windows) + 1 == self.breaks_at:
            raise OSError(5, "Input/output error")
        self.graded += len(submissions)
        return super().grade(submissions)


@pytest.fixture
def answers(tmp_path):
    """Path of a thousand different submissions, a fifth of which cannot be graded."""
    words = itertools.cycle(WORDS)
    rows = [{"submission_id": f"s{n}", "question_id": "q-1", "answer": f"{next(words)} {n} ñ"} for n in range(ROWS)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def batch(run, monkeypatch, quiz, answers, tmp_path):
    """Grade those submissions with a grader of one's own."""

    def invoke(*options: str, grader: FakeGrader | None = None, out: str = "g.jsonl", source: Path = answers) -> Result:
        chosen = grader or Counting()
        monkeypatch.setattr(Grader, "open", lambda *_args, **_options: chosen)
        return run("batch", source, "--quiz", quiz, "--out", tmp_path / out, *options)

    return invoke


@pytest.fixture
def broken(batch):
    """Leave a run that kept two windows and died in the third."""
    result = batch(grader=Counting(breaks_at=3))
    assert result.exit_code == 2
    assert "512 rows are graded and kept" in result.stderr
    assert "--resume" in result.stderr


@pytest.mark.parametrize("name", ["g.jsonl", "g.jsonl.gz", "g.csv", "g.parquet"])
def test_a_resumed_run_gives_the_bytes_of_an_undisturbed_one_and_grades_each_row_once(batch, tmp_path, name):
    assert batch(out=f"whole-{name}").exit_code == 1
    first, second = Counting(breaks_at=3), Counting()
    assert batch(out=name, grader=first).exit_code == 2
    assert not (tmp_path / name).exists()
    result = batch("--resume", out=name, grader=second)
    assert result.exit_code == 1, result.stderr
    assert (tmp_path / name).read_bytes() == (tmp_path / f"whole-{name}").read_bytes()
    assert (first.graded, second.graded) == (512, ROWS - 512)
    assert result.stderr.split()[:2] == ["rows", "1,000"]


def test_resume_without_an_earlier_run_simply_begins(batch):
    assert batch("--resume").exit_code == 1


@pytest.mark.usefixtures("broken")
def test_an_unfinished_run_is_neither_continued_nor_dropped_unasked(batch, tmp_path):
    result = batch(grader=FakeGrader())
    assert result.exit_code == 2
    assert "512 rows: --resume continues it, --restart begins anew" in result.stderr
    everything = Counting()
    assert batch("--restart", grader=everything).exit_code == 1
    assert everything.graded == ROWS
    assert len(list(read_grades(tmp_path / "g.jsonl"))) == ROWS


def change_quiz(tmp_path):
    path = tmp_path / "mini.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Is it exact?", "Exact?"), encoding="utf-8")


def change_rubric(tmp_path):
    path = tmp_path / "rubrics" / "mini.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("points: 2", "points: 3"), encoding="utf-8")


def change_input(tmp_path):
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("\n")


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("change", "name"), [(change_quiz, "quiz"), (change_rubric, "rubric"), (change_input, "input sha256")]
)
def test_a_changed_file_is_refused_with_the_difference(batch, tmp_path, change, name):
    change(tmp_path)
    result = batch("--resume")
    assert result.exit_code == 2
    assert "--restart begins anew" in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith(f"  {name}:")]
    was, now = line.removeprefix(f"  {name}: ").split(" → ")
    assert was != now
    assert len(was) == len(now) == 40


@pytest.mark.usefixtures("broken")
def test_a_changed_setting_or_model_is_refused_and_shown(batch):
    assert "  limit: none → 900\n" in batch("--resume", "--limit", "900").stderr
    other = Counting()
    other.revision = "other"
    result = batch("--resume", grader=other)
    assert (result.exit_code, other.graded) == (2, 0)
    assert "  models: fake → other\n" in result.stderr
    assert batch("--resume").exit_code == 1


def test_two_runs_on_one_output_the_second_is_refused(batch, tmp_path):
    with Journal(tmp_path / "g.jsonl") as journal:
        journal.begin({})
        for options in ((), ("--resume",), ("--restart",)):
            result = batch(*options)
            assert result.exit_code == 2
            assert "another run is writing this output" in result.stderr
    assert batch().exit_code == 1


class Better(Counting):
    """Can grade what the other could not, or knows why not."""

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade the unscored as well, save one."""
        graded = super().grade(submissions)
        rows = [Submission(row.submission_id, row.question_id, "correct now") for row in submissions]
        return [
            FakeGrader().grade([row])[0] if isinstance(old, Unscored) and row.submission_id != "s3" else old
            for old, row in zip(graded, rows, strict=True)
        ]


@pytest.mark.parametrize("name", ["g.jsonl", "g.csv", "g.parquet"])
def test_retry_grades_the_unscored_rows_of_a_finished_run_and_only_those(batch, tmp_path, name):
    assert batch(out=name).exit_code == 1
    before = list(read_grades(tmp_path / name))
    better = Better()
    result = batch("--resume", "--retry-unscored", out=name, grader=better)
    assert result.exit_code == 1, result.stderr
    assert better.graded == ROWS // 5
    after = list(read_grades(tmp_path / name))
    assert [row.submission_id for row in after] == [row.submission_id for row in before]
    assert [row.submission_id for row in after if row.status == "unscored"] == ["s3"]
    assert all(new == old for new, old in zip(after, before, strict=True) if old.status == "graded")


@pytest.mark.usefixtures("broken")
def test_retry_on_an_unfinished_run_also_grades_the_rest(batch, tmp_path):
    better = Better()
    batch("--resume", "--retry-unscored", grader=better)
    assert better.graded == ROWS - 512 + 512 // 5
    assert sum(row.status == "unscored" for row in read_grades(tmp_path / "g.jsonl")) == 1


def test_a_retry_that_dies_leaves_the_output_and_goes_on(batch, tmp_path):
    batch()
    before = (tmp_path / "g.jsonl").read_bytes()
    assert batch("--resume", "--retry-unscored", grader=Counting(breaks_at=1)).exit_code == 2
    assert (tmp_path / "g.jsonl").read_bytes() == before
    assert batch("--resume").exit_code == 1
    assert (tmp_path / "g.jsonl").read_bytes() == before


def test_resuming_a_finished_run_grades_nothing_and_changes_nothing(batch, tmp_path):
    batch()
    before, idle = (tmp_path / "g.jsonl").read_bytes(), Counting()
    assert batch("--resume", grader=idle).exit_code == 1
    assert (idle.graded, (tmp_path / "g.jsonl").read_bytes()) == (0, before)


def test_an_output_that_was_removed_is_graded_again_and_one_that_was_changed_is_left_alone(batch, tmp_path):
    batch()
    whole = (tmp_path / "g.jsonl").read_bytes()
    (tmp_path / "g.jsonl").unlink()
    assert "the output is gone" in batch("--resume", "--retry-unscored").stderr
    assert batch("--resume").exit_code == 1
    assert (tmp_path / "g.jsonl").read_bytes() == whole
    (tmp_path / "g.jsonl").write_bytes(whole + b"\n")
    result = batch("--resume")
    assert result.exit_code == 2
    assert "was changed since it was graded" in result.stderr
    assert batch().exit_code == 1
    assert (tmp_path / "g.jsonl").read_bytes() == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resume", "--restart"), "choose one"),
        (("--retry-unscored",), "goes with --resume"),
        (("--resume", "--retry-unscored"), "no run is known here"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(batch, options, message):
    result = batch(*options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_standard_streams_cannot_be_resumed(run, spawn, quiz, answers, tmp_path):
    with answers.open("rb") as source:
        process = spawn("batch", "-", "--quiz", quiz, "--out", tmp_path / "g.jsonl", "--resume", stdin=source)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 2
    assert b"cannot be read a second time" in error
    result = run("batch", answers, "--quiz", quiz, "--out", "-", "--resume")
    assert result.exit_code == 2
    assert "keeps no journal" in result.stderr


def test_a_budget_of_judge_calls_cannot_be_resumed(batch):
    result = batch("--judge", "http://localhost:1", "--judge-max-calls", "3", "--resume")
    assert result.exit_code == 2
    assert "a budget of calls to the judge cannot be divided" in result.stderr


def test_what_killed_runs_left_is_cleared_away(batch, tmp_path):
    (tmp_path / ".g.jsonl.0123456789ab.part").write_text("half")
    batch()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.usefixtures("broken")
def test_a_damaged_journal_is_named_and_restart_begins_anew(batch, tmp_path):
    journal = tmp_path / ".g.jsonl.journal"
    journal.write_bytes(journal.read_bytes().replace(b"Close: say why.", b"Close: say who."))
    result = batch("--resume")
    assert result.exit_code == 2
    assert result.stderr.strip() == f"grader: {journal}: is damaged: --restart begins anew"
    assert not (tmp_path / "g.jsonl").exists()
    result = batch("--restart")
    assert result.exit_code == 1, result.stderr


def test_an_input_that_changes_meanwhile_is_noticed(batch, answers, tmp_path):
    class Meddling(Counting):
        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            change_input(answers.parent)
            return super().grade(submissions)

    result = batch(grader=Meddling())
    assert result.exit_code == 2
    assert "changed while it was being graded" in result.stderr
    assert not (tmp_path / "g.jsonl").exists()


def test_a_clock_that_goes_backwards_changes_nothing(batch, tmp_path, monkeypatch):
    batch(out="whole.jsonl")
    clock = itertools.count(2_000_000_000, -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock) * 10**9)
    assert batch(grader=Counting(breaks_at=3)).exit_code == 2
    for path in tmp_path.glob(".g.jsonl*"):
        os.utime(path, (4e9, 4e9))
    assert batch("--resume").exit_code == 1
    assert (tmp_path / "g.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_read_only_folder_is_one_clear_message_before_the_models_load(run_without_models, quiz, answers, monkeypatch):
    def refuse(*_args: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("grader.batch.journal.os.open", refuse)
    result = run_without_models("batch", answers, "--quiz", quiz, "--out", answers.with_name("g.jsonl"))
    assert result.exit_code == 2
    assert "cannot write in" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_hostile_line_of_a_gigabyte_is_refused_in_flat_memory(batch, tmp_path, name):
    source = tmp_path / name
    with source.open("wb") as file:
        file.truncate(1 << 30)  # one line of NUL bytes that take no space on the disk
    tracemalloc.start()
    try:
        result = batch(source=source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.exit_code == 2
    assert f"{name}:1: the line is longer than" in result.stderr
    assert peak < 30_000_000


def start_slow(answers, quiz, out, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)):
    """Start a run that takes a millisecond for each answer."""
    path = f"{HERE.parents[1]}{os.pathsep}{HERE.parent}"
    command = [sys.executable, HERE / "slow_main.py", "batch", answers, "--quiz", quiz, "--out", out]
    return subprocess.Popen(  # noqa: S603 -- our own command
        [str(part) for part in command],
        env=os.environ | {"PYTHONPATH": path, "SLOW_S": "0.001"},
        stderr=subprocess.PIPE,
        preexec_fn=preexec_fn,  # noqa: PLW1509 -- no threads here
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_window_and_says_how_to_go_on(batch, quiz, answers, tmp_path, number):
    batch(out="whole.jsonl")
    process = start_slow(answers, quiz, tmp_path / "g.jsonl")
    log = tmp_path / ".g.jsonl.journal-wal"
    deadline = time.monotonic() + 30
    while not (log.exists() and log.stat().st_size > 100_000) and time.monotonic() < deadline:
        time.sleep(0.01)
    sent = time.monotonic()
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert time.monotonic() - sent < 10
    assert process.returncode == {signal.SIGTERM: 0, signal.SIGINT: 130}[number], error
    assert b"rows are graded and kept" in error
    assert f"stopped by {number.name}".encode() in error
    assert not (tmp_path / "g.jsonl").exists()
    with Journal(tmp_path / "g.jsonl") as journal:
        assert journal.rows % 256 == 0
        assert 0 < journal.rows < ROWS
    assert batch("--resume").exit_code == 1
    assert (tmp_path / "g.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_second_process_on_one_output_is_refused_and_death_frees_it(batch, quiz, answers, tmp_path):
    process = start_slow(answers, quiz, tmp_path / "g.jsonl")
    log = tmp_path / ".g.jsonl.journal-wal"
    deadline = time.monotonic() + 30
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    result = batch("--resume")
    assert result.exit_code == 2
    assert "another run is writing this output" in result.stderr
    process.kill()
    process.communicate(timeout=30)
    assert batch("--resume").exit_code == 1


@pytest.mark.parametrize("limit_bytes", [60_000, 500_000])
def test_a_disk_that_is_full_keeps_what_fitted(batch, quiz, answers, tmp_path, limit_bytes):
    batch(out="whole.jsonl")

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    process = start_slow(answers, quiz, tmp_path / "g.jsonl", preexec_fn=fill)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 2, error
    assert b"Traceback" not in error
    assert b"is the disk full" in error or b"No space left" in error
    assert not (tmp_path / "g.jsonl").exists()
    assert batch("--resume").exit_code == 1
    assert (tmp_path / "g.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
