"""``grader report``: a file of grades to one self-contained HTML page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.evaluate import GradesArgument
from grader.cli.options import load_course
from grader.errors import GraderError
from grader.schema import Submission

_STDOUT = "-"

ReportOption = Annotated[str, typer.Option("--out", metavar="FILE", help="The HTML page; - prints it.")]
LabelsOption = Annotated[
    str | None, typer.Option("--labels", metavar="FILE", help="Gold labels: adds agreement and calibration.")
]
SubmissionsOption = Annotated[
    str | None, typer.Option("--submissions", metavar="FILE", help="What was graded: its learners add discrimination.")
]
QuizTitlesOption = Annotated[
    str | None, typer.Option("--quiz", metavar="QUIZ", help="Names questions and criteria by their wording.")
]


def report(
    grades: GradesArgument,
    *,
    out: ReportOption,
    labels: LabelsOption = None,
    submissions: SubmissionsOption = None,
    quiz: QuizTitlesOption = None,
) -> None:
    """Make an HTML page of item statistics and plots from a file of grades."""
    from grader.load import read_labels
    from grader.load.grades import read_grades
    from grader.report.evaluate import evaluate as compare
    from grader.report.html import render_report
    from grader.report.items import summarise

    if [grades, labels, submissions].count("-") > 1:
        raise GraderError("only one of GRADES, --labels and --submissions can be standard input")
    target = None if out == _STDOUT else _target(out, grades, labels, submissions)
    course, rubric = load_course(quiz, None) if quiz else (None, None)
    outcomes = list(read_grades(grades)) if labels else read_grades(grades)
    summary = summarise(outcomes, _learners(submissions) if submissions else None)
    evaluation = compare(outcomes, read_labels(labels)) if labels else None
    title = "Grades" if grades == "-" else f"Grades: {Path(grades).name}"
    page = render_report(summary, title=title, quiz=course, rubric=rubric, evaluation=evaluation)
    if target is None:
        sys.stdout.buffer.write(page.encode())
        return
    from grader.batch import replace_atomically

    with replace_atomically(target) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _target(out: str, *sources: str | None) -> Path:
    from grader.batch import refuse_overwrite

    target = Path(out)
    for source in sources:
        if source is not None:
            refuse_overwrite(source, target)
    return target


def _learners(submissions: str) -> dict[str, str]:
    from grader.load import read_submissions

    return {
        row.submission_id: row.learner_id
        for row in read_submissions(submissions)
        if isinstance(row, Submission) and row.learner_id is not None
    }
