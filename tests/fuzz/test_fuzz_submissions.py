"""Any file of submissions comes out as rows in their order, or is refused at a place: never with a traceback."""

from __future__ import annotations

import re

import pytest
from near_valid import csv_file, json_lines, parquet_file

from grader.errors import FileFaultsError
from grader.load import read_labels, read_submissions
from grader.load.grades import read_grades
from grader.load.submissions import MAX_ANSWER_CHARS, MAX_ID_CHARS
from grader.schema import LANGS, Submission, Unscored

PLACE = re.compile(r"(?:line|row) (\d+): .")
SHARES = [
    (json_lines(), 100, 4000),
    (csv_file(), 100, 4000),
    (parquet_file(), 75, 3000),
]
NAMES = ["jsonl", "csv", "parquet"]


def check_refusal(path, error):
    """A refusal names the file, and says something."""
    assert error.faults
    for fault in error.faults:
        assert fault.path == str(path)
        assert fault.message
        assert fault.line is None or fault.line >= 1
        assert str(fault).startswith(str(path))


def check_submission(row):
    assert 0 < len(row.submission_id) <= MAX_ID_CHARS
    assert 0 < len(row.question_id) <= MAX_ID_CHARS
    assert row.lang is None or row.lang in LANGS
    texts = (row.answer,) if isinstance(row.answer, str) else row.answer
    assert sum(map(len, texts)) <= MAX_ANSWER_CHARS
    "".join((row.submission_id, row.question_id, row.learner_id or "", *texts)).encode()  # no lone surrogates


def read_all(path):
    """Every row that a file gives, and why it gives no more."""
    rows = []
    try:
        rows.extend(read_submissions(path))
    except FileFaultsError as error:
        check_refusal(path, error)
        return rows, str(error)
    return rows, ""


def check_rows(path):
    rows, refused = read_all(path)
    bad = [row for row in rows if not isinstance(row, Submission)]
    assert all(isinstance(row, Unscored) for row in bad)
    found = [PLACE.match(row.reason) for row in bad]
    assert all(found), bad
    places = [int(place[1]) for place in found]
    assert places == sorted(places)
    usable = [row for row in rows if isinstance(row, Submission)]
    for row in usable:
        check_submission(row)
    assert len({row.submission_id for row in usable}) == len(usable)
    assert read_all(path) == (rows, refused)


def check_others(path):
    """Labels and grades come from the same formats, and every fault in them is an error."""
    for read in (read_labels, read_grades):
        try:
            list(read(path))
        except FileFaultsError as error:
            check_refusal(path, error)


@pytest.mark.parametrize(("files", "few", "_many"), SHARES, ids=NAMES)
def test_a_submissions_file_is_rows_or_a_refusal_with_a_place(search, files, few, _many):
    search(files, check_rows, few, long=False)


@pytest.mark.slow
@pytest.mark.parametrize(("files", "_few", "many"), SHARES, ids=NAMES)
def test_thousands_of_submissions_files_are_rows_or_refusals(search, files, _few, many):
    search(files, check_rows, many, long=True)


@pytest.mark.parametrize(("files", "few", "_many"), SHARES, ids=NAMES)
def test_a_file_of_labels_or_grades_is_read_or_refused_with_a_place(search, files, few, _many):
    search(files, check_others, few // 3, long=False)


@pytest.mark.slow
@pytest.mark.parametrize(("files", "_few", "many"), SHARES, ids=NAMES)
def test_thousands_of_files_of_labels_or_grades_are_read_or_refused(search, files, _few, many):
    search(files, check_others, many // 3, long=True)


def test_the_generated_files_are_near_enough_to_be_read(search):
    seen = {"rows": 0, "bad": 0, "refused": 0}

    def count(path) -> None:
        try:
            for row in read_submissions(path):
                seen["rows" if isinstance(row, Submission) else "bad"] += 1
        except FileFaultsError:
            seen["refused"] += 1

    for files, *_ in SHARES:
        search(files, count, 60, long=False)
    assert min(seen.values()) >= 20, seen
