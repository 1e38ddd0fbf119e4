"""``grader serve``: the quiz as a web page."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from grader.cli.options import (
    AttentionOption,
    JudgeMaxCallsOption,
    JudgeModelOption,
    JudgeOption,
    JudgeWhenOption,
    TierOption,
    open_grader,
)
from grader.judge.settings import choose_judge

if TYPE_CHECKING:
    from types import FrameType

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]


def serve(
    *,
    host: HostOption = "127.0.0.1",
    port: PortOption = 7860,
    tier: TierOption = "embedded",
    attention: AttentionOption = "sdpa",
    judge: JudgeOption = "none",
    judge_when: JudgeWhenOption = "unsure",
    judge_max_calls: JudgeMaxCallsOption = None,
    judge_model: JudgeModelOption = None,
) -> None:
    """Open the quiz as a web page, until interrupted; a budget of calls to the judge is one for each quiz."""
    asked = choose_judge(judge, when=judge_when, max_calls=judge_max_calls, model=judge_model)
    from grader.ui import serve as serve_page

    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _stop)
    serve_page(host, port, open_grader=partial(open_grader, tier=tier, attention=attention, judge=asked))


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """Stop as on Ctrl+C, the way that the page ends orderly."""
    raise KeyboardInterrupt
