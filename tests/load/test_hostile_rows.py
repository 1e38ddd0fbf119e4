"""Rows that people, spreadsheets and attackers spoil: none is lost, reordered or invented, and memory stays flat."""

from __future__ import annotations

import gzip
import io
import json
import resource
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import FileFaultsError
from grader.load import read_submissions
from grader.schema import Submission, Unscored

HEADER = "submission_id,question_id,answer,lang\n"
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_csv(write, body: str | bytes):
    content = HEADER.encode() + (body if isinstance(body, bytes) else body.encode())
    return list(read_submissions(write(content, "s.csv")))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("s2,q1", "2 cells under a header of 4"),
        ("s2,q1,a, with a comma,en", "5 cells"),
        ('s2,q1,"never closed,en', "not CSV: a quote is opened"),
        ('s2,q1,"closed" too early,en', "not CSV"),
        ("s2,q1,nul \0 here,en", "NUL"),
        (b"s2,q1,caf\xe9,en", "not UTF-8"),
        ('s2,q1,"a\rb\r",en,', "5 cells"),
        ("s2,q1,a\rb,en", "carriage return"),
        ("s2,q1," + "a" * 1_000_000 + ",en", "1,000,000 characters"),
        ('s2,q1,"' + "a\n" * 500_000 + '",en', "1,000,000 characters"),
    ],
)
def test_a_spoiled_csv_row_keeps_its_ids_and_its_neighbours(write, row, reason):
    row = row if isinstance(row, bytes) else row.encode()
    first, bad, last = read_csv(write, b"s1,q1,a,en\n" + row + b"\ns3,q1,c,es\n")
    assert first == Submission("s1", "q1", "a", "en")
    assert last == Submission("s3", "q1", "c", "es")
    assert isinstance(bad, Unscored)
    assert (bad.submission_id, bad.question_id) == ("s2", "q1")
    assert bad.reason.startswith("line 3: ")
    assert reason in bad.reason


def test_one_stray_quote_swallows_no_rows(write):
    body = 's0,q1,"open,en\n' + "".join(f"s{number},q1,answer {number},en\n" for number in range(1, 2000))
    rows = read_csv(write, body)
    assert [row.submission_id for row in rows] == [f"s{number}" for number in range(2000)]
    assert isinstance(rows[0], Unscored)
    assert all(isinstance(row, Submission) for row in rows[1:])


def test_many_stray_quotes_take_no_longer(write):
    rows = read_csv(write, "".join(f's{number},q1,"open,en\n' for number in range(20_000)))
    assert [row.submission_id for row in rows] == [f"s{number}" for number in range(20_000)]


def test_blank_lines_are_no_rows(write):
    assert len(read_csv(write, "\ns1,q1,a,en\n\n\ns2,q1,b,en\n\n")) == 2


def test_a_quote_inside_a_cell_is_text(write):
    assert read_csv(write, 's1,q1,a 5" disk,en\n')[0].answer == 'a 5" disk'


def test_parquet_rows_say_their_number(write):
    file = io.BytesIO()
    columns = {"id": ["s1", "s2"], "question_id": ["q1", "q1"], "answer": pa.array([b"\xff", b"ok"], pa.binary())}
    pq.write_table(pa.table(columns), file)
    reasons = [row.reason for row in read_submissions(write(file.getvalue(), "s.parquet"))]
    assert [reason.split(":")[0] for reason in reasons] == ["row 1", "row 2"]


def test_parquet_text_that_is_not_utf8_spoils_its_row_only(write):
    answers = pa.array([b"\xff", b"fine"], pa.binary())
    text = pa.StringArray.from_buffers(2, answers.buffers()[1], answers.buffers()[2])
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["s1", "s2"], "question_id": ["q1", "q1"], "answer": text}), file)
    bad, good = read_submissions(write(file.getvalue(), "s.parquet"))
    assert (bad.submission_id, isinstance(bad, Unscored)) == ("s1", True)
    assert good == Submission("s2", "q1", "fine")


LIMITED = """
import resource, sys
limit = 700_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from grader.errors import FileFaultsError
from grader.load import read_submissions
rows = 0
try:
    for row in read_submissions(sys.argv[1]):
        rows += 1
except FileFaultsError as error:
    print(rows, error)
else:
    print(rows)
"""


def read_in_little_memory(path) -> str:
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 -- our own code
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["s.jsonl", "s.csv"])
def test_a_line_of_a_gigabyte_is_refused_in_flat_memory(tmp_path, name):
    start = HEADER.encode() if name == "s.csv" else b'{"submission_id": "s1", "question_id": "q", "answer": "a"}\n'
    with (tmp_path / name).open("wb") as file:
        file.write(start)
        file.truncate(1_000_000_000)
    assert f"{name}:2: the line is longer than 4,000,000 bytes" in read_in_little_memory(tmp_path / name)


def test_a_gzip_bomb_is_refused_in_flat_memory(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(b"a" * 1_000_000)
    assert "longer than" in read_in_little_memory(path)


def test_a_quoted_csv_cell_without_end_costs_little(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(HEADER + 's0,q1,"open\n' + f"x,y,{'z' * 90},\n" * 100_000)
    assert read_in_little_memory(path) == "100001\n"


def test_a_column_that_repeats_one_long_text_costs_little(tmp_path):
    path = tmp_path / "s.parquet"
    answer = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), ["a" * 1_000_000])
    ids = pa.array([f"s{number}" for number in range(3000)])
    pq.write_table(pa.table({"id": ids, "question_id": ids, "answer": answer}), path, store_schema=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = list(read_submissions(path))
    assert all("1,000,000 characters" in row.reason for row in rows)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 900_000  # KiB; the answers are 3 GB


def outcomes(path):
    try:
        rows = list(read_submissions(path))
    except FileFaultsError:
        return []
    assert all(isinstance(row, (Submission, Unscored)) for row in rows)
    return rows


@FUZZ
@given(
    content=st.binary(max_size=300),
    suffix=st.sampled_from(["jsonl", "csv", "parquet", "jsonl.gz", "csv.gz", "parquet.gz"]),
)
def test_any_bytes_are_rows_or_faults(write, content, suffix):
    outcomes(write(content, f"s.{suffix}"))
    outcomes(write(gzip.compress(content, mtime=0), f"t.{suffix}"))


@FUZZ
@given(body=st.text(alphabet='s1,q"\n\r;\0é ', max_size=120))
def test_any_csv_body_gives_rows_in_the_order_of_lines(write, body):
    rows = outcomes(write(HEADER + body, "s.csv"))
    lines = [int(row.reason.split(":")[0].removeprefix("line ")) for row in rows if isinstance(row, Unscored)]
    assert lines == sorted(lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@FUZZ
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["submission_id", "id", "question_id", "answer", "lang", "learner_id"]), JSON),
        max_size=6,
    )
)
def test_any_json_rows_come_out_one_for_one(write, rows):
    content = "".join(json.dumps(row) + "\n" for row in rows)
    assert len(outcomes(write(content, "s.jsonl"))) == len(rows)


@FUZZ
@given(
    answers=st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), max_size=5
    )
)
def test_csv_answers_survive_whatever_they_hold(write, answers):
    rows = [[f"s{number}", "q1", answer, ""] for number, answer in enumerate(answers)]
    quoted = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
    found = [row.answer for row in outcomes(write((HEADER + quoted).encode(), "s.csv"))]
    assert found == answers
