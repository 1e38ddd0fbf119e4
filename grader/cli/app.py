"""The commands put together, and what their endings mean.

Exit codes: 0 done, 1 done but some rows unscored or a check failed, 2 the caller's mistake.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from grader import __version__
from grader.cli.attention import attention_app
from grader.cli.batch import batch
from grader.cli.calibrate import calibrate
from grader.cli.console import print_error
from grader.cli.evaluate import evaluate
from grader.cli.grade import grade
from grader.cli.quiz import quiz_app
from grader.cli.report import report
from grader.cli.serve import serve
from grader.errors import GraderError

if TYPE_CHECKING:
    from types import FrameType

CALLER_MISTAKE = 2
_PYDANTIC = "Value error, "  # what typer's checker puts before its own sentence
CLOSED_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1


class GuardedGroup(TyperGroup):
    """Commands whose errors end in one clear message instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 -- typer's context is of a private type
        """Run the chosen command and translate its errors into exit codes."""
        try:
            try:
                value = super().invoke(ctx)
            except typer.Exit:
                sys.stdout.flush()
                raise
            sys.stdout.flush()
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_PYDANTIC)
            raise
        except GraderError as error:
            print_error(str(error))
            raise typer.Exit(CALLER_MISTAKE) from error
        except BrokenPipeError as error:
            _silence_stdout()
            raise typer.Exit(CLOSED_PIPE) from error
        except OSError as error:
            raise typer.Exit(_explain(error)) from error
        return value


app = typer.Typer(
    cls=GuardedGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"grader {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Grade answers of technical courses in English and Spanish: true grades, evidence, honest doubt."""


app.command("grade")(grade)
app.command("batch")(batch)
app.command("calibrate")(calibrate)
app.command("evaluate")(evaluate)
app.command("report")(report)
app.add_typer(quiz_app, name="quiz")
app.add_typer(attention_app, name="attention")
app.command("serve")(serve)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _end_orderly)
    try:
        app(prog_name="grader")
    except OSError as error:  # while --help or --version printed, which no command guards
        raise SystemExit(_explain(error)) from error
    finally:
        _flush_stdout()
    raise SystemExit(0)


def _explain(error: OSError) -> int:
    """Say what the system refused, and give the exit code; what standard output did not take is let go."""
    place = f"{error.filename}: " if error.filename else ""
    print_error(f"{place}{error.strerror or error}")
    _flush_stdout()
    return CALLER_MISTAKE


def _flush_stdout() -> None:
    try:
        sys.stdout.flush()
    except OSError:  # a closed pipe or a full disk, which has been said
        _silence_stdout()


def _end_orderly(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave through the usual clean-up, so that nothing half-written stays behind."""
    raise SystemExit(128 + number)


def _open_missing_streams() -> None:
    """Put the null device where a caller closed a standard stream, so that no file takes its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115 -- a descriptor that lives as long as the process


def _silence_stdout() -> None:
    """Send what is still buffered to the null device; nobody reads it any more."""
    with contextlib.suppress(OSError, ValueError):
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, sys.stdout.fileno())
        os.close(handle)
