"""Item statistics: what a class's grades say about every question."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from grader.report.agreement import pearson
from grader.report.reasons import ReasonCounts
from grader.schema import Grade, Outcome, Unscored, Verdict

SCORE_BINS = 10
_MIN_LEARNERS = 3


@dataclass(frozen=True)
class Item:
    """Statistics of one question.

    Args:
        question_id: As graded.
        answers: Graded answers.
        unscored: Answers that got no grade.
        max_points: Full mark, as the last grade had it; ``None`` where nothing was graded.
        mean_points: Mean of the points.
        sd_points: Their sample standard deviation; ``None`` below two answers.
        difficulty: Mean score, 0 to 1: the classical difficulty index, high for an easy question.
        discrimination: Correlation of the score with the learner's mean score on the other questions; ``None``
            without learners or without variance.
        histogram: Answers by score, ten bins from 0 to 1.
        verdicts: Answers by verdict.
        criteria_met: Share of answers that met a criterion, by its id, in rubric order.
        misconceptions: Answers that held a misconception, by its id, most frequent first.
        needs_review: Share of graded answers that a person should look at.
    """

    question_id: str
    answers: int
    unscored: int
    max_points: float | None
    mean_points: float | None
    sd_points: float | None
    difficulty: float | None
    discrimination: float | None
    histogram: tuple[int, ...]
    verdicts: Mapping[Verdict, int]
    criteria_met: Mapping[str, float]
    misconceptions: Mapping[str, int]
    needs_review: float | None


@dataclass(frozen=True)
class ClassSummary:
    """Statistics of a whole file of grades.

    Args:
        items: One a question, in order of first appearance; questions without a grade come last.
        reasons: Why rows were unscored, most frequent first.
        learners: Learners known, 0 where no submission names one.
    """

    items: tuple[Item, ...]
    reasons: tuple[tuple[str, int], ...]
    learners: int


@dataclass
class _ItemTally:
    """Running sums of one question."""

    unscored: int = 0
    max_points: float | None = None
    points_sum: float = 0.0
    points_square_sum: float = 0.0
    score_sum: float = 0.0
    review: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * SCORE_BINS)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    criteria: dict[str, list[int]] = field(default_factory=dict)
    misconceptions: Counter[str] = field(default_factory=Counter)

    def add(self, grade: Grade) -> None:
        self.max_points = grade.max_points
        self.points_sum += grade.points
        self.points_square_sum += grade.points**2
        self.score_sum += grade.score
        self.review += grade.needs_review
        self.bins[min(int(grade.score * SCORE_BINS), SCORE_BINS - 1)] += 1
        self.verdicts[grade.verdict] += 1
        self.misconceptions.update(held.id for held in grade.misconceptions)
        for criterion in grade.criteria:
            met, seen = self.criteria.get(criterion.id, (0, 0))
            self.criteria[criterion.id] = [met + criterion.met, seen + 1]

    def close(self, question_id: str, discrimination: float | None) -> Item:
        count = self.verdicts.total()
        mean = self.points_sum / count if count else None
        spread = max(self.points_square_sum - count * mean**2, 0.0) if mean is not None else 0.0
        return Item(
            question_id=question_id,
            answers=count,
            unscored=self.unscored,
            max_points=self.max_points,
            mean_points=mean,
            sd_points=(spread / (count - 1)) ** 0.5 if count > 1 else None,
            difficulty=self.score_sum / count if count else None,
            discrimination=discrimination,
            histogram=tuple(self.bins),
            verdicts=dict(self.verdicts),
            criteria_met={name: met / seen for name, (met, seen) in self.criteria.items()},
            misconceptions=dict(self.misconceptions.most_common()),
            needs_review=self.review / count if count else None,
        )


def summarise(grades: Iterable[Outcome], learners: Mapping[str, str] | None = None) -> ClassSummary:
    """Summarise a file of grades in one pass.

    Args:
        grades: In any order.
        learners: Learner by submission id; without it no discrimination can be told. Of several answers of one
            learner to one question the last counts there.
    """
    known = learners or {}
    tallies: dict[str, _ItemTally] = defaultdict(_ItemTally)
    reasons = ReasonCounts()
    by_learner: dict[str, dict[str, float]] = defaultdict(dict)
    for outcome in grades:
        tally = tallies[outcome.question_id]
        if isinstance(outcome, Unscored):
            tally.unscored += 1
            reasons.add(outcome.reason)
            continue
        tally.add(outcome)
        learner = known.get(outcome.submission_id)
        if learner is not None:
            by_learner[learner][outcome.question_id] = outcome.score
    rest = _discriminations(by_learner)
    items = [tally.close(question_id, rest.get(question_id)) for question_id, tally in tallies.items()]
    items.sort(key=lambda item: item.answers == 0)
    return ClassSummary(tuple(items), reasons.top(), len(by_learner))


def _discriminations(by_learner: Mapping[str, Mapping[str, float]]) -> dict[str, float | None]:
    """Correlate each question's score with the mean score on the learner's other questions."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for scores in by_learner.values():
        if len(scores) > 1:
            total = sum(scores.values())
            for question_id, score in scores.items():
                points[question_id].append((score, (total - score) / (len(scores) - 1)))
    found: dict[str, float | None] = {}
    for question_id, pairs in points.items():
        if len(pairs) >= _MIN_LEARNERS:
            own, rest = np.array(pairs, dtype=np.float64).T
            found[question_id] = pearson(own, rest)
    return found
