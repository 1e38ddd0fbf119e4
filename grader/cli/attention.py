"""``grader attention``: run what the quiz says about attention, and measure how fast it runs."""

from __future__ import annotations

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

    from grader.attention.bench import Row
    from grader.attention.figures import Fact, Value

attention_app = typer.Typer(no_args_is_help=True, help="Run the attention code that proves the quiz's answers.")


class Section(StrEnum):
    """Parts of the bench."""

    FORWARD = "forward"
    BACKWARD = "backward"
    DECODE = "decode"
    PACKED = "packed"


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
    typer.Option("--section", help="Part to run; give the option as often as needed. All unless named."),
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
) -> None:
    """Time attention beside the best other kernels; only results that are right are timed."""
    import torch

    from grader.attention.bench import Machine, append, measure_ceilings, run_bench, show

    _check_device(device)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    machine, ceilings = Machine.of(place), measure_ceilings(place)
    if out is not None:
        append(out, machine, ceilings)
    rows: list[Row] = []
    with messages().status("measuring") as status:
        for row in run_bench(place, ceilings, quick=quick, sections=[part.value for part in section or Section]):
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
