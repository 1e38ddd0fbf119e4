"""One self-contained HTML page about a file of grades: no script, nothing fetched, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from grader.plain import clean_line
from grader.report import svg
from grader.report.agreement import VERDICTS
from grader.report.evaluate import Evaluation
from grader.report.items import SCORE_BINS, ClassSummary, Item
from grader.report.measure import Agreement, Measure, VerdictAgreement, look_up
from grader.schema import LocalText, Quiz, Rubric

_STYLE = Path(__file__).with_name("report.css")
_MAX_ITEMS = 500
_NOTHING = "–"
_MEASURES = (
    ("two-way accuracy", "two_way.accuracy"),
    ("two-way macro-F1", "two_way.macro_f1"),
    ("three-way macro-F1", "three_way.macro_f1"),
    ("five-way accuracy", "five_way.accuracy"),
    ("five-way macro-F1", "five_way.macro_f1"),
    ("Cohen's kappa, five-way", "five_way.kappa"),
    ("quadratic kappa of credit", "ordinal_kappa"),
    ("score: Pearson", "scores.pearson"),
    ("criteria: F1", "criteria.f1"),
    ("contradictory, graded correct", "passed_contradictory"),
    ("calibration error", "calibration_error"),
    ("Brier score", "brier"),
    ("area under risk-coverage", "aurc"),
)


def render_report(
    summary: ClassSummary,
    *,
    title: str,
    quiz: Quiz | None = None,
    rubric: Rubric | None = None,
    evaluation: Evaluation | None = None,
) -> str:
    """Render the page.

    Args:
        summary: Item statistics.
        title: Heading, such as the name of the grades file.
        quiz: Gives questions their titles.
        rubric: Gives criteria and misconceptions their wording.
        evaluation: Adds agreement with labels.
    """
    shown = summary.items[:_MAX_ITEMS]
    names = {item.question_id: _question_name(quiz, item.question_id) for item in shown}
    body = [
        f"<h1>{_text(title)}</h1>",
        _cards(summary),
        _plots(summary),
        _items_table(summary, shown, names),
        *(_details(item, names[item.question_id], rubric) for item in shown),
    ]
    if len(summary.items) > len(shown):
        body.append(_note(f"Only the first {_MAX_ITEMS} of {len(summary.items)} questions are shown."))
    if evaluation is not None:
        body.append(_evaluation(evaluation))
    return _page(title, "\n".join(body))


def _page(title: str, body: str) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _cards(summary: ClassSummary) -> str:
    graded = sum(item.answers for item in summary.items)
    unscored = sum(item.unscored for item in summary.items)
    scores = sum((item.difficulty or 0.0) * item.answers for item in summary.items)
    review = sum((item.needs_review or 0.0) * item.answers for item in summary.items)
    cards = [
        ("answers graded", f"{graded:,}"),
        ("unscored", f"{unscored:,}"),
        ("questions", f"{len(summary.items):,}"),
        ("mean score", _number(scores / graded if graded else None)),
        ("need review", _share(review / graded if graded else None)),
    ]
    if summary.learners:
        cards.append(("learners", f"{summary.learners:,}"))
    inside = "".join(f'<div class="card"><b>{value}</b><span>{name}</span></div>' for name, value in cards)
    reasons = _table(("why unscored", "rows"), [(reason, f"{rows:,}") for reason, rows in summary.reasons])
    return f'<div class="cards">{inside}</div>{reasons if summary.reasons else ""}'


def _plots(summary: ClassSummary) -> str:
    histogram = [sum(item.histogram[place] for item in summary.items) for place in range(SCORE_BINS)]
    rows = [(item.question_id, item.verdicts) for item in summary.items if item.answers][:40]
    key = "".join(f'<span class="key"><i class="{verdict.value}"></i>{verdict.value}</span>' for verdict in VERDICTS)
    bars = f"<div>{svg.verdict_bars(rows)}<p>{key}</p></div>"
    return f'<h2>Scores and verdicts</h2><div class="plots">{svg.score_histogram(histogram)}{bars}</div>'


def _items_table(summary: ClassSummary, items: Sequence[Item], names: Mapping[str, str]) -> str:
    known = any(item.discrimination is not None for item in summary.items)
    head = ["question", "n", "unscored", "mean points", "of", "SD", "difficulty", "needs review"]
    rows = []
    for item in items:
        row = [names[item.question_id], f"{item.answers:,}", f"{item.unscored:,}"]
        row += [_number(item.mean_points), _number(item.max_points, 1), _number(item.sd_points)]
        row += [_number(item.difficulty), _share(item.needs_review)]
        rows.append([*row, _number(item.discrimination)] if known else row)
    notes = _note("Difficulty is the mean score: 1 means that everybody had the full mark.")
    if known:
        head.append("discrimination")
        notes += _note(
            "Discrimination correlates the score on a question with the learner's mean score on the others;"
            " below 0.2 a question hardly tells strong learners from weak ones."
        )
    else:
        notes += _note("Discrimination is left out: it needs learners who answered several questions.")
    return f"<h2>Questions</h2>{_table(head, rows)}{notes}"


def _details(item: Item, name: str, rubric: Rubric | None) -> str:
    known = rubric.questions.get(item.question_id) if rubric else None
    wording = {criterion.id: _local(criterion.statement) for criterion in known.criteria} if known else {}
    beliefs = {belief.id: _local(belief.statement) for belief in known.misconceptions} if known else {}
    met = [(wording.get(key) or key, _share(rate)) for key, rate in item.criteria_met.items()]
    held = [(beliefs.get(key) or key, f"{rows:,}") for key, rows in list(item.misconceptions.items())[:10]]
    tables = _table(("criterion", "met by"), met) if met else ""
    tables += _table(("misconception", "answers"), held) if held else ""
    return f'<h3>{_text(name)}</h3><div class="plots">{tables}</div>' if tables else ""


def _evaluation(evaluation: Evaluation) -> str:
    counts = _note(
        f"{evaluation.matched:,} graded answers have a label; {evaluation.unscored:,} labelled answers are unscored,"
        f" {evaluation.labels_without_grade:,} labels have no grade, {evaluation.grades_without_label:,} grades have no"
        f" label, {evaluation.repeated:,} rows repeat a submission."
    )
    if evaluation.overall is None:
        return f"<h2>Agreement with labels</h2>{counts}"
    overall = evaluation.overall
    groups: list[tuple[str, Agreement]] = [("all", overall)]
    if len(evaluation.by_lang) > 1:
        groups += evaluation.by_lang.items()
    return (
        f"<h2>Agreement with labels</h2>{counts}{_agreement_table(groups)}"
        f"{_confusion(overall.finest) if overall.finest else ''}"
        f"{''.join(_confidence_plots(name, found) for name, found in groups)}"
    )


def _confidence_plots(name: str, found: Agreement) -> str:
    if not found.reliability:
        return ""
    plots = svg.reliability_plot(found.reliability) + svg.risk_plot(found.risk_coverage)
    return f'<h3>Confidence: {_text(name)}</h3><div class="plots">{plots}</div>'


def _agreement_table(groups: Sequence[tuple[str, Agreement]]) -> str:
    rows = [["answers", *(f"{found.answers:,}" for _, found in groups)]]
    rows += [[name, *(_measure(look_up(found, place)) for _, found in groups)] for name, place in _MEASURES]
    return _table(["", *(name for name, _ in groups)], rows) + _note(
        "In brackets: 95 % intervals over questions. Calibration error: in ten bins of equally many answers."
    )


def _confusion(found: VerdictAgreement) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in found.classes)
    rows = ""
    for place, name in enumerate(found.classes):
        cells = "".join(
            f'<td class="hit">{count:,}</td>' if place == column else f"<td>{count:,}</td>"
            for column, count in enumerate(found.confusion[place])
        )
        rows += f"<tr><td>{_text(name)}</td>{cells}</tr>"
    title = "<h3>Labelled (rows) and graded (columns)</h3>"
    return f'{title}<div class="wide"><table><tr><th></th>{head}</tr>{rows}</table></div>'


def _question_name(quiz: Quiz | None, question_id: str) -> str:
    question = quiz.question(question_id) if quiz else None
    title = _local(question.title) if question else ""
    return f"{question_id} · {title}" if title else question_id


def _local(text: LocalText) -> str:
    return text.get("en") or next(iter(text.values()), "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{titles}</tr>{lines}</table></div>'


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>'


def _text(text: str) -> str:
    return escape(clean_line(text))


def _number(value: float | None, digits: int = 2) -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0%}"


def _measure(measure: Measure | float | None) -> str:
    if not isinstance(measure, Measure):
        return _number(measure)
    if measure.interval is None:
        return _number(measure.value)
    return f"{_number(measure.value)} [{_number(measure.interval.low)}, {_number(measure.interval.high)}]"
