"""``grader attention``: run what the quiz says about attention, and measure how fast it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli.console import messages, print_json, results
from grader.cli.options import JsonOption
from grader.errors import GraderError

if TYPE_CHECKING:
    from rich.text import Text

    from grader.attention.figures import Fact, Value

attention_app = typer.Typer(no_args_is_help=True, help="Run the attention code that proves the quiz's answers.")


class Section(StrEnum):
    """Parts of the bench."""

    DECODE = "decode"
    PACKED = "packed"
    BACKWARD = "backward"
    FORWARD = "forward"


IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Facts to run; all unless named.")]
DeviceOption = Annotated[Literal["cpu", "cuda"], typer.Option("--device", help="Where to run.")]
BenchDeviceOption = Annotated[
    Literal["cpu", "cuda"] | None, typer.Option("--device", help="Where to run; the GPU where there is one.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="JSON Lines file to append the measurements to.")
]
QuickOption = Annotated[bool, typer.Option("--quick", help="Only the shortest problem of each kind.")]
SectionOption = Annotated[
    list[Section] | None,
    typer.Option("--section", help="Part to run, in the order given; repeat the option as needed. All unless named."),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Keep what FILE holds of this device, PyTorch and Triton; measure the rest.")
]
LimitOption = Annotated[
    float | None, typer.Option("--limit-s", metavar="SECONDS", min=0, help="Begin nothing more after this time.")
]


@attention_app.command("facts")
def facts(ids: IdsArgument = None, *, device: DeviceOption = "cpu", as_json: JsonOption = False) -> None:
    """Measure the claims behind the quiz; fail where a figure is not as claimed."""
    from grader.attention import ArgumentError, run_facts

    _check_device(device)
    try:
        measured = run_facts(ids or None, device)
    except ArgumentError as error:
        raise GraderError(str(error)) from error
    if as_json:
        print_json([_record(fact) for fact in measured])
    else:
        results().print(*(line for fact in measured for line in _lines(fact)), sep="\n", soft_wrap=True)
    if not all(fact.holds for fact in measured):
        raise typer.Exit(1)


@attention_app.command("bench")
def bench(
    *,
    device: BenchDeviceOption = None,
    out: OutOption = None,
    quick: QuickOption = False,
    section: SectionOption = None,
    resume: ResumeOption = False,
    limit_s: LimitOption = None,
) -> None:
    """Time attention beside the best other kernels; only results that are right are timed."""
    import torch

    from grader.attention.bench import Machine, append, measure_ceilings, read, run_bench, show

    _check_device(device)
    if resume and out is None:
        raise GraderError("--resume: there is no file to go on with; name it with --out")
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    machine = Machine.of(place)
    try:
        rows = read(out, machine) if out is not None and resume else []
    except ValueError as error:
        raise GraderError(f"--resume: {error}") from error
    ceilings = measure_ceilings(place)
    if out is not None:
        append(out, machine, ceilings)
    with messages().status("measuring") as status:
        for row in run_bench(
            place,
            ceilings,
            quick=quick,
            sections=[part.value for part in section or Section],
            done={row.key for row in rows},
            limit_s=math.inf if limit_s is None else limit_s,
        ):
            rows.append(row)
            status.update(f"measured {row.section}, {row.case}, {row.peer}")
            if out is not None:
                append(out, row)
    results().print(show(machine, ceilings, rows))
    if any(row.wrong for row in rows):
        raise typer.Exit(1)


def _check_device(device: str | None) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise GraderError("--device cuda: there is no CUDA device here; leave --device out to run on the processor")


def _record(fact: Fact) -> dict[str, object]:
    return {
        "id": fact.id,
        "question_id": fact.question_id,
        "claim": fact.claim,
        "measured": dict(fact.measured),
        "expected": dict(fact.expected),
        "answer": fact.answer,
        "holds": fact.holds,
    }


def _lines(fact: Fact) -> Iterator[Text]:
    from rich.text import Text

    mark, style = ("✓", "green") if fact.holds else ("✗", "red")
    yield Text.assemble((f"{mark} {fact.id}", style), f" ({fact.question_id}): {fact.claim}")
    for name, value in fact.measured.items():
        wanted = f"  (expected: {fact.expected[name]})" if name in fact.expected else ""
        yield Text(f"    {name} = {_value(value)}{wanted}")


def _value(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) and not value.is_integer() else str(value)
