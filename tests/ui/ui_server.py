"""The page with a grader that loads no model: ``ui_server.py PORT DB GATE CAPACITY MCP QUIZ...``.

Grading waits until the file GATE exists, so that a test can kill the process in the middle; what is graded is printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ui_fakes import FakeGrader

from grader.schema import Outcome, Quiz, Rubric, Submission
from grader.ui import serve


class GatedGrader(FakeGrader):
    """Grades once the gate is there."""

    def __init__(self, quiz: Quiz, rubric: Rubric, gate: Path) -> None:
        super().__init__(quiz, rubric)
        self.gate = gate

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Wait for the gate, then grade in order."""
        while not self.gate.exists():
            time.sleep(0.02)
        for submission in submissions:
            print(f"graded: {submission.answer}", flush=True)  # noqa: T201 -- the test reads it
        return super().grade(submissions)


def main() -> None:
    """Serve until killed."""
    port, db, gate, capacity, mcp, *quizzes = sys.argv[1:]
    serve(
        port=int(port),
        quizzes=[Path(quiz) for quiz in quizzes],
        db=Path(db),
        open_grader=lambda quiz, rubric: GatedGrader(quiz, rubric, Path(gate)),
        capacity=int(capacity),
        mcp=mcp == "True",
    )


main()
