"""Grades beside a person's labels, joined by submission."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from grader.report.measure import Agreement, Pair, measure
from grader.report.reasons import ReasonCounts
from grader.schema import GoldLabel, Lang, Outcome, Unscored


@dataclass(frozen=True)
class Evaluation:
    """Grades against labels, with everything that did not match up.

    Args:
        labels: Labels read.
        matched: Graded answers that have a label.
        unscored: Labelled answers that were not graded.
        reasons: Why, most frequent first.
        labels_without_grade: Labels whose submission is not among the grades.
        grades_without_label: Rows of the grades that have no label.
        repeated: Further rows of a submission already counted.
        overall: Of all matched answers; ``None`` where there are none.
        by_lang: By language of the answer.
    """

    labels: int
    matched: int
    unscored: int
    reasons: tuple[tuple[str, int], ...]
    labels_without_grade: int
    grades_without_label: int
    repeated: int
    overall: Agreement | None
    by_lang: dict[Lang, Agreement]


@dataclass(frozen=True)
class Joined:
    """Grades and labels of the same submissions.

    Args:
        pairs: Graded answers with their labels, in the order of the grades.
        unscored: Labelled answers that were not graded, by reason.
        labels: Labels read.
        grades_without_label: Rows of the grades that have no label.
        repeated: Further rows of a submission already counted.
    """

    pairs: tuple[Pair, ...]
    unscored: ReasonCounts
    labels: int
    grades_without_label: int
    repeated: int


def join(grades: Iterable[Outcome], labels: Iterable[GoldLabel]) -> Joined:
    """Join grades and labels by submission.

    Args:
        grades: In any order; of several rows for one submission the first counts.
        labels: One a submission; of several the last counts.
    """
    gold = {label.submission_id: label for label in labels}
    pairs: list[Pair] = []
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    reasons = ReasonCounts()
    for outcome in grades:
        label = gold.get(outcome.submission_id)
        if label is None:
            counts["unlabelled"] += 1
        elif outcome.submission_id in seen:
            counts["repeated"] += 1
        else:
            seen.add(outcome.submission_id)
            if isinstance(outcome, Unscored):
                reasons.add(outcome.reason)
            else:
                pairs.append(Pair(outcome, label))
    return Joined(tuple(pairs), reasons, len(gold), counts["unlabelled"], counts["repeated"])


def evaluate(grades: Iterable[Outcome], labels: Iterable[GoldLabel]) -> Evaluation:
    """Join grades and labels by submission and measure how far they agree.

    Args:
        grades: In any order; of several rows for one submission the first counts.
        labels: One a submission; of several the last counts.
    """
    joined = join(grades, labels)
    pairs, reasons = joined.pairs, joined.unscored
    by_lang: dict[Lang, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_lang[pair.lang].append(pair)
    return Evaluation(
        labels=joined.labels,
        matched=len(pairs),
        unscored=reasons.total,
        reasons=reasons.top(),
        labels_without_grade=joined.labels - len(pairs) - reasons.total,
        grades_without_label=joined.grades_without_label,
        repeated=joined.repeated,
        overall=measure(pairs) if pairs else None,
        by_lang={lang: measure(by_lang[lang]) for lang in sorted(by_lang)},
    )
