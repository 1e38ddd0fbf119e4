"""SIGTERM ends the page as Ctrl+C does, and is no failure: containers and services stop programs with it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class _Terminated(KeyboardInterrupt):  # which the page's server takes for Ctrl+C, its way to end orderly
    """SIGTERM came."""


@contextmanager
def until_terminated() -> Iterator[None]:
    """Leave the block in order where SIGTERM comes, from its first line on; for the main thread alone."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except _Terminated:
        pass  # before the server waited, which would have ended by itself
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated
