"""``grader batch``: a file of submissions in, a file of grades out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli.console import messages, print_json
from grader.cli.options import QuizOption, RubricsOption, Tier, TierOption, load_course
from grader.cli.progress import row_progress
from grader.errors import GraderError
from grader.plain import clean_line

if TYPE_CHECKING:
    from grader.batch import Tally
    from grader.schema import Outcome, Quiz, Rubric, Submission, Unscored

Engine = Literal["local"]
InFormat = Literal["jsonl", "csv", "parquet"]
_STDOUT = "-"
_ROWS_PER_UPDATE = 16

SubmissionsArgument = Annotated[
    str, typer.Argument(metavar="SUBMISSIONS", help="JSON Lines, CSV or Parquet; - reads standard input.")
]
OutOption = Annotated[
    str,
    typer.Option(
        "--out", metavar="GRADES", help="A .jsonl, .csv (.gz after either compresses) or .parquet file; - prints lines."
    ),
]
EngineOption = Annotated[Engine, typer.Option("--engine", help="Where to grade.")]
LimitOption = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Grade the first N rows only.")]
InFormatOption = Annotated[
    InFormat | None, typer.Option("--in-format", help="Format of SUBMISSIONS; told from its name unless named.")
]
SummaryOption = Annotated[bool, typer.Option("--json", help="Print the summary as JSON on standard output.")]


def batch(
    submissions: SubmissionsArgument,
    *,
    quiz: QuizOption,
    out: OutOption,
    rubrics: RubricsOption = None,
    tier: TierOption = "embedded",
    engine: EngineOption = "local",  # noqa: ARG001 -- the one engine there is
    limit: LimitOption = None,
    in_format: InFormatOption = None,
    as_json: SummaryOption = False,
) -> None:
    """Grade a file of submissions: one grade a row, in order."""
    from grader.batch import Tally

    if out == _STDOUT and as_json:
        raise GraderError("--json and --out - both print on standard output: choose one")
    tally = Tally()
    rows = _read_rows(submissions, in_format, limit)
    outcomes = _grade_rows(rows, load_course(quiz, rubrics), tier, tally)
    with row_progress(submissions, limit, shown=not (out == _STDOUT and sys.stdout.isatty())) as advance:
        _write(_count(outcomes, tally, advance), submissions, out)
    if as_json:
        print_json(_summary(tally))
    else:
        _print_summary(tally)
    if tally.unscored:
        raise typer.Exit(1)


def _read_rows(source: str, in_format: InFormat | None, limit: int | None) -> Iterator[Submission | Unscored]:
    from grader.load import read_submissions

    return islice(read_submissions(source, format=in_format), limit)


def _grade_rows(
    rows: Iterator[Submission | Unscored], course: tuple[Quiz, Rubric], tier: Tier, tally: Tally
) -> Iterator[Outcome]:
    """Grade as the writer asks, so that a file that cannot be read or written is known before the models load."""
    from grader.batch import grade_stream
    from grader.grade import Grader

    first = list(islice(rows, 1))
    started = time.perf_counter()
    grader = Grader.open(*course, tier=tier)
    tally.load_s = time.perf_counter() - started
    for outcome in grade_stream(chain(first, rows), grader):
        yield outcome
        tally.grade_s = time.perf_counter() - started - tally.load_s


def _count(outcomes: Iterator[Outcome], tally: Tally, advance: Callable[[int], None]) -> Iterator[Outcome]:
    for outcome in outcomes:
        tally.add(outcome)
        if tally.rows % _ROWS_PER_UPDATE == 0:
            advance(tally.rows)
        yield outcome


def _write(outcomes: Iterator[Outcome], source: str, out: str) -> None:
    from grader.batch import refuse_overwrite, write_grades, write_jsonl

    if out == _STDOUT:
        write_jsonl(outcomes, sys.stdout.buffer)
        return
    target = Path(out)
    refuse_overwrite(source, target)
    write_grades(outcomes, target)


def _summary(tally: Tally) -> dict[str, object]:
    return {
        "rows": tally.rows,
        "graded": tally.graded,
        "verdicts": {verdict.value: rows for verdict, rows in tally.verdicts.most_common()},
        "unscored": tally.unscored,
        "reasons": dict(tally.reasons.top()),
        "needs_review": tally.needs_review,
        "mean_score": tally.mean_score,
        "load_s": round(tally.load_s, 3),
        "grade_s": round(tally.grade_s, 3),
        "answers_per_s": tally.answers_per_s,
    }


def _print_summary(tally: Tally) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    lines: list[tuple[str, str]] = [("rows", f"{tally.rows:,}"), ("graded", f"{tally.graded:,}")]
    lines += [(f"  {verdict.value}", f"{rows:,}") for verdict, rows in tally.verdicts.most_common()]
    lines += [("unscored", f"{tally.unscored:,}")]
    lines += [(f"  {clean_line(reason, limit=70)}", f"{rows:,}") for reason, rows in tally.reasons.top()]
    lines += [("needs review", f"{tally.needs_review:,}")]
    if tally.mean_score is not None:
        lines += [("mean score", f"{tally.mean_score:.3f}")]
    if tally.answers_per_s is not None:
        lines += [("answers a second", f"{tally.answers_per_s:,.1f}")]
    for name, value in lines:
        table.add_row(Text(name), Text(value))
    messages().print(table)
