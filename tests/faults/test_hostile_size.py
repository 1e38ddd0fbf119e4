"""A gigabyte on one line, as every kind of file: refused clearly, and in memory that does not grow with the file."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import IO

import pytest

GIGABYTE = 1_000_000_000
GROWTH_KB = 60_000  # what a command may take beyond what it takes to refuse a small file; the line is 16 times that
PROGRAM = Path(__file__).resolve().parents[1] / "cli" / "slow_main.py"
METER = Path(__file__).with_name("meter_main.py")
ROW = b'{"submission_id": "s1", "question_id": "q-1", "verdict": "partial", "answer": "'


def real_line(path):
    """Write an answer of a gigabyte, byte for byte."""
    with path.open("wb") as file:
        file.write(ROW)
        for _ in range(GIGABYTE // 1_000_000):
            file.write(b"a" * 1_000_000)
        file.write(b'"}\n')


def sparse_line(path):
    """Write a line of NUL bytes that takes no place on the disk."""
    with path.open("wb") as file:
        file.truncate(GIGABYTE)


def sparse_table(path):
    """Write a header and a line of NUL bytes."""
    with path.open("wb") as file:
        file.write(b"submission_id,question_id,status,verdict,answer\n")
        file.truncate(GIGABYTE)


def gzipped_line(path):
    """Write an answer of a gigabyte in a megabyte."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(ROW)
        for _ in range(GIGABYTE // 1_000_000):
            file.write(b"a" * 1_000_000)


@pytest.fixture
def measure(start):
    """Run ``grader`` to its end, and give its exit code, what it printed, and the most memory that it took, in kB."""

    def measure(*arguments: object, stdin: int | IO[bytes] = subprocess.DEVNULL) -> tuple[int, str, int]:
        process = start(PROGRAM, *arguments, program=METER, stdin=stdin, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=60)
        *said, memory_kb = output.decode().splitlines()
        return process.returncode, "\n".join(said), int(memory_kb)

    return measure


CASES = [
    ("s.jsonl", sparse_line, "{path}:1: the line is longer than 4,000,000 bytes"),
    ("s.csv", sparse_line, "{path}:1: the line is longer than 4,000,000 bytes"),
    ("s.csv", sparse_table, "{path}:2: the line is longer than 4,000,000 bytes"),
    ("s.parquet", sparse_line, "{path}: is not Parquet that can be read"),
    pytest.param("s.jsonl", real_line, "{path}:1: the line is longer", marks=pytest.mark.slow),
    pytest.param("s.jsonl.gz", gzipped_line, "{path}:1: the line is longer", marks=pytest.mark.slow),
]


@pytest.fixture
def usual_kb(measure, tmp_path):
    """What a command takes to refuse a small file."""
    (tmp_path / "small.jsonl").write_text("{\n")
    return max(
        measure("batch", tmp_path / "small.jsonl", "--quiz", tmp_path / "none", "--out", tmp_path / "x.jsonl")[2],
        measure("evaluate", tmp_path / "small.jsonl", "--labels", tmp_path / "small.jsonl")[2],
    )


@pytest.mark.parametrize(("name", "write", "message"), CASES)
def test_submissions_grades_and_labels(measure, quiz, tmp_path, usual_kb, *, name, write, message):
    path, labels, grades = tmp_path / name, tmp_path / "l.jsonl", tmp_path / "g.jsonl"
    write(path)
    unscored = {"submission_id": "s1", "question_id": "q-1", "status": "unscored", "reason": "blank"}
    grades.write_text(json.dumps(unscored) + "\n")
    labels.write_text('{"submission_id": "s1", "verdict": "partial"}\n')
    for arguments in (
        ["batch", path, "--quiz", quiz, "--out", tmp_path / "out.jsonl"],
        ["evaluate", path, "--labels", labels],
        ["evaluate", grades, "--labels", path],
    ):
        code, said, memory_kb = measure(*arguments)
        assert code == 2, said
        assert said.startswith("grader: " + message.format(path=path)), said
        assert "Traceback" not in said
        assert memory_kb - usual_kb < GROWTH_KB
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("options", [[], ["--in-format", "jsonl"], ["--in-format", "csv"]])
def test_standard_input(measure, quiz, tmp_path, usual_kb, options):
    sparse_line(tmp_path / "line")
    with (tmp_path / "line").open("rb") as line:
        code, said, memory_kb = measure(
            "batch", "-", "--quiz", quiz, "--out", tmp_path / "g.jsonl", *options, stdin=line
        )
    assert (code, said) == (2, "grader: <stdin>:1: the line is longer than 4,000,000 bytes")
    assert memory_kb - usual_kb < GROWTH_KB


def test_quizzes_rubrics_and_calibrations(measure, quiz, answers, tmp_path, usual_kb):
    path = tmp_path / "huge.yaml"
    sparse_line(path)
    out = ["--out", tmp_path / "g.jsonl"]
    for arguments, code, limit in (
        (["quiz", "check", path], 1, "2,000,000"),
        (["batch", answers, "--quiz", path, *out], 2, "2,000,000"),
        (["batch", answers, "--quiz", quiz, "--rubrics", path, *out], 2, "2,000,000"),
        (["batch", answers, "--quiz", quiz, "--calibration", path, *out], 2, "16,000,000"),
    ):
        found, said, memory_kb = measure(*arguments)
        assert found == code, said
        assert f"{path}: is larger than {limit} bytes" in said
        assert memory_kb - usual_kb < GROWTH_KB
