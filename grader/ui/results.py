"""A learner's results as HTML and CSV. Pure."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from grader.cells import to_cell
from grader.schema import Grade, Lang, Question
from grader.store import Attempt
from grader.ui.library import Course, localise
from grader.ui.markup import Html, icon, join, tag, words
from grader.ui.outcome import answer_words, badge
from grader.ui.study import Work, outcome_of
from grader.ui.texts import number, say
from grader.ui.view import status, title_of

CSV_COLUMNS = (
    "time",
    "quiz",
    "question",
    "lang",
    "answer",
    "status",
    "verdict",
    "points",
    "max_points",
    "score",
    "confidence",
    "needs_review",
    "feedback",
    "reason",
)
_ANSWER_SHOWN = 160


def results(lang: Lang, course: Course, works: Mapping[str, Work], attempts: Sequence[Attempt]) -> Html:
    """Show totals, a chart and a table for one quiz, and a link that saves everything.

    Args:
        lang: Language of the interface.
        course: The quiz on show.
        works: This learner's work on it by question id.
        attempts: All attempts of this learner, for the file.
    """
    title = tag("h2", localise(course.quiz.title, course.lang(lang)), id="results-title")
    if not attempts:
        return tag("section", title, tag("p", say(lang, "no_results"), class_="empty"), class_="results")
    parts = [title, _totals(lang, course, works), _chart(lang, course, works), _table(lang, course, works)]
    return tag("section", *parts, _download(lang, attempts), class_="results")


def write_csv(attempts: Iterable[Attempt]) -> str:
    """Write attempts as CSV that is safe to open in a spreadsheet: no cell of a learner's starts a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for attempt in attempts:
        record = attempt.record or {"status": "pending"}
        known = {
            "time": attempt.time.isoformat(),
            "quiz": attempt.quiz,
            "question": attempt.question,
            "lang": attempt.lang,
            "answer": attempt.answer.replace("\x00", ""),
        }
        writer.writerow([to_cell(known.get(column, record.get(column))) for column in CSV_COLUMNS])
    return buffer.getvalue()


def _totals(lang: Lang, course: Course, works: Mapping[str, Work]) -> Html:
    answered = [works[question.id] for question in course.quiz.questions if question.id in works]
    best = [grade for work in answered if (grade := work.best) is not None]
    first = [grade for work in answered if (grade := work.first) is not None]
    review = sum(isinstance(out := outcome_of(work.latest), Grade) and out.needs_review for work in answered)
    tiles = (
        ("total_points", _fraction(lang, best)),
        ("total_first", _fraction(lang, first)),
        ("total_answered", f"{len(answered)} / {len(course.quiz.questions)}"),
        ("total_review", str(review)),
    )
    cells = (tag("div", tag("dt", say(lang, key)), tag("dd", value), class_="tile") for key, value in tiles)
    return join([tag("dl", *cells, class_="tiles"), tag("p", say(lang, "best_counts"), class_="hint")])


def _fraction(lang: Lang, grades: Sequence[Grade]) -> str:
    points = sum(grade.points for grade in grades)
    return f"{number(lang, points)} / {number(lang, sum(grade.max_points for grade in grades))}"


def _chart(lang: Lang, course: Course, works: Mapping[str, Work]) -> Html:
    bars = (
        _bar(lang, course, question, index, works.get(question.id))
        for index, question in enumerate(course.quiz.questions, start=1)
    )
    caption = tag("figcaption", tag("h3", say(lang, "score_by_question")))
    return tag("figure", caption, tag("ol", *bars, class_="bars"), class_="chart")


def _bar(lang: Lang, course: Course, question: Question, index: int, work: Work | None) -> Html:
    state, title = status(question, work), title_of(question, course.lang(lang))
    best = None if work is None else work.best
    value = "–" if best is None else f"{number(lang, best.points)} / {number(lang, best.max_points)}"
    width = 0.0 if best is None else 100 * best.score
    track = tag("span", tag("span", style=f"width: {width:.1f}%"), class_="bar-track", aria_hidden="true")
    label = tag("span", tag("b", str(index)), " ", title, class_="bar-label")
    return tag("li", label, track, tag("span", value, class_="bar-value"), class_=f"bar is-{state}")


def _table(lang: Lang, course: Course, works: Mapping[str, Work]) -> Html:
    columns = ("column_question", "column_answer", "column_verdict", "column_points", "column_attempts")
    head = tag("tr", *(tag("th", say(lang, column), scope="col") for column in columns))
    rows = (
        _row(lang, course, question, works[question.id], columns)
        for question in course.quiz.questions
        if question.id in works
    )
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag("div", tag("h3", say(lang, "your_answers")), tag("div", table, class_="table-frame"))


def _row(lang: Lang, course: Course, question: Question, work: Work, columns: Sequence[str]) -> Html:
    text_lang = course.lang(lang)
    best = work.best
    answer = answer_words(question, work.counted.answer, text_lang)
    short = answer if len(answer) <= _ANSWER_SHOWN else answer[:_ANSWER_SHOWN] + "…"
    points = "–" if best is None else f"{number(lang, best.points)} / {number(lang, best.max_points)}"
    cells = (
        tag("span", title_of(question, text_lang)),
        words(short),
        badge(lang, status(question, work)),
        tag("span", points),
        tag("span", str(len(work.attempts))),
    )
    labelled = zip(columns, cells, strict=True)
    return tag("tr", *(tag("td", cell, data_label=say(lang, column)) for column, cell in labelled))


def _download(lang: Lang, attempts: Sequence[Attempt]) -> Html:
    content = base64.b64encode(write_csv(attempts).encode("utf-8-sig")).decode("ascii")
    link = tag(
        "a",
        icon("down"),
        say(lang, "download"),
        href=f"data:text/csv;charset=utf-8;base64,{content}",
        download="grader-results.csv",
        class_="download",
    )
    return tag("p", link)
