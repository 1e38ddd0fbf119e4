"""``grader calibrate``: a class's own labels make confidence true for this class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.console import print_json, results
from grader.cli.evaluate import GradesArgument
from grader.cli.options import JsonOption, JudgeOption
from grader.errors import GraderError
from grader.tiers import Tier

if TYPE_CHECKING:
    from grader.doubt import Doubt
    from grader.schema import Grade, Verdict

ClassLabelsOption = Annotated[
    str, typer.Option("--labels", metavar="FILE", help="Right verdicts, one a submission; - reads standard input.")
]
GradedTierOption = Annotated[Tier, typer.Option("--tier", help="Models that the grades were made with.")]
GradedCalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", metavar="FILE", help="That the grades were made with; what ships unless named."),
]
CalibrationOutOption = Annotated[Path, typer.Option("--out", metavar="CALIBRATION", help="The file to make.")]


def calibrate(
    grades: GradesArgument,
    *,
    labels: ClassLabelsOption,
    out: CalibrationOutOption,
    tier: GradedTierOption = "embedded",
    judge: JudgeOption = "none",
    calibration: GradedCalibrationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit confidence to a class's own labels, for batch --calibration.

    Name the --tier, and the --judge and --calibration if any, that the grades were made with: their calibration is
    undone first, and where labels are few the result stays close to it.
    """
    from grader.batch import refuse_overwrite, replace_atomically
    from grader.doubt import dump_doubts, grader_name, load_doubt, recalibrate
    from grader.judge.settings import choose_judge

    asked = choose_judge(judge)
    if grades == labels == "-":
        raise GraderError("GRADES and --labels cannot both be standard input")
    for source in (grades, labels, str(calibration or "-")):
        refuse_overwrite(source, out)
    judged = _judged(grades, labels)
    after = recalibrate(load_doubt(grader_name(tier, asked.name if asked else None), calibration), judged)
    with replace_atomically(out) as temporary:
        temporary.write_text(dump_doubts([after]), encoding="utf-8")
    rows = _rows(judged, after)
    if as_json:
        print_json(rows)
    else:
        _print(rows)


def _judged(grades: str, labels: str) -> list[tuple[Grade, Verdict]]:
    from grader.load import read_labels
    from grader.load.grades import read_grades
    from grader.report.evaluate import join

    joined = join(read_grades(grades), read_labels(labels))
    judged = [(pair.grade, pair.label.verdict) for pair in joined.pairs if pair.label.verdict is not None]
    if not judged:
        raise GraderError(
            f"{labels}: none of its {joined.labels} labels is a five-way verdict on a graded answer of {grades}; "
            "are the submission ids the same?"
        )
    return judged


def _rows(judged: list[tuple[Grade, Verdict]], after: Doubt) -> list[dict[str, object]]:
    from grader.doubt import lowest_error, part_of

    rows: list[dict[str, object]] = []
    for part in sorted({part for grade, _ in judged if (part := part_of(grade))}):
        found, grades = after.parts[part], [grade for grade, _ in judged if part_of(grade) == part]
        answers = found.labelled
        rows.append(
            {
                "part": " ".join(part),
                "labels": len(answers),
                "questions": found.questions,
                "accuracy": sum(answer.right for answer in answers) / len(answers),
                "confidence_before": sum(grade.confidence for grade in grades) / len(grades),
                "confidence_after": sum(found(answer.confidence) for answer in answers) / len(answers),
                "lowest_max_error": lowest_error(len(answers)),
            }
        )
    return rows


def _print(rows: list[dict[str, object]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text("Calibrated on the class's own labels"), title_justify="left")
    table.add_column("graded by, language")
    for name in ("labels", "questions", "accuracy", "confidence before", "after", "lowest --max-error"):
        table.add_column(name, justify="right")
    for row in rows:
        shown = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
        table.add_row(*shown)
    results().print(table)
