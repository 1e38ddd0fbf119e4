"""How far graded answers agree with their labels: every metric of one set of pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from grader.report import agreement as agree
from grader.report.agreement import Counts, Interval, Metric, ReliabilityBin, RiskPoint
from grader.schema import GoldLabel, Grade, Lang, Verdict


@dataclass(frozen=True)
class Pair:
    """One graded answer beside its label."""

    grade: Grade
    label: GoldLabel

    @property
    def lang(self) -> Lang:
        """Language of the answer: the label's, or the grade's where the label has none."""
        return self.label.lang or self.grade.lang

    @property
    def right(self) -> bool | None:
        """Whether the verdict is right by the finest label there is; ``None`` without one."""
        verdict = self.grade.verdict
        if self.label.verdict is not None:
            return self.label.verdict == verdict
        if self.label.label_3way is not None:
            return self.label.label_3way == agree.THREE_WAY[verdict]
        return None if self.label.label_2way is None else self.label.label_2way == agree.TWO_WAY[verdict]

    @property
    def gold_score(self) -> float | None:
        """Labelled share of the full mark, from points where there are any, else the score as the file scales it."""
        if self.label.points is not None and self.grade.max_points:
            return self.label.points / self.grade.max_points
        return self.label.score


@dataclass(frozen=True)
class Measure:
    """A metric and its bootstrap interval over questions; ``None`` where it is not defined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class VerdictAgreement:
    """Agreement of verdicts under one labelling.

    Args:
        answers: Pairs whose label speaks of it.
        classes: In the order of the confusion table.
        confusion: Counts, labelled in rows, graded in columns.
        accuracy: Share of the diagonal.
        macro_f1: Mean F1 of the classes.
        kappa: Cohen's kappa.
    """

    answers: int
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy: Measure
    macro_f1: Measure
    kappa: Measure


@dataclass(frozen=True)
class ScoreAgreement:
    """Agreement of scores with labelled scores.

    Args:
        answers: Pairs with a labelled score.
        pearson: Correlation.
        quadratic_kappa: ``None`` too where the labels are not scaled 0 to 1.
        rmse: ``None`` too where the labels are not scaled 0 to 1.
    """

    answers: int
    pearson: float | None
    quadratic_kappa: float | None
    rmse: float | None


@dataclass(frozen=True)
class CriteriaAgreement:
    """Agreement on which criteria were met, over all answers together."""

    answers: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Agreement:
    """Everything measured on one set of answers; ``None`` where the labels do not speak of it.

    Args:
        answers: Pairs measured.
        questions: Distinct questions among them.
        two_way: Correct against the rest.
        three_way: Correct, contradictory, incorrect.
        five_way: The five verdicts.
        ordinal_kappa: Quadratic weighted kappa of no, partial and full credit.
        passed_wrong: Share of the answers not labelled correct that were graded correct.
        passed_contradictory: The same of the answers labelled contradictory.
        calibration_error: Expected gap between confidence and accuracy by the finest label, in ten bins of equal mass.
        brier: Brier score of confidence by the finest label.
        reliability: The bins.
        aurc: Area under the risk-coverage curve.
        risk_coverage: The curve at equally spaced coverages.
        needs_review: Share of grades that ask for a person.
        accuracy_unreviewed: Share of the other grades whose verdict is right.
        scores: Of labels with a score or points.
        criteria: Of labels with criteria.
    """

    answers: int
    questions: int
    two_way: VerdictAgreement | None
    three_way: VerdictAgreement | None
    five_way: VerdictAgreement | None
    ordinal_kappa: Measure | None
    passed_wrong: float | None
    passed_contradictory: float | None
    calibration_error: float | None
    brier: float | None
    reliability: tuple[ReliabilityBin, ...]
    aurc: float | None
    risk_coverage: tuple[RiskPoint, ...]
    needs_review: float
    accuracy_unreviewed: float | None
    scores: ScoreAgreement | None
    criteria: CriteriaAgreement | None

    @property
    def finest(self) -> VerdictAgreement | None:
        """The finest labelling there is."""
        return self.five_way or self.three_way or self.two_way


def look_up(found: Agreement, place: str) -> Measure | float | None:
    """Follow a dotted name such as ``two_way.accuracy``; ``None`` where a part on the way is absent."""
    value: object = found
    for part in place.split("."):
        value = None if value is None else getattr(value, part)
    return value if isinstance(value, Measure | float) else None


def measure(pairs: Sequence[Pair]) -> Agreement:
    """Measure one set of pairs, at least one.

    Raises:
        ValueError: There are none.
    """
    if not pairs:
        raise ValueError("there are no pairs to measure")
    judged = [(pair.grade, pair.right) for pair in pairs if pair.right is not None]
    confidence = np.array([grade.confidence for grade, _ in judged], dtype=np.float64)
    right = np.array([verdict_right for _, verdict_right in judged], dtype=np.bool_)
    bins = agree.reliability(confidence, right)
    risks = agree.risk_coverage(confidence, right)
    sure = [verdict_right for grade, verdict_right in judged if not grade.needs_review]
    return Agreement(
        answers=len(pairs),
        questions=len({pair.grade.question_id for pair in pairs}),
        two_way=_verdicts(pairs, ("correct", "incorrect"), lambda label: label.label_2way, agree.TWO_WAY.__getitem__),
        three_way=_verdicts(
            pairs,
            ("correct", "contradictory", "incorrect"),
            lambda label: label.label_3way,
            agree.THREE_WAY.__getitem__,
        ),
        five_way=_verdicts(pairs, agree.VERDICTS, lambda label: label.verdict, lambda verdict: verdict),
        ordinal_kappa=_credit(pairs),
        passed_wrong=_passed(pairs, lambda label: label.label_2way == "incorrect"),
        passed_contradictory=_passed(pairs, lambda label: label.label_3way == "contradictory"),
        calibration_error=agree.calibration_error(bins),
        brier=agree.brier(confidence, right),
        reliability=bins,
        aurc=float(risks.mean()) if len(risks) else None,
        risk_coverage=agree.thin_curve(risks),
        needs_review=sum(pair.grade.needs_review for pair in pairs) / len(pairs),
        accuracy_unreviewed=sum(sure) / len(sure) if sure else None,
        scores=_scores(pairs),
        criteria=_criteria(pairs),
    )


def _matrices(
    pairs: Iterable[Pair],
    classes: Sequence[str],
    gold: Callable[[GoldLabel], str | None],
    predicted: Callable[[Verdict], str],
) -> list[Counts]:
    """Count one confusion matrix a question, in the order of the questions' ids, of the labels that speak of it."""
    by_question: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for pair in pairs:
        truth = gold(pair.label)
        if truth is not None:
            by_question[pair.grade.question_id].append((truth, predicted(pair.grade.verdict)))
    return [agree.confusion(cells, classes) for _, cells in sorted(by_question.items())]


def _verdicts(
    pairs: Iterable[Pair],
    classes: Sequence[str],
    gold: Callable[[GoldLabel], str | None],
    predicted: Callable[[Verdict], str],
) -> VerdictAgreement | None:
    matrices = _matrices(pairs, classes, gold, predicted)
    if not matrices:
        return None
    total: Counts = np.sum(matrices, axis=0)
    return VerdictAgreement(
        answers=int(total.sum()),
        classes=tuple(str(name) for name in classes),
        confusion=tuple(tuple(int(count) for count in row) for row in total),
        accuracy=_measure(matrices, agree.accuracy),
        macro_f1=_measure(matrices, agree.macro_f1),
        kappa=_measure(matrices, agree.cohen_kappa),
    )


def _credit(pairs: Iterable[Pair]) -> Measure | None:
    classes = tuple(dict.fromkeys(agree.CREDIT.values()))
    matrices = _matrices(
        pairs, classes, lambda label: label.verdict and agree.CREDIT[label.verdict], agree.CREDIT.__getitem__
    )
    return _measure(matrices, agree.ordinal_kappa) if matrices else None


def _measure(matrices: Sequence[Counts], metric: Metric) -> Measure:
    return Measure(metric(np.sum(matrices, axis=0)), agree.bootstrap(matrices, metric))


def _passed(pairs: Iterable[Pair], wrong: Callable[[GoldLabel], bool]) -> float | None:
    passed = [pair.grade.verdict is Verdict.CORRECT for pair in pairs if wrong(pair.label)]
    return sum(passed) / len(passed) if passed else None


def _scores(pairs: Iterable[Pair]) -> ScoreAgreement | None:
    scored = [(gold, pair.grade.score) for pair in pairs if (gold := pair.gold_score) is not None]
    if not scored:
        return None
    gold, predicted = np.array(scored, dtype=np.float64).T
    same_scale = bool(gold.max() <= 1)
    return ScoreAgreement(
        answers=len(scored),
        pearson=agree.pearson(gold, predicted),
        quadratic_kappa=agree.score_kappa(gold, predicted) if same_scale else None,
        rmse=agree.rmse(gold, predicted) if same_scale else None,
    )


def _criteria(pairs: Iterable[Pair]) -> CriteriaAgreement | None:
    known = [
        (set(pair.label.criteria_met), {criterion.id for criterion in pair.grade.criteria if criterion.met})
        for pair in pairs
        if pair.label.criteria_met is not None
    ]
    if not known:
        return None
    hit = sum(len(gold & met) for gold, met in known)
    extra = sum(len(met - gold) for gold, met in known)
    missed = sum(len(gold - met) for gold, met in known)
    return CriteriaAgreement(
        answers=len(known),
        precision=hit / (hit + extra) if hit + extra else None,
        recall=hit / (hit + missed) if hit + missed else None,
        f1=2 * hit / (2 * hit + extra + missed) if hit + extra + missed else None,
    )
