"""What a run did, counted as outcomes pass by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from grader.report.reasons import ReasonCounts
from grader.schema import Outcome, Unscored, Verdict


@dataclass
class Tally:
    """Running counts of a batch, in constant memory.

    Args:
        rows: Outcomes seen.
        verdicts: Graded rows by verdict.
        reasons: Unscored rows by reason.
        needs_review: Graded rows that a person should look at.
        score_sum: Sum of the graded scores.
        run_rows: Rows graded by this run; a resumed one has those of the runs before too.
        load_s: Seconds that loading the models took.
        grade_s: Seconds since then.
    """

    rows: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: ReasonCounts = field(default_factory=ReasonCounts)
    needs_review: int = 0
    score_sum: float = 0.0
    run_rows: int = 0
    load_s: float = 0.0
    grade_s: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.rows += 1
        if isinstance(outcome, Unscored):
            self.reasons.add(outcome.reason)
            return
        self.verdicts[outcome.verdict] += 1
        self.needs_review += outcome.needs_review
        self.score_sum += outcome.score

    @property
    def graded(self) -> int:
        """Rows that got a grade."""
        return self.verdicts.total()

    @property
    def unscored(self) -> int:
        """Rows that got none."""
        return self.reasons.total

    @property
    def mean_score(self) -> float | None:
        """Mean score of the graded rows; ``None`` where nothing was graded."""
        return self.score_sum / self.graded if self.graded else None

    @property
    def answers_per_s(self) -> float | None:
        """Rows that this run graded a second, loading left out; ``None`` before the first."""
        return self.run_rows / self.grade_s if self.grade_s else None
