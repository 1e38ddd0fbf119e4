"""The local engine: a stream of rows in, outcomes out, in order and in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from grader.errors import GraderError
from grader.schema import Outcome, Submission, Unscored

WINDOW_ROWS = 256  # a class; a few seconds' work for two cores, which a run asked to stop finishes
CUDA_WINDOW_ROWS = 4096  # a GPU wants more at a time
WINDOW_CHARS = 1_000_000
PlacedRow = tuple[int, Submission | Unscored]


class AnswerGrader(Protocol):
    """What the engine needs of a grader: one outcome a submission, in order."""

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order: one outcome a submission."""
        ...


def grade_stream(
    rows: Iterable[Submission | Unscored],
    grader: AnswerGrader,
    *,
    window_rows: int = WINDOW_ROWS,
    window_chars: int = WINDOW_CHARS,
) -> Iterator[Outcome]:
    """Grade rows window by window.

    Only one window is held at a time, so memory does not grow with the file. Rows that could not be read pass
    through in their place.

    Args:
        rows: Submissions, and rows already known to be ungradable.
        grader: Grades a window.
        window_rows: Rows a window holds at most, above zero.
        window_chars: A window closes once its answers reach this many characters, so that a run of very long
            answers stays small too.

    Raises:
        ValueError: ``window_rows`` or ``window_chars`` is not above zero.
        RuntimeError: The grader returned another number of outcomes than it was given submissions.
    """
    for window in windows(enumerate(rows), window_rows=window_rows, window_chars=window_chars):
        yield from grade_window([row for _, row in window], grader)


def windows(
    rows: Iterable[PlacedRow], *, window_rows: int = WINDOW_ROWS, window_chars: int = WINDOW_CHARS
) -> Iterator[list[PlacedRow]]:
    """Cut rows into windows; where the file breaks off, the rows before still come.

    Args:
        rows: Rows with their places in the file.
        window_rows: As in :func:`grade_stream`.
        window_chars: Likewise.

    Raises:
        GraderError: The rows end in it.
    """
    if window_rows < 1 or window_chars < 1:
        raise ValueError(f"window_rows and window_chars must be above 0, got {window_rows} and {window_chars}")
    window: list[PlacedRow] = []
    chars = 0
    broken: GraderError | None = None
    try:
        for place, row in rows:
            window.append((place, row))
            chars += _length(row)
            if len(window) >= window_rows or chars >= window_chars:
                yield window
                window, chars = [], 0
    except GraderError as error:
        broken = error
    if window:
        yield window
    if broken is not None:
        raise broken


def grade_window(window: Sequence[Submission | Unscored], grader: AnswerGrader) -> list[Outcome]:
    """Grade one window: one outcome a row, in order.

    Raises:
        RuntimeError: The grader returned another number of outcomes than it was given submissions.
    """
    submissions = [row for row in window if isinstance(row, Submission)]
    outcomes = grader.grade(submissions) if submissions else []
    if len(outcomes) != len(submissions):
        raise RuntimeError(f"the grader gave {len(outcomes)} outcomes for {len(submissions)} submissions")
    graded = iter(outcomes)
    return [row if isinstance(row, Unscored) else next(graded) for row in window]


def _length(row: Submission | Unscored) -> int:
    if isinstance(row, Unscored):
        return 0
    return len(row.answer) if isinstance(row.answer, str) else sum(map(len, row.answer))
