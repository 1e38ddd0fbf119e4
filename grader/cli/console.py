"""What reaches a terminal: results on standard output, progress and messages on standard error.

Texts from files are printed as plain text, never as markup.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from grader.plain import clean
from grader.records import dump_json

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 100


def results() -> Console:
    """Give the console of standard output."""
    return _console(stderr=False)


def messages() -> Console:
    """Give the console of standard error."""
    return _console(stderr=True)


def print_json(value: object) -> None:
    """Print plain JSON values as one line of UTF-8, whatever the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(dump_json(value).encode() + b"\n")
    sys.stdout.buffer.flush()


def print_line(text: str) -> None:
    """Print a text on standard output as it is, never wrapped."""
    print(clean(text))  # noqa: T201 -- results go to standard output


def print_error(message: str) -> None:
    """Print a message on standard error."""
    print(f"grader: {clean(message)}", file=sys.stderr)  # noqa: T201 -- the one place where errors are printed


def print_note(message: str) -> None:
    """Print what the caller should know, on standard error."""
    print(clean(message), file=sys.stderr)  # noqa: T201 -- beside results, never among them


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class PlainConsole(Console):
        """A console that leaves a closed pipe to the program's entry."""

        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704 -- rich calls this while it handles the BrokenPipeError

    console = PlainConsole(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console
