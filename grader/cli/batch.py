"""``grader batch``: a file of submissions in, a file of grades out."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli.batch_summary import print_summary
from grader.cli.console import print_error
from grader.cli.doubt import CalibrationOption, MaxErrorOption, open_doubt
from grader.cli.engine import (
    EngineOption,
    RayActorsOption,
    RayBatchSizeOption,
    RayNumGpusOption,
    choose_ray,
    open_engine,
)
from grader.cli.options import (
    AttentionOption,
    JudgeMaxCallsOption,
    JudgeModelOption,
    JudgeOption,
    JudgeWhenOption,
    QuizOption,
    RubricsOption,
    Tier,
    TierOption,
    load_course,
    open_grader,
)
from grader.cli.progress import row_progress
from grader.errors import GraderError
from grader.judge.settings import JudgeSettings, choose_judge
from grader.model_attention import Attention

if TYPE_CHECKING:
    from grader.batch import InputFile, Journal, RaySettings, Start, Tally
    from grader.doubt import Doubt
    from grader.grade import Grader
    from grader.schema import Outcome, Quiz, Rubric, Submission, Unscored

InFormat = Literal["jsonl", "csv", "parquet"]
_STDIN = _STDOUT = "-"
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


@dataclass(frozen=True)
class _Request:
    """What was asked for.

    Args:
        source: Path of the submissions, or ``-``.
        out: Path of the grades, or ``-``.
        course: Quiz and rubric.
        tier: Models to grade with.
        attention: What they run on.
        doubt: Calibrates confidence.
        judge: Asked too, where there is one.
        ray: The cluster to grade on; ``None`` for this process.
        limit: Rows to stop after, if any.
        in_format: Format of the submissions, where it was named.
        start: What to do with what an earlier run left.
    """

    source: str
    out: str
    course: tuple[Quiz, Rubric]
    tier: Tier
    attention: Attention
    doubt: Doubt
    judge: JudgeSettings | None
    ray: RaySettings | None
    limit: int | None
    in_format: InFormat | None
    start: Start

    @property
    def final(self) -> str:
        """Why a run that ended early cannot be resumed; empty where it can."""
        if self.source == _STDIN or not Path(self.source).is_file():
            return f"{self.source} cannot be read a second time"
        if self.judge is not None and self.judge.max_calls is not None:
            return "a budget of calls to the judge cannot be divided between runs"
        return ""


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

    start = _start(resume=resume, restart=restart, retry_unscored=retry_unscored)
    if out == _STDOUT and as_json:
        raise GraderError("--json and --out - both print on standard output: choose one")
    if out == _STDOUT and start != "new":
        raise GraderError("--out - keeps no journal, so there is nothing to resume or restart: name a file")
    ray = choose_ray(engine, actors=ray_actors, num_gpus=ray_num_gpus, batch_size=ray_batch_size)
    if out == _STDOUT and ray is not None:
        raise GraderError("--engine ray puts its grades in order in a file: name one with --out")
    asked = choose_judge(judge, when=judge_when, max_calls=judge_max_calls, model=judge_model)
    tally = Tally()
    with _open_rows(submissions, in_format, limit) as rows:
        course = load_course(quiz, rubrics)
        doubt = open_doubt(course, tier=tier, judge=asked, calibration=calibration, max_error=max_error)
        request = _Request(submissions, out, course, tier, attention, doubt, asked, ray, limit, in_format, start)
        if ray is not None and request.final:
            raise GraderError(f"not with --engine ray: {request.final}")
        with row_progress(submissions, limit, shown=not (out == _STDOUT and sys.stdout.isatty())) as advance:
            if out == _STDOUT:
                _print_grades(request, rows, tally, advance)
            else:
                _write_grades(request, rows, tally, advance)
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


def _opener(request: _Request) -> partial[Grader]:
    """Name what opens the grader, here or in another process."""
    return partial(
        open_grader,
        *request.course,
        tier=request.tier,
        attention=request.attention,
        doubt=request.doubt,
        judge=request.judge,
    )


def _settings(request: _Request, revision: str, file: InputFile | None) -> dict[str, str]:
    """Everything that decides the grades of a run, by the names that a refusal shows."""
    from grader import __version__

    quiz, rubric = request.course
    known = {
        "quiz": quiz.digest,
        "rubric": rubric.digest,
        "grader": __version__,
        "tier": request.tier,
        "attention": request.attention,
        "models": revision,
        "limit": "" if request.limit is None else str(request.limit),
    }
    if request.judge is not None:
        known |= {f"judge {name}": str(value) for name, value in asdict(request.judge).items()}
    if file is not None:
        suffix = Path(request.source.removesuffix(".gz")).suffix.removeprefix(".")
        known["input format"] = request.in_format or suffix
        known["input bytes"] = str(file.size_bytes)
        known["input sha256"] = file.sha256
    return known


def _print_grades(
    request: _Request, rows: Iterator[Submission | Unscored], tally: Tally, advance: Callable[[int], None]
) -> None:
    """Print grades as they come."""
    from grader.batch import GradedOnce, grade_stream, write_jsonl

    first = list(islice(rows, 1))  # a file that cannot be read is known before the models load
    opening = time.perf_counter()
    grader = _opener(request)()
    started = time.perf_counter()
    tally.load_s = started - opening

    def timed() -> Iterator[Outcome]:
        for outcome in _count(grade_stream(chain(first, rows), GradedOnce(grader)), tally):
            tally.run_rows, tally.grade_s = tally.rows, time.perf_counter() - started
            if tally.rows % _ROWS_PER_UPDATE == 0:
                advance(tally.rows)
            yield outcome

    write_jsonl(timed(), sys.stdout.buffer)


def _write_grades(
    request: _Request, rows: Iterator[Submission | Unscored], tally: Tally, advance: Callable[[int], None]
) -> None:
    """Grade into a file that appears when it is complete; a signal ends the run between two windows."""
    from grader.batch import Drain, InputFile, Interrupted, output_format, refuse_overwrite

    output_format(Path(request.out))
    refuse_overwrite(request.source, Path(request.out))
    if request.final:
        if request.start in {"resume", "retry"}:
            raise GraderError(f"nothing to resume: {request.final}")
        _run(request, rows, tally, advance, file=None, window=nullcontext)
        return
    try:
        with Drain() as drain:
            file = InputFile.read(Path(request.source))
            _run(request, rows, tally, advance, file=file, window=drain.window)
    except Interrupted as stop:
        print_error(f"stopped by {signal.Signals(stop.number).name}")
        raise typer.Exit(0 if stop.number == signal.SIGTERM else 128 + stop.number) from None


def _run(
    request: _Request,
    rows: Iterator[Submission | Unscored],
    tally: Tally,
    advance: Callable[[int], None],
    *,
    file: InputFile | None,
    window: Callable[[], AbstractContextManager[None]],
) -> None:
    from grader.batch import SubmissionFile, begin_run, finish_run, open_journal, write_grades

    target = Path(request.out)
    opening = time.perf_counter()
    source = SubmissionFile(Path(request.source).absolute(), request.in_format, request.limit)
    with (
        open_journal(target, request.start) as journal,
        open_engine(rows, source, _opener(request), ray=request.ray) as engine,
    ):
        started = time.perf_counter()
        tally.load_s = started - opening
        begin_run(journal, target, _settings(request, engine.revision, file), request.start)
        with _keep(journal, resumable=file is not None):
            for done, graded in engine.grade_missing(journal, window=window):
                tally.run_rows += graded
                advance(done)
        if file is not None:
            file.refuse_change()
        with _keep(journal, resumable=file is not None):
            with closing(journal.outcomes()) as outcomes:
                write_grades(_count(outcomes, tally), target)
            finish_run(journal, target)
        tally.grade_s = time.perf_counter() - started


@contextmanager
def _keep(journal: Journal, *, resumable: bool) -> Iterator[None]:
    """Say how to go on after an error or a signal; where that cannot be, leave nothing."""
    from grader.batch import DamagedJournalError

    try:
        yield
    except DamagedJournalError:
        raise
    except BaseException:
        if not resumable:
            journal.begin({})
        elif rows := journal.rows:
            print_error(f"{rows:,} rows are graded and kept in {journal.path}; the same command with --resume goes on")
        raise


def _count(outcomes: Iterator[Outcome], tally: Tally) -> Iterator[Outcome]:
    for outcome in outcomes:
        tally.add(outcome)
        yield outcome
