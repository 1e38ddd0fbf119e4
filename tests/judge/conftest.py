"""Fixtures of the judge's tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from judge_server import FakeJudge, serve

from grader.judge import Patience, RemoteJudge


@pytest.fixture
def server() -> Iterator[FakeJudge]:
    with serve() as fake:
        yield fake


@pytest.fixture
def waits() -> list[float]:
    """How long the judge wanted to wait, instead of waiting."""
    return []


@pytest.fixture
def connect(server: FakeJudge, waits: list[float]) -> Iterator[Callable[..., RemoteJudge]]:
    """Make a judge that asks the fake server."""
    made: list[RemoteJudge] = []

    def make(*, cache: Path | None = None, model: str = "m", **patience: object) -> RemoteJudge:
        limits = Patience(**{"timeout_s": 5.0, **patience})
        judge = RemoteJudge(server.url, model, patience=limits, cache=cache, sleep=waits.append)
        made.append(judge)
        return judge

    yield make
    for judge in made:
        judge.close()
