"""``grader attention``: run what the quiz says about attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli.console import print_json, results
from grader.cli.options import JsonOption
from grader.errors import GraderError

if TYPE_CHECKING:
    from rich.text import Text

    from grader.attention.figures import Fact, Value

attention_app = typer.Typer(no_args_is_help=True, help="Run the attention code that proves the quiz's answers.")

IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Facts to run; all unless named.")]
DeviceOption = Annotated[Literal["cpu", "cuda"], typer.Option("--device", help="Where to run.")]


@attention_app.callback()
def _root() -> None:
    """Keep ``facts`` a command of its own."""


@attention_app.command("facts")
def facts(ids: IdsArgument = None, *, device: DeviceOption = "cpu", as_json: JsonOption = False) -> None:
    """Measure the claims behind the quiz; fail where a figure is not as claimed."""
    import torch

    from grader.attention import ArgumentError, run_facts

    if device == "cuda" and not torch.cuda.is_available():
        raise GraderError("--device cuda: there is no CUDA device here; leave --device out to run on the processor")
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
