"""A disk that fills up: what was confirmed is kept, what stood there stays, and one line says so."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fakes import make_grade
from limits import limit_files_to, no_file_longer_than

from grader.batch import write_grades
from grader.store import Store, StoreError

FORMATS = ["g.jsonl", "g.jsonl.gz", "g.csv", "g.csv.gz", "g.parquet"]

# Records and grades until it cannot.
WRITER = """
import sys
from pathlib import Path
from grader.store import Store, StoreError
try:
    store = Store(Path(sys.argv[1]))
    while True:
        number = store.add_attempt("ana", "quiz", "q", "en", "x" * 500)
        print("attempt", number, flush=True)
        store.add_grade(number, {"points": number})
        print("grade", number, flush=True)
except StoreError as error:
    print("error", error)
"""


def one_line(error):
    """The only line that a command printed on standard error."""
    assert "Traceback" not in error
    (line,) = error.strip().splitlines()
    return line


def write_until_full(path, preexec_fn=None):
    """Let a process write, and give the attempts and grades that it confirmed, and its last words."""
    command = [sys.executable, "-c", WRITER, str(path)]
    done = subprocess.run(  # noqa: S603 -- our own code
        command, capture_output=True, text=True, timeout=60, check=False, preexec_fn=preexec_fn
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    confirmed = {what: [int(number) for kind, number in lines if kind == what] for what in ("attempt", "grade")}
    return confirmed["attempt"], confirmed["grade"], lines[-1][1]


def check_kept(path, attempts, grades):
    """All that was confirmed is there once, and the store goes on."""
    found = Store(path).attempts("ana")
    assert [attempt.id for attempt in found] == list(range(1, len(found) + 1))
    assert len(attempts) <= len(found) <= len(attempts) + 1
    graded = [attempt.id for attempt in found if attempt.record is not None]
    assert graded[: len(grades)] == grades
    assert all(attempt.record == {"points": attempt.id} for attempt in found if attempt.record is not None)
    assert Store(path).add_attempt("ana", "quiz", "q", "en", "more") == len(found) + 1


@pytest.mark.parametrize("limit_bytes", [0, 4_096, 40_000, 120_000])
def test_a_store_that_may_not_grow_keeps_what_it_confirmed(tmp_path, limit_bytes):
    path = tmp_path / "grader.db"
    attempts, grades, error = write_until_full(path, preexec_fn=limit_files_to(limit_bytes))
    assert error.startswith(f"{path}: ")
    assert "is the disk full or gone?" in error
    assert bool(attempts) == (limit_bytes >= 40_000)
    check_kept(path, attempts, grades)


def test_a_store_on_a_full_disk_keeps_what_it_confirmed(small_disk):
    disk = small_disk(400)
    path = disk / "grader.db"
    attempts, grades, error = write_until_full(path)
    assert "the disk is full" in error
    assert len(attempts) > 20
    found = Store(path).attempts("ana")
    assert len(attempts) <= len(found) <= len(attempts) + 1
    assert [attempt.id for attempt in found if attempt.record is not None] == grades
    with pytest.raises(StoreError, match="the disk is full"):
        Store(path).add_attempt("ana", "quiz", "q", "en", "x" * 500_000)


@pytest.fixture
def whole(run, quiz, answers, tmp_path):
    """The output of an undisturbed run."""
    assert run("batch", answers, "--quiz", quiz, "--out", tmp_path / "whole.jsonl")[0] == 0
    return (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("size_kib", [64, 700])
def test_a_batch_on_a_full_disk_goes_on_when_there_is_room(run, quiz, answers, small_disk, *, whole, size_kib):
    disk = small_disk(size_kib)
    code, error = run("batch", answers, "--quiz", quiz, "--out", disk / "g.jsonl")
    assert code == 2
    assert "Traceback" not in error
    assert "No space left" in error or "is the disk full" in error
    assert not [path for path in disk.iterdir() if not path.name.startswith(".g.jsonl.journal")]
    room = small_disk(8_000)
    for path in disk.iterdir():
        (room / path.name).write_bytes(path.read_bytes())
    code, error = run("batch", answers, "--quiz", quiz, "--out", room / "g.jsonl", "--resume")
    assert code == 0, error
    assert (room / "g.jsonl").read_bytes() == whole


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("limit_bytes", [0, 100, 2_000])
def test_an_output_that_does_not_fit_leaves_what_stood_there(tmp_path, name, limit_bytes):
    target = tmp_path / name
    target.write_bytes(b"before")
    grades = [make_grade(f"s{n}", feedback=f"{n * 7919:x}") for n in range(1000)]
    with no_file_longer_than(limit_bytes), pytest.raises(OSError, match="too large"):
        write_grades(grades, target)
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.fixture
def graded(run, quiz, answers, tmp_path):
    """Paths of grades and of labels for them."""
    grades, labels = tmp_path / "g.jsonl", tmp_path / "labels.jsonl"
    assert run("batch", answers, "--quiz", quiz, "--out", grades, "--limit", 50)[0] == 0
    rows = [{"submission_id": f"s{n}", "verdict": "partial"} for n in range(50)]
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return grades, labels


@pytest.mark.parametrize("command", ["report", "calibrate"])
def test_a_file_that_does_not_fit_leaves_what_stood_there(run, graded, tmp_path, command):
    grades, labels = graded
    out = tmp_path / "out"
    out.write_text("before")
    code, error = run(command, grades, "--labels", labels, "--out", out, preexec_fn=limit_files_to(1_000))
    assert code == 2
    assert one_line(error) == "grader: File too large"
    assert out.read_text() == "before"
    assert not list(tmp_path.glob("*.part"))


def test_standard_output_that_is_full_is_one_line_and_exit_code_2(run, quiz, answers, graded, tmp_path):
    (tmp_path / "bad.yaml").write_text("schema: 1\nquestions: 5\n")
    grades, labels = graded
    for arguments in (
        ["--help"],
        ["--version"],
        ["grade", "--quiz", quiz, "--question", "q-1", "correct"],
        ["grade", "--quiz", quiz, "--question", "q-1", "--json", "correct"],
        ["batch", answers, "--quiz", quiz, "--out", "-"],
        ["batch", answers, "--quiz", quiz, "--out", tmp_path / "h.jsonl", "--json"],
        ["evaluate", grades, "--labels", labels],
        ["evaluate", grades, "--labels", labels, "--json"],
        ["report", grades, "--out", "-"],
        ["quiz", "check", tmp_path / "bad.yaml"],
    ):
        with open("/dev/full", "wb") as full:  # noqa: PTH123 -- a device
            code, error = run(*arguments, stdout=full)
        assert code == 2, (arguments, error)
        assert "Traceback" not in error, arguments
        assert error.splitlines()[-1] == "grader: No space left on device", arguments
