"""``grader batch``: order, formats, whole files or none, exit codes."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import pytest
from fakes import FakeGrader

from grader.grade import Grader
from grader.load.grades import read_grades
from grader.schema import Outcome, Submission

IDS = ["s1", "s2", "s3", "s4", "s1"]
HOSTILE_ID = "=cmd|' /C calc'!A0"


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv", "out.csv.gz", "out.parquet"])
def test_every_row_gets_its_outcome_in_order_and_unscored_rows_make_exit_1(run, quiz, submissions, tmp_path, name):
    result = run("batch", submissions, "--quiz", quiz, "--out", tmp_path / name)
    assert result.exit_code == 1, result.stderr
    outcomes = list(read_grades(tmp_path / name))
    assert [outcome.submission_id for outcome in outcomes] == IDS
    assert [outcome.status for outcome in outcomes] == ["graded"] * 3 + ["unscored"] * 2
    assert result.stdout == ""


def test_a_batch_without_unscored_rows_ends_with_0(run, quiz, tmp_path):
    rows = [{"submission_id": f"s{place}", "question_id": "q-1", "answer": "partial"} for place in range(1000)]
    result = run("batch", write_rows(tmp_path / "a.jsonl", rows), "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    assert result.exit_code == 0, result.stderr
    assert [outcome.submission_id for outcome in read_grades(tmp_path / "g.jsonl")] == [f"s{n}" for n in range(1000)]


def test_the_summary_on_standard_error_says_what_happened(run, quiz, submissions, tmp_path):
    lines = run("batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.csv").stderr.split("\n")
    summary = {line.rsplit(maxsplit=1)[0].strip(): line.rsplit(maxsplit=1)[1] for line in lines if line.strip()}
    expected = {"rows": "5", "graded": "3", "correct": "1", "partial": "1", "contradictory": "1", "unscored": "2"}
    assert expected.items() <= summary.items()
    assert summary["the answer is blank"] == "1"
    assert summary["mean score"] == "0.500"
    assert "answers a second" in summary


def test_the_summary_is_json_on_request(run, quiz, submissions, tmp_path):
    result = run("batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.csv", "--json")
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["graded"], summary["unscored"], summary["mean_score"]) == (5, 3, 2, 0.5)


def test_a_dash_reads_standard_input_and_prints_json_lines(spawn, quiz, submissions):
    process = spawn("batch", "-", "--quiz", quiz, "--out", "-")
    out, _ = process.communicate(submissions.read_bytes(), timeout=30)
    assert [json.loads(line)["submission_id"] for line in out.splitlines()] == IDS
    assert process.returncode == 1


def test_standard_input_that_is_the_output_file_is_refused(spawn, quiz, submissions):
    with submissions.open("rb") as source:
        process = spawn("batch", "-", "--quiz", quiz, "--out", submissions, stdin=source)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 2
    assert b"file being read" in error


def test_limit_grades_the_first_rows_only(run, quiz, submissions, tmp_path, fake_grader):
    assert run("batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.jsonl", "--limit", "2").exit_code == 0
    assert len(list(read_grades(tmp_path / "g.jsonl"))) == 2
    assert fake_grader.windows == [2]


def test_csv_and_gzip_are_read(run, quiz, tmp_path):
    source = tmp_path / "a.csv.gz"
    source.write_bytes(gzip.compress(b"submission_id,question_id,answer\ns1,q-1,correct\ns2,q-1,partial\n"))
    assert run("batch", source, "--quiz", quiz, "--out", tmp_path / "g.jsonl").exit_code == 0


def test_in_format_overrides_the_name(run, quiz, submissions, tmp_path):
    odd = submissions.rename(tmp_path / "answers.txt")
    assert run("batch", odd, "--quiz", quiz, "--out", tmp_path / "g.jsonl").exit_code == 2
    assert run("batch", odd, "--quiz", quiz, "--out", tmp_path / "g.jsonl", "--in-format", "jsonl").exit_code == 1


def test_cells_that_a_spreadsheet_would_run_are_neutralised(run, quiz, tmp_path):
    rows = [{"submission_id": HOSTILE_ID, "question_id": "q-1", "answer": "=1+1"}]
    run("batch", write_rows(tmp_path / "a.jsonl", rows), "--quiz", quiz, "--out", tmp_path / "g.csv")
    with (tmp_path / "g.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["submission_id"] == f"'{HOSTILE_ID}"
    assert next(read_grades(tmp_path / "g.csv")).submission_id == HOSTILE_ID


def test_control_characters_in_ids_reach_no_terminal(run, quiz, tmp_path):
    rows = [{"submission_id": "a\x1b[2J\u202eb", "question_id": "q-1", "answer": "partial"}] * 2
    result = run("batch", write_rows(tmp_path / "a.jsonl", rows), "--quiz", quiz, "--out", "-")
    assert not {"\x1b", "\u202e"} & set(result.stdout + result.stderr)
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("absent/g.jsonl", "does not exist"),
        ("g.txt", "must end in"),
        ("answers.jsonl", "file being read"),
        (".", "end in"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_models_load(
    run_without_models, quiz, submissions, out, message
):
    before = submissions.read_bytes()
    result = run_without_models("batch", submissions, "--quiz", quiz, "--out", f"{submissions.parent}/{out}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert submissions.read_bytes() == before


def test_an_unreadable_input_is_refused_before_the_models_load(quiz, tmp_path, run_without_models):
    (tmp_path / "bad.csv").write_text("name,text\n1,2\n")
    for source in ("bad.csv", "absent.jsonl"):
        result = run_without_models("batch", tmp_path / source, "--quiz", quiz, "--out", tmp_path / "g.jsonl")
        assert result.exit_code == 2
        assert source in result.stderr
    assert not (tmp_path / "g.jsonl").exists()


def test_a_read_only_folder_is_one_clear_message(run, quiz, submissions, tmp_path, monkeypatch):
    def refuse(*_args: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("grader.batch.atomic.os.open", refuse)
    result = run("batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    assert result.exit_code == 2
    assert "Permission denied" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_full_disk_is_said_and_leaves_no_output(run, quiz, submissions, tmp_path, monkeypatch):
    def full(_outcomes: object, _file: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(sys.modules["grader.batch.sinks"]._WRITERS, "jsonl", full)
    result = run("batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    assert result.exit_code == 2
    kept, error = result.stderr.splitlines()
    assert "5 rows are graded and kept" in kept
    assert error == "grader: No space left on device"
    assert [path.name for path in tmp_path.glob("*g.jsonl*")] == [".g.jsonl.journal"]


def test_a_file_that_breaks_off_has_no_output_but_keeps_the_rows_before(run, quiz, tmp_path):
    rows = "".join(
        json.dumps({"submission_id": f"s{n}", "question_id": "q-1", "answer": f"a {n * n}"}) + "\n" for n in range(9000)
    )
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(rows.encode())[:-9000])
    result = run("batch", tmp_path / "a.jsonl.gz", "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    assert result.exit_code == 2
    kept, error = result.stderr.splitlines()
    assert "a.jsonl.gz" in error
    assert "cut short" in error
    line = int(error.split(":")[2])
    assert f"{line - 1:,} rows are graded and kept" in kept
    assert not (tmp_path / "g.jsonl").exists()


def test_an_interrupt_ends_with_130_and_leaves_nothing(run, quiz, tmp_path):
    source = write_rows(tmp_path / "a.jsonl", [{"submission_id": "s", "question_id": "q-1", "answer": "interrupt"}])
    result = run("batch", source, "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    assert result.exit_code == 130
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("*g.jsonl*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_reading_from_a_pipe_leaves_nothing(spawn, quiz, tmp_path, number, code):
    process = spawn("batch", "-", "--in-format", "jsonl", "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    row = json.dumps({"submission_id": "s", "question_id": "q-1", "answer": "partial"}) + "\n"
    process.stdin.write(row.encode() * 600)
    process.stdin.flush()
    log, deadline = tmp_path / ".g.jsonl.journal-wal", time.monotonic() + 30
    while not (log.exists() and log.stat().st_size > 100_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, error = process.communicate(timeout=30)
    assert process.returncode == code
    assert b"Traceback" not in out + error
    assert not list(tmp_path.glob("*g.jsonl*"))


def test_a_closed_pipe_is_quiet(spawn, quiz, tmp_path):
    rows = [{"submission_id": f"s{place}", "question_id": "q-1", "answer": "partial"} for place in range(3000)]
    process = spawn("batch", write_rows(tmp_path / "a.jsonl", rows), "--quiz", quiz, "--out", "-")
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    process.stdin.close()
    assert process.wait(timeout=30) == 141
    assert error == b""


def test_a_closed_standard_output_does_not_corrupt_the_grades(spawn, quiz, submissions, tmp_path):
    process = spawn(
        "batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.jsonl", stdout=None, preexec_fn=lambda: os.close(1)
    )
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1, error
    assert [outcome.submission_id for outcome in read_grades(tmp_path / "g.jsonl")] == IDS


def test_progress_stays_away_from_pipes(spawn, quiz, tmp_path):
    rows = [{"submission_id": f"s{place}", "question_id": "q-1", "answer": "partial"} for place in range(50)]
    process = spawn("batch", write_rows(tmp_path / "a.jsonl", rows), "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, b"")
    assert b"\x1b" not in error
    assert b"grading" not in error


def test_a_terminal_shows_progress_and_then_the_summary(spawn, quiz, tmp_path):
    rows = [{"submission_id": f"s{place}", "question_id": "q-1", "answer": "partial"} for place in range(400)]
    source = write_rows(tmp_path / "a.jsonl", rows)
    ours, theirs = os.openpty()
    process = spawn(
        "batch", source, "--quiz", quiz, "--out", tmp_path / "g.jsonl", stderr=theirs, env={"TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal whose other end is gone
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, b"")
    assert b"400" in shown
    assert b"grading" in shown
    assert shown.index(b"grading") < shown.index(b"mean score")


def test_memory_does_not_hold_the_file(run, quiz, tmp_path, monkeypatch):
    class Watchful(FakeGrader):
        most = 0

        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            self.most = max(self.most, len(submissions))
            return super().grade(submissions)

    watchful = Watchful()
    monkeypatch.setattr(Grader, "open", lambda *_args, **_options: watchful)
    rows = [{"submission_id": f"s{place}", "question_id": "q-1", "answer": "partial"} for place in range(2000)]
    assert (
        run("batch", write_rows(tmp_path / "a.jsonl", rows), "--quiz", quiz, "--out", tmp_path / "g.csv").exit_code == 0
    )
    assert watchful.most <= 256


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
def test_a_file_without_rows_is_refused_before_the_models_load(run_without_models, quiz, tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"\n")
    result = run_without_models("batch", tmp_path / name, "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{name}: is empty: expected a" in result.stderr
    assert not list(tmp_path.glob("*g.jsonl*"))


def test_the_summary_and_the_grades_cannot_share_standard_output(run, quiz, submissions):
    result = run("batch", submissions, "--quiz", quiz, "--out", "-", "--json")
    assert result.exit_code == 2
    assert "choose one" in result.stderr
