"""The calibration that commands grade with, and what a wanted error means before anything is graded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.console import print_note

if TYPE_CHECKING:
    from grader.doubt import Doubt, Part, Promise
    from grader.judge import JudgeSettings
    from grader.schema import Lang, Quiz, Rubric


def _check_max_error(value: float | None) -> float | None:
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter(f"must be above 0 and below 1, got {value:g}")
    return value


CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", metavar="FILE", help="Made by grader calibrate; what ships unless named."),
]
MaxErrorOption = Annotated[
    float | None,
    typer.Option(
        "--max-error",
        metavar="E",
        callback=_check_max_error,
        help="Send to review whatever cannot be graded with at most this share of wrong verdicts.",
    ),
]


def open_doubt(
    course: tuple[Quiz, Rubric],
    *,
    tier: str,
    judge: JudgeSettings | None = None,
    calibration: Path | None,
    max_error: float | None,
    lang: Lang | None = None,
) -> Doubt:
    """Load a calibration and, where an error is wanted, say on standard error what it keeps.

    Args:
        course: What is going to be graded.
        tier: Which models grade.
        judge: Asked too.
        calibration: File, or what ships.
        max_error: Wanted share of wrong verdicts among the answers kept.
        lang: Of all that is going to be graded; ``None`` where it may be any.

    Raises:
        GraderError: The file cannot be used, or its labels are too few to promise this.
    """
    from grader.doubt import grader_name, load_doubt, parts_of

    doubt = load_doubt(grader_name(tier, judge.name if judge else None), calibration)
    if max_error is None:
        return doubt
    doubt = doubt.with_max_error(max_error, parts_of(*course, _ways(judge)))
    for part, found in doubt.promises.items():
        if lang is None or lang in part:
            print_note(_explained(part, found))
    return doubt


def _ways(judge: JudgeSettings | None) -> tuple[bool, ...]:
    """Whether answers come to be judged: none, all, or some."""
    if judge is None:
        return (False,)
    return (True,) if judge.when == "always" and judge.max_calls is None else (False, True)


def _explained(part: Part, found: Promise) -> str:
    from grader.doubt import CHANCE

    wanted = f"{' '.join(part)}: at most {found.max_error:g} wrong"
    if not found.kept:
        return f"{wanted}: no confidence reaches this on {found.answers:,} labelled answers; all go to review"
    return (
        f"{wanted} ({1 - CHANCE:.0%} sure, on answers like the labelled ones): kept from confidence"
        f" {found.threshold:.3f}, which {found.kept:,} of {found.answers:,} labelled answers reach, {found.wrong:,} of"
        " them wrong; the others go to review"
    )
