"""Compressed files that end too soon: the rows before come out right, then the place where it broke is said."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grader.errors import FileFaultsError
from grader.load import read_labels, read_submissions
from grader.load.grades import read_grades

ROWS = [{"submission_id": f"s{n}", "question_id": "q-1", "answer": f"answer {n} {n * 7919:x}"} for n in range(60)]


def json_lines():
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def csv_table():
    file = io.StringIO()
    writer = csv.DictWriter(file, list(ROWS[0]))
    writer.writeheader()
    writer.writerows(ROWS)
    return file.getvalue().encode()


def parquet():
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), file)
    return file.getvalue()


@pytest.mark.parametrize(("name", "make"), [("s.jsonl", json_lines), ("s.csv", csv_table), ("s.parquet", parquet)])
def test_gzip_cut_at_any_byte_gives_the_rows_before_and_says_where_it_broke(tmp_path, name, make):
    whole = gzip.compress(make(), mtime=0)
    path = tmp_path / f"{name}.gz"
    path.write_bytes(whole)
    everything = list(read_submissions(path))
    assert len(everything) == len(ROWS)
    most = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        got = []
        with pytest.raises(FileFaultsError) as caught:
            got.extend(read_submissions(path))
        (fault,) = caught.value.faults
        assert fault.path == str(path)
        assert ("cut short" if length > 1 else "not gzip") in fault.message
        assert got == everything[: len(got)]
        most = max(most, len(got))
    assert most == (0 if name == "s.parquet" else len(ROWS))  # where only the checksum is missing, every row came


@pytest.mark.parametrize("read", [read_labels, read_grades])
def test_cut_labels_and_grades_are_refused(tmp_path, read):
    path = tmp_path / "l.jsonl.gz"
    path.write_bytes(gzip.compress(json_lines())[:-4])
    with pytest.raises(FileFaultsError, match=r"l\.jsonl\.gz:?\d*: "):
        list(read(path))


def test_a_damaged_checksum_is_noticed(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    whole = bytearray(gzip.compress(json_lines()))
    whole[-6] ^= 1
    path.write_bytes(whole)
    with pytest.raises(FileFaultsError, match="cannot be read: CRC check failed"):
        list(read_submissions(path))


def test_files_that_were_compressed_apart_and_put_together_are_read_as_one(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    lines = json_lines().splitlines(keepends=True)
    path.write_bytes(b"".join(gzip.compress(line) for line in lines))
    assert len(list(read_submissions(path))) == len(ROWS)


def test_a_batch_of_a_cut_file_says_where_and_keeps_what_it_graded(run, quiz, answers, tmp_path):
    source, out = tmp_path / "a.jsonl.gz", tmp_path / "g.jsonl"
    whole = gzip.compress(answers.read_bytes(), mtime=0)
    source.write_bytes(whole[: len(whole) // 2])
    code, error = run("batch", source, "--quiz", quiz, "--out", out)
    kept, said = error.splitlines()
    assert code == 2
    assert "rows are graded and kept" in kept
    assert said.startswith(f"grader: {source}:")
    assert "the gzip data is damaged or cut short" in said
    assert not out.exists()
    source.write_bytes(whole)
    code, error = run("batch", source, "--quiz", quiz, "--out", out, "--resume")
    assert code == 2  # the whole file is another one than the one that was begun
    assert "input sha256" in error
    assert run("batch", source, "--quiz", quiz, "--out", out, "--restart")[0] == 0
    assert len(list(read_grades(out))) == len(answers.read_bytes().splitlines())
