"""``grader evaluate``, ``report``, ``quiz`` and ``attention`` from the outside."""

from __future__ import annotations

import json

import pytest
from fakes import make_grade

from grader.batch import write_grades
from grader.schema import Unscored, Verdict
from grader.ui.batching import CAPACITY

VERDICTS = list(Verdict)


@pytest.fixture
def graded(tmp_path):
    """Paths of forty grades in two languages and of their labels."""
    grades = [
        make_grade(f"s{n}", question_id=f"q-{n % 4}", verdict=VERDICTS[n % 5], lang="es" if n % 2 else "en")
        for n in range(40)
    ]
    write_grades([*grades, Unscored("s40", "q-1", "blank")], tmp_path / "grades.jsonl")
    rows = [{"submission_id": f"s{n}", "verdict": VERDICTS[(n + n // 30) % 5].value} for n in range(42)]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "grades.jsonl", tmp_path / "labels.jsonl"


def test_evaluate_prints_agreement_by_language_and_the_confusion_table(run, graded):
    grades, labels = graded
    result = run("evaluate", grades, "--labels", labels)
    assert result.exit_code == 0, result.stderr
    for words in (
        "40 of 41 labelled answers graded, 1 unscored",
        "1 labels have no row in the grades",
        "two-way accuracy",
        "five-way macro-F1",
        "contradictory, graded correct",
        "Labelled (rows), graded (columns): es",
        "Confidence and accuracy, bins of equally many answers: es",
        "█ accuracy, │ confidence",
        "Brier score",
        "area under risk-coverage",
        "answers kept",
    ):
        assert words in result.stdout
    header = next(line for line in result.stdout.splitlines() if " all " in line)
    assert " en " in header
    assert " es " in header


def test_evaluate_as_json_carries_every_number(run, graded):
    grades, labels = graded
    found = json.loads(run("evaluate", grades, "--labels", labels, "--json").stdout)
    assert (found["matched"], found["unscored"], found["labels_without_grade"]) == (40, 1, 1)
    assert found["overall"]["five_way"]["accuracy"]["value"] == pytest.approx(0.75)
    assert set(found["by_lang"]) == {"en", "es"}
    for part in (found["overall"], *found["by_lang"].values()):
        assert part["calibration_error"] == pytest.approx(sum(b["count"] * abs(b["confidence"] - b["accuracy"])
            for b in part["reliability"]) / part["answers"])  # fmt: skip
        assert 0 <= part["brier"] <= 1
        assert part["risk_coverage"][-1] == {
            "coverage": 1.0,
            "risk": pytest.approx(1 - part["five_way"]["accuracy"]["value"]),
        }


def test_evaluate_of_strangers_is_the_callers_mistake(run, graded, tmp_path):
    (tmp_path / "other.jsonl").write_text('{"submission_id": "x", "verdict": "correct"}\n')
    result = run("evaluate", graded[0], "--labels", tmp_path / "other.jsonl")
    assert result.exit_code == 2
    assert "no graded answer has a label" in result.stderr
    assert f"the first of {graded[0]} is 's0', of {tmp_path / 'other.jsonl'} 'x'" in result.stderr


def test_submissions_given_as_grades_are_called_so(run, submissions):
    for arguments in (["evaluate", submissions, "--labels", submissions], ["report", submissions, "--out", "-"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "has no status; is this a file of submissions?" in result.stderr


def test_a_report_of_nothing_is_refused(run, tmp_path):
    (tmp_path / "g.jsonl").write_text("\n")
    result = run("report", tmp_path / "g.jsonl", "--out", tmp_path / "r.html")
    assert result.exit_code == 2
    assert "g.jsonl: is empty: expected a row" in result.stderr
    assert not (tmp_path / "r.html").exists()


def test_two_files_cannot_both_be_standard_input(run):
    assert run("evaluate", "-", "--labels", "-").exit_code == 2
    assert run("report", "-", "--labels", "-", "--out", "r.html").exit_code == 2


def test_a_file_that_is_no_grades_is_named_with_its_line(run, graded, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(graded[0].read_text().splitlines()[0] + '\n{"submission_id": "s", "status": "graded"}\n')
    result = run("evaluate", bad, "--labels", graded[1])
    assert result.exit_code == 2
    assert f"{bad}:2: not a grade: question_id" in result.stderr


def test_report_writes_one_page_with_learners_labels_and_titles(run, quiz, submissions, tmp_path):
    run("batch", submissions, "--quiz", quiz, "--out", tmp_path / "g.jsonl")
    (tmp_path / "l.csv").write_text("submission_id,verdict\ns1,correct\ns2,partial\ns3,correct\n")
    options = ["--labels", tmp_path / "l.csv", "--submissions", submissions, "--quiz", quiz]
    result = run("report", tmp_path / "g.jsonl", "--out", tmp_path / "report.html", *options)
    assert (result.exit_code, result.output) == (0, "")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in (
        "q-1 · Exactness",
        "It is exact.",
        "It approximates.",
        "Agreement with labels",
        "<b>3</b><span>learners",
    ):
        assert words in page


def test_report_never_writes_over_what_it_reads(run, graded):
    before = graded[0].read_bytes()
    result = run("report", graded[0], "--out", graded[0])
    assert result.exit_code == 2
    assert graded[0].read_bytes() == before


def test_report_in_a_missing_folder_is_refused(run, graded, tmp_path):
    result = run("report", graded[0], "--out", tmp_path / "absent" / "report.html")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_quiz_check_prints_every_fault_and_ends_with_1(run, quiz, tmp_path):
    assert run("quiz", "check", quiz, tmp_path / "rubrics" / "mini.yaml").exit_code == 0
    quiz.write_text(quiz.read_text().replace("answer: [2, 3]", "answer: [2, 9]").replace("type: free", "type: fre"))
    result = run("quiz", "check", quiz)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert all(line.startswith(f"{quiz}:") for line in result.stdout.splitlines())
    faults = json.loads(run("quiz", "check", quiz, "--json").stdout)
    assert [set(fault) for fault in faults] == [{"path", "line", "field", "message"}] * 2


def test_quiz_mirror_writes_both_languages_and_check_notices_drift(run, quiz, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    written = run("quiz", "mirror", quiz, "--out", folder)
    assert (written.exit_code, written.stdout.splitlines()) == (0, [f"{folder}/mini.md", f"{folder}/mini.es.md"])
    assert run("quiz", "mirror", quiz, "--out", folder, "--check").exit_code == 0
    (folder / "mini.es.md").write_text("edited")
    result = run("quiz", "mirror", quiz, "--out", folder, "--check")
    assert result.exit_code == 1
    assert "mini.es.md" in result.stdout
    assert (folder / "mini.es.md").read_text() == "edited"


def test_quiz_mirror_of_a_faulty_quiz_is_the_callers_mistake(run, quiz, tmp_path):
    quiz.write_text("schema: 1\n")
    assert run("quiz", "mirror", quiz, "--out", tmp_path).exit_code == 2


def test_serve_opens_the_page_at_the_address_given(run, monkeypatch):
    opened = []
    monkeypatch.setattr("grader.ui.serve", lambda host, port, **_: opened.append((host, port)))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert run("serve", "--host", "0.0.0.0", "--port", "8000").exit_code == 0  # noqa: S104 -- nothing is opened
    assert opened == [("0.0.0.0", 8000)]  # noqa: S104 -- nothing is opened


def test_serve_offers_tools_and_lets_so_many_wait(run, monkeypatch):
    opened = []
    monkeypatch.setattr("grader.ui.serve", lambda *_, mcp, capacity, **__: opened.append((mcp, capacity)))
    assert run("serve").exit_code == 0
    assert run("serve", "--api", "--max-waiting", "7").exit_code == 0
    assert run("serve", "--max-waiting", "0").exit_code == 2
    assert opened == [(False, CAPACITY), (True, 7)]


def test_quiz_schema_prints_a_json_schema(run):
    for kind in ("quiz", "rubric"):
        assert json.loads(run("quiz", "schema", kind).stdout)["$schema"].endswith("2020-12/schema")


def test_quiz_schema_writes_both_kinds_and_check_notices_drift(run, tmp_path):
    assert run("quiz", "schema", "--check").exit_code == 2
    assert run("quiz", "schema", "--out", tmp_path).exit_code == 0
    assert run("quiz", "schema", "--out", tmp_path, "--check").exit_code == 0
    (tmp_path / "rubric.schema.json").write_text("{}")
    result = run("quiz", "schema", "--out", tmp_path, "--check")
    assert result.exit_code == 1
    assert "rubric.schema.json" in result.stdout


def test_attention_facts_hold(run):
    result = run("attention", "facts", "gqa-cache-factor")
    assert result.exit_code == 0, result.output
    assert "✓ gqa-cache-factor (q-27-03)" in result.stdout
    assert "factor = 8.0" in result.stdout


def test_attention_facts_as_json(run):
    (fact,) = json.loads(run("attention", "facts", "gqa-cache-factor", "--json").stdout)
    assert fact["holds"] is True
    assert fact["answer"] == [3]


def test_an_unknown_fact_is_the_callers_mistake(run):
    result = run("attention", "facts", "flash-is-magic")
    assert result.exit_code == 2
    assert "flash-is-magic" in result.stderr


def test_attention_bench_prints_a_table_and_writes_lines(run, tmp_path):
    path = tmp_path / "bench.jsonl"
    result = run("attention", "bench", "--device", "cpu", "--section", "decode", "--out", path)
    assert result.exit_code == 0, result.output
    assert "ours, tiled" in result.stdout
    machine, *rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert machine["copy_tbs"] > 0
    assert {row["peer"] for row in rows} == {"ours, tiled", "ours, reference", "SDPA"}
    again = run("attention", "bench", "--device", "cpu", "--section", "decode", "--out", path, "--resume")
    assert again.stdout.count("decode") == len(rows)
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(rows) + 2


def test_attention_bench_resumes_only_a_file(run):
    result = run("attention", "bench", "--device", "cpu", "--resume")
    assert result.exit_code == 2
    assert "name it with --out" in result.stderr
