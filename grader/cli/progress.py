"""A progress bar on standard error, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.cli.console import messages

_CHUNK_BYTES = 1 << 20


@contextmanager
def row_progress(source: str, limit: int | None, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Show how many rows are done.

    Args:
        source: The file of rows, or ``-``; its size tells how many to expect.
        limit: Rows to stop after, if any.
        shown: Whether to show anything even on a terminal.

    Yields:
        A function to call with the rows done so far.
    """
    console = messages()
    if not (shown and console.is_terminal):
        yield lambda _done: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("loading the models", total=_expected_rows(source, limit), rate="")

        def advance(done: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, description="grading", completed=done, rate=f"{speed:.0f}/s" if speed else "")

        yield advance


def _expected_rows(source: str, limit: int | None) -> int | None:
    """Guess the number of rows from a plain file's lines; ``None`` where that takes reading it all."""
    path = Path(source)
    if path.suffix not in {".jsonl", ".ndjson", ".csv"} or not path.is_file():
        return limit
    with path.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))
    rows = lines - (path.suffix == ".csv")
    return rows if limit is None else min(rows, limit)
