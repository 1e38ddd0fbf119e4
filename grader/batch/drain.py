"""An end between two windows: what a run does when it is asked to stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, Self

GRACE_S = 8.0


class Interrupted(KeyboardInterrupt):  # which no handler of errors swallows
    """The run was asked to stop.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __str__(self) -> str:
        """Say what stopped the run."""
        return f"stopped by {signal.Signals(self.number).name}"

    @property
    def exit_code(self) -> int:
        """What the process ends with: SIGTERM is no failure, Ctrl+C is one as in every program."""
        return 0 if self.number == signal.SIGTERM else 128 + self.number


class Drain:
    """Inside this context SIGTERM and Ctrl+C raise :class:`Interrupted`, but not in the middle of a window.

    A window that takes longer than the grace, or a second signal, is not waited for.

    Args:
        grace_s: Seconds that a window may still take after the signal.
    """

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._busy = self._opening = False
        self._requested = 0

    def __enter__(self) -> Self:
        """Take over the signals, save those that this process was told to ignore."""
        numbers = [n for n in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(n) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._request) for number in numbers}
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._give_up)
        return self

    def __exit__(self, *_error: object) -> None:
        """Give the signals back."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def window(self) -> Iterator[None]:
        """Finish what is inside before the run ends.

        Raises:
            Interrupted: At the end, where a signal came meanwhile; inside, where that takes too long.
        """
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            signal.setitimer(signal.ITIMER_REAL, 0)  # the grace is for windows, not for the tidying up after them
        if self._requested:
            raise Interrupted(self._requested)

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Likewise, for what must not see an error: native code that imports modules aborts the process on one.

        Nothing is graded yet, so where it takes too long the process ends on the spot.

        Raises:
            Interrupted: At the end, where a signal came meanwhile.
        """
        self._opening = True
        try:
            with self.window():
                yield
        finally:
            self._opening = False

    def _request(self, number: int, _frame: FrameType | None) -> None:
        if self._requested or not self._busy:
            self._stop(number)
        self._requested = number
        signal.setitimer(signal.ITIMER_REAL, self._grace_s)

    def _give_up(self, _number: int, _frame: FrameType | None) -> NoReturn:
        self._stop(self._requested)

    def _stop(self, number: int) -> NoReturn:
        stop = Interrupted(number)
        if not self._opening:
            raise stop
        os.write(sys.stderr.fileno(), f"grader: {stop}\n".encode())
        os._exit(stop.exit_code)
