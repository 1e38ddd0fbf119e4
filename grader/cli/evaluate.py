"""``grader evaluate``: a file of grades beside a person's labels."""

from __future__ import annotations

import dataclasses
from itertools import chain
from typing import Annotated

import typer

from grader.cli.console import print_json, results
from grader.cli.options import JsonOption
from grader.errors import GraderError

GradesArgument = Annotated[
    str, typer.Argument(metavar="GRADES", help="Grades as JSON Lines, CSV or Parquet; - reads standard input.")
]
LabelsFileOption = Annotated[
    str, typer.Option("--labels", metavar="FILE", help="Gold labels, one a submission; - reads standard input.")
]


def evaluate(grades: GradesArgument, *, labels: LabelsFileOption, as_json: JsonOption = False) -> None:
    """Measure how far grades agree with labels: accuracy, F1, kappa, calibration, risk by coverage."""
    from grader.load import read_labels
    from grader.load.grades import read_grades
    from grader.report.evaluate import evaluate as compare

    if grades == labels == "-":
        raise GraderError("GRADES and --labels cannot both be standard input")
    outcomes = read_grades(grades)
    first, gold = next(outcomes), read_labels(labels)
    evaluation = compare(chain((first,), outcomes), gold)
    if evaluation.labels_without_grade == evaluation.labels:
        raise GraderError(
            f"no graded answer has a label: the ids do not match; the first of {grades} is {first.submission_id!r},"
            f" of {labels} {gold[0].submission_id!r}"
        )
    if evaluation.overall is None:
        raise GraderError(
            f"no graded answer has a label: {evaluation.labels:,} labels, {evaluation.unscored:,} of them unscored,"
            f" {evaluation.grades_without_label:,} grades of other submissions"
        )
    if as_json:
        print_json(dataclasses.asdict(evaluation))
        return
    from grader.cli.evaluation_tables import evaluation_tables

    console = results()
    for part in evaluation_tables(evaluation):
        console.print(part)
