"""A bounded line in front of the graders: what waits is graded together, and equal answers once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from grader.errors import GraderError
from grader.schema import Lang, Outcome, Submission

CAPACITY = 128
MAX_BATCH = 16
BATCH_S = 1.0  # a batch is cut so that it takes about so long: who comes meanwhile waits no longer than that

GradeMany = Callable[[str, Sequence[Submission]], Sequence[Outcome]]

_Key = tuple[str, str, str | tuple[str, ...], Lang | None]


class BusyError(GraderError):
    """More callers are waiting than may.

    Args:
        waiting: How many are.
        retry_s: Whole seconds until those before have their grades, as far as one can tell; at least 1.
    """

    def __init__(self, waiting: int, retry_s: int) -> None:
        super().__init__(f"{waiting} answers are waiting for their grades; try again in about {retry_s} s")
        self.waiting = waiting
        self.retry_s = retry_s


@dataclass
class _Asked:
    """An answer to grade, and everybody who wants its grade: their submission's id and what will hold its outcome."""

    quiz: str
    submission: Submission
    callers: list[tuple[str, Future[Outcome]]] = field(default_factory=list)

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits."""
        return not all(future.cancelled() for _, future in self.callers)

    def answer(self, outcome: Outcome | Exception) -> None:
        """Hand the outcome out, to each under the id of the own submission."""
        for submission_id, future in self.callers:
            if not future.set_running_or_notify_cancel():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(replace(outcome, submission_id=submission_id))


class Batching:
    """Grades the answers of simultaneous callers, one batch after another, on a thread of its own.

    While a batch is being graded others gather, so batches grow with the load: a caller who is alone waits for nobody.
    How many are taken is chosen by the pace of the batches before, for a judge may take seconds an answer. Equal means
    the same question, language and characters; a caller joins an equal answer that waits or is being graded.

    Args:
        grade: Grades answers to one quiz, in order; never called twice at once.
        capacity: Callers that may wait, above zero; one more is refused.
    """

    def __init__(self, grade: GradeMany, *, capacity: int = CAPACITY) -> None:
        self._grade = grade
        self._capacity = capacity
        self._changed = threading.Condition()
        self._waiting: dict[_Key, _Asked] = {}
        self._grading: dict[_Key, _Asked] = {}
        self._callers = 0
        self._pace_s = 0.0  # seconds an answer, of late
        self._worker: threading.Thread | None = None

    def ask(self, quiz: str, submission: Submission) -> Future[Outcome]:
        """Put an answer into the line.

        Returns:
            What will hold its outcome, or the error that grading it raised. A cancelled one leaves the line.

        Raises:
            BusyError: The line is full.
        """
        future: Future[Outcome] = Future()
        key = (quiz, submission.question_id, submission.answer, submission.lang)
        with self._changed:
            if self._callers >= self._capacity:
                raise BusyError(self._callers, max(1, math.ceil(self._pace_s * len(self._waiting))))
            self._callers += 1
            asked = self._grading.get(key) or self._waiting.setdefault(key, _Asked(quiz, submission))
            asked.callers.append((submission.submission_id, future))
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="grade batches", daemon=True)
                self._worker.start()
            self._changed.notify()
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _future: Future[Outcome]) -> None:
        with self._changed:
            self._callers -= 1

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                self._grading = self._take()
            self._answer()

    def _take(self) -> dict[_Key, _Asked]:
        """Take from the line those who wait longest, as long as they are of one quiz."""
        size = MAX_BATCH if self._pace_s * MAX_BATCH <= BATCH_S else max(1, int(BATCH_S / self._pace_s))
        for key in [key for key, asked in self._waiting.items() if not asked.wanted]:
            del self._waiting[key]
        quiz = next((asked.quiz for asked in self._waiting.values()), "")
        keys = [key for key, asked in self._waiting.items() if asked.quiz == quiz][:size]
        return {key: self._waiting.pop(key) for key in keys}

    def _answer(self) -> None:
        """Grade what was taken and hand it out."""
        batch = list(self._grading.values())
        if not batch:
            return
        started = time.monotonic()
        outcomes = self._outcomes(batch[0].quiz, [asked.submission for asked in batch])
        pace_s = (time.monotonic() - started) / len(batch)
        with self._changed:
            self._grading = {}
            self._pace_s = (self._pace_s + pace_s) / 2
        for asked, outcome in zip(batch, outcomes, strict=True):
            asked.answer(outcome)

    def _outcomes(self, quiz: str, submissions: Sequence[Submission]) -> list[Outcome | Exception]:
        """Grade together; where that fails for no reason that a caller could mend, one by one to spare the others."""
        try:
            outcomes = self._grade(quiz, submissions)
            if len(outcomes) != len(submissions):
                raise RuntimeError(f"the grader gave {len(outcomes)} outcomes for {len(submissions)} answers")  # noqa: TRY301
        except GraderError as error:
            return [error] * len(submissions)
        except Exception as error:  # noqa: BLE001 -- the thread must live on; who asked gets the error
            if len(submissions) == 1:
                return [error]
            return [outcome for one in submissions for outcome in self._outcomes(quiz, [one])]
        return list(outcomes)
