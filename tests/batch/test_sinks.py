"""Grade files: the published record, safe cells, whole files or none."""

from __future__ import annotations

import csv
import gzip
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pyarrow.parquet as pq
import pytest
from fakes import make_grade

from grader.batch import output_format, refuse_overwrite, replace_atomically, write_grades
from grader.cells import from_cells, neutralise, restore, to_cells
from grader.errors import GraderError
from grader.records import ALL_FIELDS, dump_json, from_record, to_record
from grader.schema import CriterionGrade, Evidence, JudgeNote, Outcome, Unscored, Verdict

HOSTILE = [
    "=1+1",
    "+1",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =cmd|' /C calc'!A0",
    "\u200b=1",
    "\ufeff@x",
    "'=1",
    "''+1",
    "＝1",
    "\n\n-1",
]
HARMLESS = ["s1", "a=b", "2-3", "'quoted'", "", "ñandú", "<b>x</b>", "{=x}"]

OUTCOMES: list[Outcome] = [
    make_grade("s1", verdict=Verdict.CORRECT, feedback="¡Muy bien!", lang="es"),
    make_grade("=HYPERLINK(1)", verdict=Verdict.CONTRADICTORY, feedback="-3 is wrong"),
    Unscored("s3", "q-404", "unknown question 'q-404'"),
    make_grade("ctl\x00\x1b[31m\u202e\u2028", verdict=Verdict.NON_DOMAIN),
    make_grade('quote",;\nline', feedback='<script>alert("x")</script>\r\nnext'),
    make_grade("s6", judge=JudgeNote("=host:8000:m", "judged", None)),
    make_grade("s7", judge=JudgeNote("local", "unscored", "the judge said \u202e no,\n=1")),
]


def test_the_record_has_the_published_fields_in_their_order():
    record = to_record(make_grade())
    assert list(record) == [
        "submission_id", "question_id", "status", "verdict", "points", "max_points", "score", "confidence",
        "needs_review", "criteria", "misconceptions", "feedback", "lang", "receipt",
    ]  # fmt: skip
    assert record["criteria"] == [
        {
            "id": "main",
            "met": True,
            "points": 0.5,
            "probability": 0.9,
            "evidence": {"text": "the learner's words", "start": 3, "end": 22},
        }
    ]


def test_only_a_grade_that_a_judge_was_asked_about_says_so():
    assert list(to_record(make_grade(judge=JudgeNote("local", "judged", None))))[-2:] == ["receipt", "judge"]
    assert from_record(to_record(make_grade()) | {"judge": None}) == make_grade()


@pytest.mark.parametrize(
    "judge", ["local", [], {}, {"name": "local", "status": "graded"}, {"name": "local", "status": "unscored"}]
)
def test_a_record_with_a_senseless_judge_is_refused(judge):
    with pytest.raises(ValueError, match=r"judge|name|status|reason"):
        from_record(to_record(make_grade()) | {"judge": judge})


def test_an_unscored_record_has_a_reason_and_no_points():
    record = to_record(Unscored("s1", "q-1", "blank"))
    assert record == {"submission_id": "s1", "question_id": "q-1", "status": "unscored", "reason": "blank"}


@pytest.mark.parametrize("outcome", OUTCOMES, ids=range(len(OUTCOMES)))
def test_a_record_reads_back_as_the_same_outcome(outcome):
    assert from_record(json.loads(dump_json(to_record(outcome)))) == outcome
    assert from_record(from_cells(dict(zip(ALL_FIELDS, to_cells(to_record(outcome)), strict=True)))) == outcome


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verdict", "right"),
        ("points", -1),
        ("points", True),
        ("score", 1.5),
        ("confidence", float("nan")),
        ("criteria", "none"),
        ("criteria", [{"id": "x", "met": "yes", "points": 0, "probability": 0, "evidence": None}]),
        ("lang", "fr"),
        ("submission_id", None),
        ("status", "zero"),
        ("needs_review", "maybe"),
    ],
)
def test_a_faulty_record_is_refused_with_its_field(field, value):
    record = to_record(make_grade()) | {field: value}
    with pytest.raises(ValueError, match="met" if isinstance(value, list) else field):
        from_record(record)


def test_hidden_and_line_breaking_characters_are_escaped_in_json_and_read_back():
    text = "a\x00\x1b\x7f\x85\u200b\u2028\u202e\ufeff\ud800\U000e0041ñ✓"
    line = dump_json({"text": text})
    assert len(line.splitlines()) == 1
    assert line.encode("utf-8").isascii() is False
    assert all(char.isprintable() for char in line)
    assert json.loads(line) == {"text": text}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_that_starts_a_formula_is_neutralised_and_restored(text):
    assert neutralise(text) == f"'{text}"
    assert restore(neutralise(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_cells_are_left_alone(text):
    assert neutralise(text) == text
    assert restore(text) == text


def test_no_csv_cell_starts_a_formula_and_numbers_stay_numbers(tmp_path):
    target = tmp_path / "grades.csv"
    write_grades([make_grade(text, feedback=text) for text in HOSTILE], target)
    with target.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(HOSTILE)
    for row in table:
        assert row["submission_id"].startswith("'")
        assert row["feedback"].startswith("'")
        assert float(row["points"]) == 1.0
        assert json.loads(row["criteria"])[0]["id"] == "main"


@pytest.mark.parametrize("name", ["g.jsonl", "g.jsonl.gz", "g.csv", "g.csv.gz", "g.parquet"])
def test_every_format_keeps_every_row_in_order(tmp_path, name):
    from grader.load.grades import read_grades

    target = tmp_path / name
    write_grades(iter(OUTCOMES), target)
    assert [outcome.submission_id for outcome in read_grades(target)] == [row.submission_id for row in OUTCOMES]
    assert list(read_grades(target)) == OUTCOMES


def test_parquet_holds_the_nested_record(tmp_path):
    write_grades(OUTCOMES, tmp_path / "g.parquet")
    rows = pq.read_table(tmp_path / "g.parquet").to_pylist()
    assert rows[0]["criteria"][0]["evidence"] == {"text": "the learner's words", "start": 3, "end": 22}
    assert rows[2]["points"] is None
    assert rows[2]["reason"] == "unknown question 'q-404'"


def test_lone_surrogates_do_not_lose_a_row(tmp_path):
    for name in ("g.jsonl", "g.csv", "g.parquet"):
        write_grades([make_grade("\ud800x"), make_grade("s2")], tmp_path / name)
        assert (tmp_path / name).stat().st_size > 0


def test_the_same_grades_give_the_same_bytes_compressed(tmp_path, monkeypatch):
    write_grades(OUTCOMES, tmp_path / "a.jsonl.gz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_grades(OUTCOMES, tmp_path / "b.jsonl.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert len(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).splitlines()) == len(OUTCOMES)


@pytest.mark.parametrize("name", ["grades", "grades.txt", "grades.json", "grades.parquet.gz", ".gz", "g.csv.zip"])
def test_an_unknown_ending_is_refused_with_the_known_ones(name):
    with pytest.raises(GraderError, match=r"must end in \.jsonl, \.csv"):
        output_format(Path(name))


@pytest.mark.parametrize("name", ["g.jsonl", "g.csv.gz", "g.parquet"])
@pytest.mark.parametrize("death", [KeyboardInterrupt, GraderError, OSError(28, "No space left on device")])
def test_a_failure_leaves_nothing_half_written(tmp_path, name, death):
    def breaking() -> Iterator[Outcome]:
        yield make_grade()
        raise death

    target = tmp_path / name
    target.write_bytes(b"before")
    with pytest.raises(death if isinstance(death, type) else type(death)):
        write_grades(breaking(), target)
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_missing_folder_is_named_before_anything_is_graded(tmp_path):
    def never() -> Iterator[Outcome]:
        pytest.fail("graded before the place was checked")
        yield

    with pytest.raises(GraderError, match=r"absent does not exist"):
        write_grades(never(), tmp_path / "absent" / "g.jsonl")


def test_a_read_only_folder_is_named(tmp_path, monkeypatch):
    def refuse(*_args: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(GraderError, match=r"cannot write in .*Permission denied"):
        write_grades([], tmp_path / "g.jsonl")


def test_devices_and_folders_are_not_replaced(tmp_path):
    folder, pipe = tmp_path / "folder.jsonl", tmp_path / "pipe.jsonl"
    folder.mkdir()
    os.mkfifo(pipe)
    for target in (folder, pipe):
        with pytest.raises(GraderError, match="not a plain file"):
            write_grades([], target)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_symbolic_link_is_followed(tmp_path):
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.write_text("before")
    link.symlink_to(real)
    write_grades([make_grade()], link)
    assert link.is_symlink()
    assert json.loads(real.read_text())["submission_id"] == "s1"


def test_a_new_file_has_the_usual_permissions(tmp_path):
    with replace_atomically(tmp_path / "a") as temporary:
        temporary.write_text("x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_file_being_read_is_never_written_over(tmp_path):
    source, hard, soft = tmp_path / "in.jsonl", tmp_path / "hard.jsonl", tmp_path / "soft.jsonl"
    source.write_text("{}")
    hard.hardlink_to(source)
    soft.symlink_to(source)
    for target in (source, hard, soft, tmp_path / "." / "in.jsonl"):
        with pytest.raises(GraderError, match="file being read"):
            refuse_overwrite(str(source), target)
    refuse_overwrite(str(source), tmp_path / "other.jsonl")


def test_a_long_record_of_evidence_survives_every_format(tmp_path):
    from grader.load.grades import read_grades

    text = "á" * 50_000
    grade = make_grade(
        criteria=(CriterionGrade("main", met=True, points=1.0, probability=1.0, evidence=Evidence(text, 0, 50_000)),)
    )
    for name in ("g.jsonl", "g.csv", "g.parquet"):
        write_grades([grade], tmp_path / name)
        assert list(read_grades(tmp_path / name)) == [grade]
