"""``grader serve``: the quiz as a web page."""

from __future__ import annotations

from functools import partial
from typing import Annotated

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

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]
ApiOption = Annotated[
    bool,
    typer.Option("--api", help="Offer grading and the list of quizzes to programs as MCP tools too (grader\\[mcp])."),
]
MaxWaitingOption = Annotated[
    int, typer.Option("--max-waiting", metavar="N", min=1, help="Answers that may wait for a grade; more are refused.")
]


def serve(
    *,
    host: HostOption = "127.0.0.1",
    port: PortOption = 7860,
    api: ApiOption = False,
    max_waiting: MaxWaitingOption = 128,
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
    from grader.ui import until_terminated

    with until_terminated():
        serve_page(
            host,
            port,
            open_grader=partial(open_grader, tier=tier, attention=attention, judge=asked),
            capacity=max_waiting,
            mcp=api,
        )
