"""Submissions stream in order; a bad row is a row, a bad file is an error."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grader.errors import FileFaultsError
from grader.load import read_labels, read_submissions
from grader.load.grades import read_grades
from grader.schema import Submission, Unscored

ROWS = [
    {"submission_id": "s1", "question_id": "q1", "answer": "Because, “so”\nit is.", "learner_id": "ana", "lang": "en"},
    {"submission_id": "s2", "question_id": "q2", "answer": "2,3", "learner_id": "", "lang": ""},
    {
        "submission_id": "s3",
        "question_id": "q1",
        "answer": "¿Porque sí? \u200b\U0001f600",
        "learner_id": "b",
        "lang": "es",
    },
]
EXPECTED = [
    Submission("s1", "q1", "Because, “so”\nit is.", "en", "ana"),
    Submission("s2", "q2", "2,3"),
    Submission("s3", "q1", "¿Porque sí? \u200b\U0001f600", "es", "b"),
]


def json_lines(rows=ROWS) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def csv_text(delimiter=",", line_end="\r\n") -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(ROWS)
    return file.getvalue().encode()


def parquet(rows=ROWS, count=None) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows).slice(0, count), file)
    return file.getvalue()


def read(path, **options: str):
    return list(read_submissions(path, **options))


def line(answer, submission_id="s1", **more: object) -> str:
    return json.dumps({"submission_id": submission_id, "question_id": "q1", "answer": answer, **more})


CONTENT = {"jsonl": json_lines, "ndjson": json_lines, "csv": csv_text, "parquet": parquet}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("suffix", list(CONTENT))
def test_every_format_reads_the_same(write, suffix, zipped):
    content = CONTENT[suffix]()
    path = write(gzip.compress(content), f"s.{suffix}.gz") if zipped else write(content, f"s.{suffix}")
    assert read(path) == EXPECTED


@pytest.mark.parametrize("content", [csv_text(";"), csv_text("\t"), b"\xef\xbb\xbf" + csv_text(line_end="\n")])
def test_csv_of_any_spreadsheet_is_read(write, content):
    assert read(write(content, "s.csv")) == EXPECTED


def test_the_format_may_be_named(write):
    assert read(write(csv_text(), "s.txt"), format="csv") == EXPECTED


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (json_lines(), {}),
        (b"\xef\xbb\xbf" + json_lines(), {}),
        (csv_text(), {}),
        (gzip.compress(json_lines()), {}),
        (gzip.compress(csv_text()), {}),
        (parquet(), {"format": "parquet"}),
    ],
)
def test_standard_input_is_recognised(monkeypatch, content, options):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
    assert read("-", **options) == EXPECTED
    assert not sys.stdin.closed


def test_id_stands_for_submission_id_and_other_fields_are_ignored(write):
    rows = [{"id": "s1", "question_id": "q1", "answer": "a", "verdict": "correct", "style": "terse"}]
    expected = [Submission("s1", "q1", "a")]
    assert read(write(json_lines(rows), "s.jsonl")) == expected
    assert read(write(b"style,id,question_id,answer\nx,s1,q1,a\n", "s.csv")) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(3, "3"), (3.0, "3"), (["2", "3"], ("2", "3")), ([2, 3], ("2", "3")), ([], ()), ("", ""), ("   ", "   ")],
)
def test_choices_may_be_numbers_or_lists(write, answer, expected):
    row = {"submission_id": 17, "question_id": "q1", "answer": answer}
    for path in (write(json_lines([row]), "s.jsonl"), write(parquet([row]), "s.parquet")):
        assert read(path) == [Submission("17", "q1", expected)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("not json", "not JSON"),
        ("[1]", "not a JSON object: expected one object a line"),
        (json.dumps({"key": "s1", "text": "a"}), 'submission_id is missing; the row has "key, text"'),
        (json.dumps({"id": "s1", "question_id": "q1", "text": "a"}), 'answer is missing; the row has "id, quest'),
        ("{}", "submission_id is missing; the row has nothing"),
        ("[" * 100_000, "JSON"),
        ('{"submission_id": ' + "9" * 5000 + "}", "JSON"),
        (json.dumps({"question_id": "q1", "answer": "a"}), "submission_id is missing"),
        (json.dumps({"submission_id": "s1", "answer": "a"}), "question_id is missing"),
        (json.dumps({"submission_id": "s1", "question_id": "q1"}), "answer is missing"),
        (line(None), "answer is missing"),
        (line({"text": "a"}), "answer is not text; got a mapping"),
        (line(True), "answer is not text; got true"),
        (line(2.5), "answer is not text; got 2.5"),
        (line([["a"]]), "answer is not text"),
        (line(["1"] * 101), "101 choices"),
        (line("a" * 20_001), "20,001 characters; the limit is 20,000"),
        (line(["a" * 15_000, "b" * 15_000]), "30,000 characters"),
        (line("a\0b"), "NUL"),
        (line("a\ud800b"), "lone surrogate, U+D800"),
        (line("a", submission_id="s\n1"), "submission_id is not a usable id"),
        (line("a", submission_id="s" * 300), "submission_id is not a usable id"),
        (line("a", submission_id=True), "submission_id is not a usable id; got true"),
        (line("a", submission_id="\ud800"), "submission_id is not a usable id"),
        (line("a", lang="fr"), 'lang is not en or es; got "fr"'),
        (line("a", lang=3), "lang is not en or es; got 3"),
        (line("a", learner_id=["x"]), "learner_id is not a usable id"),
    ],
)
def test_a_row_that_cannot_be_used_says_why_and_where(write, row, reason):
    before, after = line("a", submission_id="before"), line("b", submission_id="after")
    first, bad, last = read(write(f"{before}\n{row}\n\n{after}", "s.jsonl"))
    assert (first.submission_id, last.submission_id) == ("before", "after")
    assert isinstance(bad, Unscored)
    assert bad.reason.startswith("line 2: ")
    assert reason in bad.reason
    assert bad.reason.isprintable()


def test_the_longest_answer_is_read(write):
    (row,) = read(write(line("a" * 20_000), "s.jsonl"))
    assert isinstance(row, Submission)


@pytest.mark.parametrize(
    ("row", "submission_id", "question_id"),
    [
        (line("a" * 1_000_000), "s1", "q1"),
        ('{"submission_id": "s1", "question_id": "q1", "answer": "cut o', "s1", "q1"),
        ('{"id": 7, "question_id": "q1", "answer": "cut o', "7", "q1"),
        (b'{"submission_id": "s1", "question_id": "q1", "answer": "\xe9"}', "s1", "q1"),
        ('{"answer": "cut o', "", ""),
    ],
)
def test_ids_are_kept_where_they_can_be_read(write, row, submission_id, question_id):
    (bad,) = read(write(row, "s.jsonl"))
    assert isinstance(bad, Unscored)
    assert (bad.submission_id, bad.question_id) == (submission_id, question_id)


def test_the_second_row_with_an_id_is_unscored_even_where_the_first_was(write):
    rows = [
        line("a", submission_id="x"),
        line("b", submission_id="x"),
        line(None, submission_id="y"),
        line("c", submission_id="y"),
    ]
    first, second, third, fourth = read(write("\n".join(rows), "s.jsonl"))
    assert isinstance(first, Submission)
    assert "line 2" in second.reason
    assert '"x" was used before' in second.reason
    assert "missing" in third.reason
    assert "used before" in fourth.reason


def test_rows_without_an_id_are_not_each_others_duplicates(write):
    rows = read(write("broken\nbroken\n", "s.jsonl"))
    assert all("not JSON" in row.reason for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("s.json", b"[]", "did you mean '.jsonl'?"),
        ("s.txt", b"", '".txt" is not known'),
        ("s", b"", "not known"),
        ("s.csv", b"", "expected a header"),
        ("s.csv", b"a,b\n1,2\n", "lacks submission_id or id, question_id, answer"),
        ("s.csv", b"id,question_id,text\n", "lacks answer"),
        ("s.csv", b"id,question_id,answer,answer\n", "repeats"),
        ("s.csv", b"id,question_id,answer\rs1,q1,a\r", "carriage return"),
        ("s.csv", b'"id,question_id,answer\n', "header is not CSV"),
        ("s.csv", "id,question_id,answer\n".encode("utf-16"), "UTF-16"),
        ("s.jsonl", json_lines()[:40].decode().encode("utf-16"), "UTF-16"),
        ("s.jsonl.gz", json_lines(), "is not gzip"),
        ("s.jsonl.gz", gzip.compress(json_lines())[:12], "cut short"),
        ("s.csv.gz", b"\x1f\x8b garbage", "cannot be read"),
        ("s.parquet", b"PAR1 not really", "Parquet"),
        ("s.parquet", parquet()[:-20], "Parquet"),
        ("s.parquet", parquet([{"id": "a"}]), "lacks the columns question_id, answer"),
    ],
)
def test_a_file_that_cannot_be_used_fails_at_once(write, name, content, says):
    path = write(content, name)
    with pytest.raises(FileFaultsError) as caught:
        read_submissions(path)
    (fault,) = caught.value.faults
    assert fault.path == str(path)
    assert says in fault.message


@pytest.mark.parametrize("name", ["missing.jsonl", "folder.csv", "a\0b.csv"])
def test_a_path_that_is_no_file_fails_at_once(tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileFaultsError):
        read_submissions(f"{tmp_path}/{name}")


def test_an_unknown_format_is_refused(write):
    with pytest.raises(FileFaultsError, match="jsonl, csv, parquet"):
        read_submissions(write("", "s.csv"), format="xml")


@pytest.mark.parametrize("reader", [read_submissions, read_labels, read_grades])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.jsonl", b""),
        ("s.jsonl", b"\n \n"),
        ("s.jsonl.gz", gzip.compress(b"")),
        ("s.csv", b""),
        ("s.csv", b"submission_id,question_id,answer,status\n"),
        ("s.parquet", parquet([row | {"status": "graded"} for row in ROWS], 0)),
    ],
)
def test_a_file_without_rows_is_refused_by_every_reader(write, reader, name, content):
    with pytest.raises(FileFaultsError, match=r"is empty: expected a (row|header)"):
        reader(write(content, name))


@pytest.mark.parametrize("header", [b"Submission_ID,Question_ID,Answer,LANG", b"ID;question_id;ANSWER;Lang"])
def test_columns_may_be_written_in_any_case(write, header):
    row = b"s1,q1,a,ES" if b"," in header else b"s1;q1;a;ES"
    assert read(write(header + b"\n" + row + b"\n", "s.csv")) == [Submission("s1", "q1", "a", "es")]


def test_a_column_of_the_exact_name_comes_before_one_in_another_case(write):
    content = b"ID,id,question_id,answer,Answer\nother,s1,q1,a,b\n"
    assert read(write(content, "s.csv")) == [Submission("s1", "q1", "a")]


@pytest.mark.parametrize("lang", ["EN", "en-GB", " En_us "])
def test_a_language_may_have_a_region_and_any_case(write, lang):
    assert read(write(line("a", lang=lang), "s.jsonl")) == [Submission("s1", "q1", "a", "en")]


def test_a_spreadsheet_in_another_encoding_is_told_what_to_do(write):
    (bad,) = read(write("submission_id,question_id,answer\ns1,q1,café\n".encode("latin-1"), "s.csv"))
    assert bad.reason == "line 2: not UTF-8; save it as CSV UTF-8"


def test_what_a_cut_gzip_still_holds_is_read_before_the_fault(write):
    rows = [line(f"answer {number} {number * 7919}", submission_id=f"s{number}") for number in range(5000)]
    whole = gzip.compress("\n".join(rows).encode())
    submissions = read_submissions(write(whole[: len(whole) // 2], "s.jsonl.gz"))
    got = []
    with pytest.raises(FileFaultsError) as caught:
        got.extend(submissions)
    read_before = [row.submission_id for row in got]
    assert len(read_before) > 1000
    assert read_before == [f"s{number}" for number in range(len(read_before))]
    assert caught.value.faults[0].line == len(read_before) + 1


def test_reading_stops_when_the_reader_does(write):
    submissions = read_submissions(write(json_lines(), "s.jsonl"))
    assert list(itertools.islice(submissions, 1)) == EXPECTED[:1]
