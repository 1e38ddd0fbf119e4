"""Which judge is asked, and when: as a command line or an environment variable says it."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from grader.errors import GraderError
from grader.model_attention import Attention
from grader.plain import clean_line

if TYPE_CHECKING:
    from grader.judge.bench import Bench
    from grader.judge.local import LocalJudge

When = Literal["always", "unsure"]
LOCAL, PROMPT = "local", "prompt"


@dataclass(frozen=True)
class JudgeSettings:
    """A judge by name; plain values, so they travel between processes.

    Args:
        name: ``local``: the base with our adapter; ``prompt``: the same base without it, shown worked examples;
            or the URL of a server that speaks OpenAI's chat completions.
        when: ``always``, or ``unsure``: only where the tier's confidence is below the threshold of review.
        max_calls: Answers that the judge is asked about at most; ``None`` for no limit.
        model: As the server names it; ``None`` for the only one it has.
    """

    name: str
    when: When = "unsure"
    max_calls: int | None = None
    model: str | None = None


def choose_judge(
    name: str, *, when: When = "unsure", max_calls: int | None = None, model: str | None = None
) -> JudgeSettings | None:
    """Read the name of a judge; ``None`` for ``none``.

    Raises:
        GraderError: It is no judge's name, or a model is named where there is none to choose.
    """
    is_url = name.startswith(("http://", "https://"))
    if name not in {"none", LOCAL, PROMPT} and not is_url:
        raise GraderError(f"no judge {clean_line(name, limit=80)!r}: give none, local, prompt, or a server's URL")
    if model is not None and not is_url:
        raise GraderError(f"a judge's model can be chosen on a server only, and the judge is {name!r}")
    if max_calls is not None and max_calls < 0:
        raise GraderError(f"the budget of calls to a judge must be 0 or more, got {max_calls}")
    return None if name == "none" else JudgeSettings(name, when, max_calls, model)


def open_bench(settings: JudgeSettings, attention: Attention = "sdpa") -> Bench:
    """See that a judge can be had; what is slow about it loads with the first answer.

    Args:
        settings: Which judge, and when.
        attention: What a judge on this machine runs on.

    Raises:
        GraderError: It cannot be had; the message says how to get it.
    """
    from grader.judge.bench import Bench

    if settings.name in {LOCAL, PROMPT}:
        from grader.judge.local import ADAPTER_FOLDER, check_local

        adapter = ADAPTER_FOLDER if settings.name == LOCAL else None
        identity = check_local(adapter, attention)
        return Bench(
            settings.name,
            identity,
            lambda: _load_local(trained=settings.name == LOCAL, attention=attention),
            when=settings.when,
            max_calls=settings.max_calls,
        )
    from platformdirs import user_cache_path

    from grader.judge.remote import RemoteJudge

    judge = RemoteJudge.open(settings.name, settings.model, cache=user_cache_path("grader") / "judge" / "replies.db")
    bench = Bench(judge.name, judge.identity, lambda: judge, when=settings.when, max_calls=settings.max_calls)
    weakref.finalize(bench, judge.close)  # a grader keeps its bench as long as it lives, often as long as the process
    return bench


@cache
def _load_local(*, trained: bool, attention: Attention) -> LocalJudge:
    """Load the judge on this machine once, however many quizzes ask it."""
    from grader.judge.local import ADAPTER_FOLDER, LocalJudge

    return LocalJudge.open(adapter_folder=ADAPTER_FOLDER if trained else None, attention=attention)
