"""``grader batch``: a file of submissions in, a file of grades out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.batch_run import STREAM, InFormat, Request, Run
from grader.cli.batch_summary import print_summary
from grader.cli.doubt import CalibrationOption, MaxErrorOption, open_doubt
from grader.cli.engine import EngineOption, RayActorsOption, RayBatchSizeOption, RayNumGpusOption, choose_ray
from grader.cli.options import (
    AttentionOption,
    JudgeMaxCallsOption,
    JudgeModelOption,
    JudgeOption,
    JudgeWhenOption,
    QuizOption,
    RubricsOption,
    TierOption,
    load_course,
)
from grader.cli.progress import row_progress
from grader.errors import GraderError
from grader.judge.settings import choose_judge

if TYPE_CHECKING:
    from grader.batch import Start
    from grader.schema import Submission, Unscored

SubmissionsArgument = Annotated[
    str, typer.Argument(metavar="SUBMISSIONS", help="JSON Lines, CSV or Parquet; - reads standard input.")
]
OutOption = Annotated[
    str,
    typer.Option(
        "--out", metavar="GRADES", help="A .jsonl, .csv (.gz after either compresses) or .parquet file; - prints lines."
    ),
]
LimitOption = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Grade the first N rows only.")]
InFormatOption = Annotated[
    InFormat | None, typer.Option("--in-format", help="Format of SUBMISSIONS; told from its name unless named.")
]
SummaryOption = Annotated[bool, typer.Option("--json", help="Print the summary as JSON on standard output.")]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on where an earlier run with this output ended, however it did.")
]
RestartOption = Annotated[bool, typer.Option("--restart", help="Drop what an earlier run left and begin anew.")]
RetryOption = Annotated[
    bool, typer.Option("--retry-unscored", help="With --resume: grade the unscored rows once more, and only those.")
]


def batch(
    submissions: SubmissionsArgument,
    *,
    quiz: QuizOption,
    out: OutOption,
    rubrics: RubricsOption = None,
    tier: TierOption = "embedded",
    attention: AttentionOption = "sdpa",
    calibration: CalibrationOption = None,
    max_error: MaxErrorOption = None,
    judge: JudgeOption = "none",
    judge_when: JudgeWhenOption = "unsure",
    judge_max_calls: JudgeMaxCallsOption = None,
    judge_model: JudgeModelOption = None,
    engine: EngineOption = "local",
    ray_actors: RayActorsOption = None,
    ray_num_gpus: RayNumGpusOption = None,
    ray_batch_size: RayBatchSizeOption = None,
    limit: LimitOption = None,
    in_format: InFormatOption = None,
    as_json: SummaryOption = False,
    resume: ResumeOption = False,
    restart: RestartOption = False,
    retry_unscored: RetryOption = False,
) -> None:
    """Grade a file of submissions: one grade a row, in order."""
    from grader.batch import Tally

    printed = out == STREAM
    start = _start(resume=resume, restart=restart, retry_unscored=retry_unscored)
    if printed and as_json:
        raise GraderError("--json and --out - both print on standard output: choose one")
    if printed and start != "new":
        raise GraderError("--out - keeps no journal, so there is nothing to resume or restart: name a file")
    ray = choose_ray(engine, actors=ray_actors, num_gpus=ray_num_gpus, batch_size=ray_batch_size)
    if printed and ray is not None:
        raise GraderError("--engine ray puts its grades in order in a file: name one with --out")
    asked = choose_judge(judge, when=judge_when, max_calls=judge_max_calls, model=judge_model)
    tally = Tally()
    with _open_rows(submissions, in_format, limit) as rows:
        course = load_course(quiz, rubrics)
        doubt = open_doubt(course, tier=tier, judge=asked, calibration=calibration, max_error=max_error)
        request = Request(submissions, out, course, tier, attention, doubt, asked, ray, limit, in_format, start)
        if ray is not None and request.final:
            raise GraderError(f"not with --engine ray: {request.final}")
        with row_progress(submissions, limit, shown=not (printed and sys.stdout.isatty())) as advance:
            run = Run(request, rows, tally, advance)
            if printed:
                run.print_grades()
            else:
                run.write_grades()
    print_summary(tally, as_json=as_json)
    if tally.unscored:
        raise typer.Exit(1)


def _start(*, resume: bool, restart: bool, retry_unscored: bool) -> Start:
    if resume and restart:
        raise GraderError("--resume and --restart contradict each other: choose one")
    if retry_unscored and not resume:
        raise GraderError("--retry-unscored goes with --resume")
    if retry_unscored:
        return "retry"
    return "resume" if resume else "restart" if restart else "new"


@contextmanager
def _open_rows(source: str, in_format: InFormat | None, limit: int | None) -> Iterator[Iterator[Submission | Unscored]]:
    """Read rows; however the run ends, the file is closed."""
    from grader.load import read_submissions

    with closing(read_submissions(source, format=in_format)) as rows:
        yield islice(rows, limit)
