"""What every judge gives: five probabilities a statement, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grader.schema import Lang, Verdict

VERDICTS = tuple(Verdict)
Probabilities = tuple[float, float, float, float, float]  # in the order of VERDICTS, summing to 1


@dataclass(frozen=True)
class JudgeFailure:
    """A judge that gave no verdict; the answer is unscored by it, never a zero.

    Args:
        reason: Why, for the instructor.
    """

    reason: str


class Judge(Protocol):
    """Reads how one answer stands to each statement.

    An implementation owns its model or connection, keeps nothing of one answer for the next, and may be slow.
    """

    @property
    def identity(self) -> str:
        """Everything about the judge that decides a verdict, for the receipt."""
        ...

    @property
    def at_once(self) -> int:
        """How many answers it reads at the same time; over one, ``read`` is called from several threads."""
        ...

    def read(
        self, question: str, answer: str, statements: Sequence[str], lang: Lang
    ) -> list[Probabilities] | JudgeFailure:
        """Judge an answer against statements, in their order; all of them or none."""
        ...
