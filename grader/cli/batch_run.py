"""One run of ``grader batch``: rows in, grades printed or written, and what is kept when it ends early."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from grader.cli.console import print_error
from grader.cli.engine import open_engine
from grader.cli.options import open_grader
from grader.errors import GraderError
from grader.judge.settings import JudgeSettings
from grader.model_attention import Attention
from grader.tiers import Tier

if TYPE_CHECKING:
    from grader.batch import InputFile, Journal, RaySettings, Start, Tally
    from grader.doubt import Doubt
    from grader.grade import Grader
    from grader.schema import Outcome, Quiz, Rubric, Submission, Unscored

Section = Callable[[], AbstractContextManager[None]]  # of a run, as a signal that comes meanwhile finds it
InFormat = Literal["jsonl", "csv", "parquet"]
STREAM = "-"  # stands for standard input or standard output
_ROWS_PER_UPDATE = 16


@dataclass(frozen=True)
class Request:
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
        if self.source == STREAM or not Path(self.source).is_file():
            return f"{self.source} cannot be read a second time"
        if self.judge is not None and self.judge.max_calls is not None:
            return "a budget of calls to the judge cannot be divided between runs"
        return ""

    @property
    def opener(self) -> partial[Grader]:
        """What opens the grader, here or in another process."""
        return partial(
            open_grader,
            *self.course,
            tier=self.tier,
            attention=self.attention,
            doubt=self.doubt,
            judge=self.judge,
        )

    def settings(self, revision: str, file: InputFile | None) -> dict[str, str]:
        """Everything that decides the grades of a run, by the names that a refusal shows.

        Args:
            revision: Of the grader.
            file: The submissions, where they can be read again.
        """
        from grader import __version__

        quiz, rubric = self.course
        known = {
            "quiz": quiz.digest,
            "rubric": rubric.digest,
            "grader": __version__,
            "tier": self.tier,
            "attention": self.attention,
            "models": revision,
            "limit": "" if self.limit is None else str(self.limit),
        }
        if self.judge is not None:
            known |= {f"judge {name}": str(value) for name, value in asdict(self.judge).items()}
        if file is not None:
            suffix = Path(self.source.removesuffix(".gz")).suffix.removeprefix(".")
            known["input format"] = self.in_format or suffix
            known["input bytes"] = str(file.size_bytes)
            known["input sha256"] = file.sha256
        return known


@dataclass(frozen=True)
class Run:
    """A request being fulfilled.

    Args:
        request: What was asked for.
        rows: Of the input, up to the limit.
        tally: Counts what comes of them.
        advance: Called with the rows done so far.
    """

    request: Request
    rows: Iterator[Submission | Unscored]
    tally: Tally
    advance: Callable[[int], None]

    def print_grades(self) -> None:
        """Print grades as they come."""
        from grader.batch import GradedOnce, grade_stream, write_jsonl

        first = list(islice(self.rows, 1))  # a file that cannot be read is known before the models load
        tally, opening = self.tally, time.perf_counter()
        grader = self.request.opener()
        started = time.perf_counter()
        tally.load_s = started - opening

        def timed() -> Iterator[Outcome]:
            for outcome in self._counted(grade_stream(chain(first, self.rows), GradedOnce(grader))):
                tally.run_rows, tally.grade_s = tally.rows, time.perf_counter() - started
                if tally.rows % _ROWS_PER_UPDATE == 0:
                    self.advance(tally.rows)
                yield outcome

        write_jsonl(timed(), sys.stdout.buffer)

    def write_grades(self) -> None:
        """Grade into a file that appears when it is complete; a signal ends the run between two windows.

        Raises:
            GraderError: The output cannot be written, or there is nothing to resume.
            typer.Exit: A signal ended the run.
        """
        from grader.batch import Drain, InputFile, Interrupted, output_format, refuse_overwrite

        request = self.request
        output_format(Path(request.out))
        refuse_overwrite(request.source, Path(request.out))
        if request.final:
            if request.start in {"resume", "retry"}:
                raise GraderError(f"nothing to resume: {request.final}")
            self._write(file=None, opening=nullcontext, window=nullcontext)
            return
        try:
            with Drain() as drain:
                self._write(file=InputFile.read(Path(request.source)), opening=drain.opening, window=drain.window)
        except Interrupted as stop:
            print_error(str(stop))
            raise typer.Exit(stop.exit_code) from None

    def _write(self, *, file: InputFile | None, opening: Section, window: Section) -> None:
        """Grade what the journal lacks, then write all of it; ``file`` is ``None`` where no run can go on later."""
        from grader.batch import SubmissionFile, begin_run, finish_run, open_journal, write_grades

        request, tally, target = self.request, self.tally, Path(self.request.out)
        began = time.perf_counter()
        source = SubmissionFile(Path(request.source).absolute(), request.in_format, request.limit)
        with open_journal(target, request.start) as journal, ExitStack() as stack:
            with opening():
                engine = stack.enter_context(open_engine(self.rows, source, request.opener, ray=request.ray))
            started = time.perf_counter()
            tally.load_s = started - began
            begin_run(journal, target, request.settings(engine.revision, file), request.start)
            with _keep(journal, resumable=file is not None):
                for done, graded in engine.grade_missing(journal, window=window):
                    tally.run_rows += graded
                    self.advance(done)
            if file is not None:
                file.refuse_change()
            with _keep(journal, resumable=file is not None):
                with closing(journal.outcomes()) as outcomes:
                    write_grades(self._counted(outcomes), target)
                finish_run(journal, target)
            tally.grade_s = time.perf_counter() - started

    def _counted(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            self.tally.add(outcome)
            yield outcome


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
