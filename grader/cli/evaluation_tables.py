"""An evaluation as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from grader.plain import clean_line
from grader.report.evaluate import Evaluation
from grader.report.measure import Agreement, Measure, VerdictAgreement, look_up

_ABSENT = "–"
_MEASURES = (
    ("two-way accuracy", "two_way.accuracy"),
    ("two-way macro-F1", "two_way.macro_f1"),
    ("three-way accuracy", "three_way.accuracy"),
    ("three-way macro-F1", "three_way.macro_f1"),
    ("five-way accuracy", "five_way.accuracy"),
    ("five-way macro-F1", "five_way.macro_f1"),
    ("Cohen's kappa, five-way", "five_way.kappa"),
    ("quadratic kappa of credit", "ordinal_kappa"),
)
_SHARES = (
    ("not correct, graded correct", "passed_wrong"),
    ("contradictory, graded correct", "passed_contradictory"),
    ("needs review", "needs_review"),
    ("accuracy of the rest", "accuracy_unreviewed"),
    ("calibration error", "calibration_error"),
    ("Brier score", "brier"),
    ("area under risk-coverage", "aurc"),
)
_SCORES = (
    ("score: Pearson", "scores.pearson"),
    ("score: RMSE", "scores.rmse"),
    ("score: quadratic kappa", "scores.quadratic_kappa"),
)
_CRITERIA = (
    ("criteria: precision", "criteria.precision"),
    ("criteria: recall", "criteria.recall"),
    ("criteria: F1", "criteria.f1"),
)
_SHOWN_COVERAGES = 10
_BAR = 40


def evaluation_tables(evaluation: Evaluation) -> Iterator[Table | Text]:
    """Lay an evaluation out: what was compared, agreement by language, confusion, calibration, risk."""
    yield _counts(evaluation)
    if evaluation.overall is None:
        return
    groups = {"all": evaluation.overall}
    if len(evaluation.by_lang) > 1:
        groups |= {str(lang): found for lang, found in evaluation.by_lang.items()}
    yield _agreement(groups)
    for name, found in groups.items():
        if found.finest:
            yield _confusion(name, found.finest)
    for name, found in groups.items():
        if found.reliability:
            yield _reliability(name, found)
    yield _risk(groups)


def _counts(evaluation: Evaluation) -> Text:
    labelled = evaluation.matched + evaluation.unscored
    lines = [f"{evaluation.matched:,} of {labelled:,} labelled answers graded, {evaluation.unscored:,} unscored"]
    lines += [f"  {rows:,} × {clean_line(reason, limit=80)}" for reason, rows in evaluation.reasons]
    others = (
        (evaluation.labels_without_grade, "labels have no row in the grades"),
        (evaluation.grades_without_label, "rows of the grades have no label"),
        (evaluation.repeated, "rows repeat a submission and were left out"),
    )
    lines += [f"{count:,} {what}" for count, what in others if count]
    return Text("\n".join(lines))


def _agreement(groups: dict[str, Agreement]) -> Table:
    table = _table("Agreement with the labels [95 % interval over questions]", "", *groups)
    found = list(groups.values())
    table.add_row("answers", *(f"{group.answers:,}" for group in found))
    table.add_row("questions", *(f"{group.questions:,}" for group in found))
    for name, place in _MEASURES:
        table.add_row(name, *(_measure(look_up(group, place)) for group in found))
    scores = _SCORES if any(group.scores for group in found) else ()
    criteria = _CRITERIA if any(group.criteria for group in found) else ()
    for name, place in (*_SHARES, *scores, *criteria):
        table.add_row(name, *(_measure(look_up(group, place)) for group in found))
    return table


def _confusion(name: str, found: VerdictAgreement) -> Table:
    table = _table(f"Labelled (rows), graded (columns): {name}", "", *found.classes, "recall")
    for place, label in enumerate(found.classes):
        counts = found.confusion[place]
        cells = [
            Text(f"{count:,}", style="bold" if place == column else "" if count else "dim")
            for column, count in enumerate(counts)
        ]
        table.add_row(label, *cells, _ratio(counts[place], sum(counts)))
    columns = list(zip(*found.confusion, strict=True))
    table.add_row("precision", *(_ratio(column[place], sum(column)) for place, column in enumerate(columns)), "")
    return table


def _ratio(part: int, total: int) -> str:
    return f"{part / total:.2f}" if total else _ABSENT


def _reliability(name: str, found: Agreement) -> Table:
    title = f"Confidence and accuracy, bins of equally many answers: {name}"
    table = _table(title, "confidence", "answers", "mean confidence", "accuracy")
    table.add_column(f"{'█ accuracy, │ confidence':<{_BAR}}")
    for group in found.reliability:
        bounds = f"{group.lower:.2f}–{group.upper:.2f}"
        cells = f"{group.count:,}", f"{group.confidence:.2f}", f"{group.accuracy:.2f}"
        table.add_row(bounds, *cells, _bar(group.accuracy, group.confidence))
    return table


def _bar(accuracy: float, confidence: float) -> str:
    filled, mark = round(_BAR * accuracy), min(round(_BAR * confidence), _BAR - 1)
    cells = ["█"] * filled + ["·"] * (_BAR - filled)
    return "".join([*cells[:mark], "│", *cells[mark + 1 :]])


def _risk(groups: dict[str, Agreement]) -> Table:
    table = _table("Wrong verdicts among the most confident answers", "answers kept", *groups)
    for place in range(1, _SHOWN_COVERAGES + 1):
        coverage = place / _SHOWN_COVERAGES
        table.add_row(f"{coverage:.0%}", *(_risk_at(found, coverage) for found in groups.values()))
    return table


def _risk_at(found: Agreement, coverage: float) -> str:
    return next((f"{point.risk:.1%}" for point in found.risk_coverage if point.coverage >= coverage), _ABSENT)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=Text(title), title_justify="left")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _measure(measure: Measure | float | None) -> str:
    value = measure.value if isinstance(measure, Measure) else measure
    interval = measure.interval if isinstance(measure, Measure) else None
    shown = _ABSENT if value is None else f"{value:.3f}"
    return shown if interval is None else f"{shown} [{interval.low:.2f}, {interval.high:.2f}]"
