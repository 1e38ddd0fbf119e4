"""``--max-error``, ``--calibration`` and ``grader calibrate`` from the outside."""

from __future__ import annotations

import json

import pytest
from fakes import make_grade

from grader.batch import write_grades
from grader.doubt import Calibration, Doubt, Labelled, dump_doubts, read_doubts
from grader.grade import Grader
from grader.schema import Unscored, Verdict


def labelled(size, share):
    """Answers of which the surer ones are right."""
    return tuple(Labelled(1 - n / (2 * size), n < share * size) for n in range(size))


@pytest.fixture
def calibration(tmp_path):
    """Path of a calibration with 200 labels in English and 20 in Spanish, for questions with a rubric."""
    parts = {
        ("rubric", "en"): Calibration(1.0, 0.0, "made up", 9, labelled(200, 0.5)),
        ("rubric", "es"): Calibration(1.0, 0.0, "made up", 9, labelled(20, 1.0)),
    }
    path = tmp_path / "calibration.json"
    path.write_text(dump_doubts([Doubt("embedded", parts)]))
    return path


@pytest.fixture
def opened(fake_grader, monkeypatch):
    """Collect the doubt that each grader is opened with."""
    doubts = []
    monkeypatch.setattr(Grader, "open", lambda *_, doubt, **_options: doubts.append(doubt) or fake_grader)
    return doubts


@pytest.fixture
def course_options(quiz, calibration):
    """Name a question and an error that the labels can promise."""
    return ["--question", "q-1", "--quiz", quiz, "--calibration", calibration, "--max-error", 0.2]


@pytest.fixture
def grade_all(run, quiz, submissions, tmp_path):
    """Grade the submissions with options."""
    return lambda *options: run("batch", submissions, "--quiz", quiz, "--out", tmp_path / "out.jsonl", *options)


@pytest.fixture
def graded(tmp_path):
    """Paths of grades in English that are sure of themselves and half wrong, and of their labels."""
    grades = [make_grade(f"s{n}", question_id=f"q-{n % 9}", confidence=0.9) for n in range(60)]
    sure = make_grade("choice", confidence=1.0, criteria=())
    write_grades([*grades, sure, Unscored("s99", "q-1", "blank")], tmp_path / "g.jsonl")
    rows = [{"submission_id": f"s{n}", "verdict": "partial" if n * 7 % 10 < 5 else "correct"} for n in range(60)]
    rows += [{"submission_id": "choice", "verdict": "partial"}, {"submission_id": "s99", "verdict": "correct"}]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "g.jsonl", tmp_path / "l.jsonl"


def english(quiz):
    """Leave a quiz in English alone."""
    text = quiz.read_text(encoding="utf-8")
    quiz.write_text(text.split("  - id: q-2")[0].replace(', es: "Mini"', "").replace(', es: "Exactitud"', "")
                    .replace(', es: "¿Es exacta?"', "").replace(', es: ["Sí, es exacta."]', ""))  # fmt: skip
    return quiz


def test_a_wanted_error_says_what_it_keeps(grade_all, opened, calibration):
    result = grade_all("--calibration", calibration, "--max-error", 0.2)
    assert result.exit_code == 1, result.stderr  # one row of the submissions is unscored
    lines = [line for line in result.stderr.splitlines() if line.startswith("rubric ")]
    assert [line.split(":")[0] for line in lines] == ["rubric en", "rubric es"]
    assert "at most 0.2 wrong (90% sure" in lines[0]
    assert "of 200 labelled answers reach" in lines[0]
    (doubt,) = opened
    assert 100 <= doubt.promises["rubric", "en"].kept <= 125


def test_too_few_labels_are_the_callers_mistake(run_without_models, quiz, submissions, calibration, tmp_path):
    out = tmp_path / "g.jsonl"
    options = ["--calibration", calibration, "--max-error", 0.05]
    for arguments in (["batch", submissions, "--out", out], ["grade", "yes", "--question", "q-1"]):
        result = run_without_models(*arguments, "--quiz", quiz, *options)
        assert result.exit_code == 2
        assert "rubric es: not enough labels to promise this: 20, at least 45 needed" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "lang"),
    [(["it is the same"], "en"), (["es la misma"], "es"), (["it is the same", "--lang", "es"], "es")],
)
def test_one_answer_is_told_what_concerns_its_language(run, opened, course_options, options, lang):
    result = run("grade", *options, *course_options)
    assert result.exit_code == 0, result.stderr
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [f"rubric {lang}"]
    assert len(opened[0].promises) == 2, "whatever the language, the promise holds for both"


@pytest.mark.parametrize("value", ["0", "1", "7", "-0.1", "nan"])
def test_an_error_that_is_none_is_the_callers_mistake(run_without_models, quiz, value):
    result = run_without_models("grade", "yes", "--question", "q-1", "--quiz", quiz, "--max-error", value)
    assert result.exit_code == 2
    assert "'--max-error': must be above 0 and below 1" in result.stderr


def test_an_error_out_of_reach_sends_all_to_review(run, opened, quiz, tmp_path):
    path = tmp_path / "bad.json"
    part = Calibration(1.0, 0.0, "", 1, tuple(Labelled(0.9, n % 2 == 0) for n in range(100)))
    path.write_text(dump_doubts([Doubt("embedded", {("references", "en"): part})]))
    (tmp_path / "rubrics" / "mini.yaml").unlink()
    options = ["--calibration", path, "--max-error", 0.1]
    result = run("grade", "correct", "--question", "q-1", "--quiz", english(quiz), *options)
    assert result.exit_code == 0, result.stderr
    assert "no confidence reaches this on 100 labelled answers; all go to review" in result.stderr
    assert opened[0].review_below(("references", "en"), 0.7) == 1


def test_a_file_that_is_no_calibration_is_named(run_without_models, quiz, submissions, tmp_path):
    (tmp_path / "c.json").write_text('{"calibration": 1, "parts": [{}]}')
    options = ["--out", tmp_path / "g.jsonl", "--calibration", tmp_path / "c.json"]
    result = run_without_models("batch", submissions, "--quiz", quiz, *options)
    assert result.exit_code == 2
    assert f"{tmp_path / 'c.json'}: parts[0].grader: Field required" in result.stderr


def test_a_class_calibrates_and_grades_with_it(run, opened, graded, grade_all, tmp_path):
    grades, labels = graded
    out = tmp_path / "class.json"
    result = run("calibrate", grades, "--labels", labels, "--out", out)
    assert result.exit_code == 0, result.stderr
    row = next(line for line in result.stdout.splitlines() if "rubric en" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")][1:3] == ["60", "9"]
    found = read_doubts(out)["embedded"]
    assert len(found.parts["rubric", "en"].labelled) == 60
    assert len(found.parts["rubric", "es"].labelled) > 500, "a language without labels keeps what ships"
    grade_all("--calibration", out)
    assert opened == [found]


def test_calibration_as_json_tells_the_lowest_error_that_labels_can_promise(run, graded, tmp_path):
    grades, labels = graded
    (row,) = json.loads(run("calibrate", grades, "--labels", labels, "--out", tmp_path / "c.json", "--json").stdout)
    assert (row["part"], row["labels"], row["questions"]) == ("rubric en", 60, 9)
    assert row["confidence_before"] == pytest.approx(0.9)
    assert row["accuracy"] == pytest.approx(0.5, abs=0.15)
    assert row["confidence_after"] == pytest.approx(row["accuracy"], abs=0.1)
    assert row["lowest_max_error"] == pytest.approx(1 - 0.1 ** (1 / 60))


def test_labels_without_five_way_verdicts_cannot_calibrate(run, graded, tmp_path):
    (tmp_path / "two.csv").write_text("submission_id,label_2way\ns1,correct\n")
    result = run("calibrate", graded[0], "--labels", tmp_path / "two.csv", "--out", tmp_path / "c.json")
    assert result.exit_code == 2
    assert "five-way verdict" in result.stderr
    assert not (tmp_path / "c.json").exists()


def test_labels_of_other_submissions_are_named_as_such(run, graded, tmp_path):
    (tmp_path / "other.csv").write_text("submission_id,verdict\nx1,correct\n")
    result = run("calibrate", graded[0], "--labels", tmp_path / "other.csv", "--out", tmp_path / "c.json")
    assert result.exit_code == 2
    assert "are the submission ids the same?" in " ".join(result.stderr.split())


def test_calibrate_never_writes_over_what_it_reads(run, graded):
    for out in graded:
        before = out.read_bytes()
        assert run("calibrate", graded[0], "--labels", graded[1], "--out", out).exit_code == 2
        assert out.read_bytes() == before
    assert run("calibrate", "-", "--labels", "-", "--out", "c.json").exit_code == 2


def test_calibration_is_repeatable(run, graded, tmp_path):
    """Grades made with a class's calibration, named again, give that calibration's own map back."""
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    run("calibrate", graded[0], "--labels", graded[1], "--out", first)
    known = read_doubts(first)["embedded"].parts["rubric", "en"]
    grades = [
        make_grade(f"s{n}", question_id=f"q-{n % 9}", confidence=known(answer.confidence), verdict=Verdict.PARTIAL)
        for n, answer in enumerate(known.labelled)
    ]
    write_grades(grades, tmp_path / "new.jsonl")
    options = ["--labels", graded[1], "--calibration", first, "--out", again]
    assert run("calibrate", tmp_path / "new.jsonl", *options).exit_code == 0
    raw = [answer.confidence for answer in read_doubts(again)["embedded"].parts["rubric", "en"].labelled]
    assert raw == pytest.approx([answer.confidence for answer in known.labelled], abs=0.002)
