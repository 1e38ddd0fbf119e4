"""What came of an answer, as HTML: verdict, evidence in the learner's own words, what was missing, explanation.

Made only for an attempt of this learner, so keys, criteria and explanations may show here. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from grader.intake import FOREIGN
from grader.schema import Grade, Lang, Question, Unscored
from grader.store import Attempt
from grader.ui.library import localise
from grader.ui.markup import NOTHING, Html, Mark, highlight, icon, join, prose, tag, words
from grader.ui.points import criteria_lists, misconceptions, without_lists
from grader.ui.study import outcome_of
from grader.ui.texts import number, say
from grader.ui.view import VERDICT_ICONS, Shown, state_of

EARLIER_SHOWN = 10
# What an outcome says to the instructor, and the text that says it to the learner.
_REASONS = {FOREIGN: "unscored_foreign"}
_CERTAIN = 0.995
_HIGH = 0.85
_MIDDLE = 0.65


def outcome_card(shown: Shown, earlier: Sequence[Attempt], *, checking: bool = False) -> Html:
    """Show the outcome of an attempt, with earlier attempts folded away below.

    Args:
        shown: The latest attempt.
        earlier: Those before it, oldest first.
        checking: Whether an attempt without a grade is being graded just now.
    """
    outcome = outcome_of(shown.attempt)
    if outcome is None:
        return _pending(shown, checking=checking)
    after = [_explanation(shown), _references(shown), earlier_attempts(shown, earlier)]
    if isinstance(outcome, Unscored):
        parts = [_unscored_head(shown.lang, outcome), _answer(shown, None), *after]
        return tag("section", *parts, class_="outcome is-unscored", id="outcome", tabindex="-1")
    state = state_of(shown.question, outcome)
    parts = [
        _graded_head(shown, outcome, state),
        _answer(shown, outcome),
        criteria_lists(shown, outcome),
        misconceptions(shown, outcome),
        *after,
        _receipt(shown.lang, outcome),
    ]
    return tag("section", *parts, class_=f"outcome is-{state}", id="outcome", tabindex="-1")


def earlier_attempts(shown: Shown, attempts: Sequence[Attempt]) -> Html:
    """List attempts, newest first; empty markup where there is none."""
    if not attempts:
        return NOTHING
    items = (_earlier_item(shown, attempt) for attempt in reversed(attempts[-EARLIER_SHOWN:]))
    summary = tag("summary", say(shown.lang, "earlier_title", count=len(attempts)))
    return tag("details", summary, tag("ol", *items), class_="earlier")


def badge(lang: Lang, state: str) -> Html:
    """Name a verdict in a word, with a sign beside the colour."""
    return tag("span", icon(VERDICT_ICONS[state]), say(lang, f"verdict_{state}"), class_=f"badge is-{state}")


def answer_words(question: Question, answer: str, lang: Lang) -> str:
    """Write an answer as text: the words typed, or the choices picked."""
    if question.type == "free":
        return answer
    return " · ".join(localise(question.choices[position - 1], lang) for position in _picked(question, answer))


def _pending(shown: Shown, *, checking: bool) -> Html:
    lang = shown.lang
    if checking:
        spinner = tag("span", class_="spinner", aria_hidden="true")
        head = tag("header", spinner, tag("strong", say(lang, "checking")), class_="verdict-line", role="status")
        hint = join([say(lang, "saved"), " ", say(lang, "checking_hint")])
    else:
        head = tag("header", badge(lang, "pending"), class_="verdict-line")
        hint = tag("span", say(lang, "pending"))
    parts = [head, tag("p", hint, class_="feedback"), _answer(shown, None)]
    return tag("section", *parts, class_="outcome is-pending", id="outcome", tabindex="-1")


def _graded_head(shown: Shown, grade: Grade, state: str) -> Html:
    lang = shown.lang
    key = "points_of_one" if grade.max_points == 1 else "points_of"
    points = say(lang, key, points=number(lang, grade.points), max_points=number(lang, grade.max_points))
    line = tag(
        "header",
        badge(lang, state),
        tag("span", points, class_="points"),
        _confidence(lang, grade),
        class_="verdict-line",
    )
    rest = without_lists(shown, grade)
    return join([line, tag("p", rest, class_="feedback", lang=grade.lang) if rest else NOTHING])


def _unscored_head(lang: Lang, outcome: Unscored) -> Html:
    line = tag("header", badge(lang, "unscored"), class_="verdict-line")
    key = _REASONS.get(outcome.reason)
    reason = tag("p", say(lang, key), class_="reason") if key else NOTHING
    return join([line, tag("p", say(lang, "unscored_why"), class_="feedback"), reason])


def _confidence(lang: Lang, grade: Grade) -> Html:
    if grade.needs_review:
        return tag("span", icon("eye"), say(lang, "needs_review"), class_="confidence needs-review")
    if grade.confidence >= _CERTAIN and not grade.criteria:
        key = "confidence_exact"
    elif grade.confidence >= _HIGH:
        key = "confidence_high"
    else:
        key = "confidence_middle" if grade.confidence >= _MIDDLE else "confidence_low"
    return tag("span", icon("shield"), say(lang, key), class_="confidence")


def _answer(shown: Shown, grade: Grade | None) -> Html:
    """Show what the learner answered; keys of a choice question only beside a grade."""
    if shown.question.type != "free":
        return _choices(shown, graded=grade is not None)
    answer = shown.attempt.answer
    text = words(answer) if grade is None else highlight(answer, _marks(answer, grade))
    return tag("div", tag("h3", say(shown.lang, "your_words")), tag("blockquote", text, class_="answer-words"))


def _marks(answer: str, grade: Grade) -> list[Mark]:
    found = [(criterion.evidence, "evidence") for criterion in grade.criteria if criterion.met]
    found += [(held.evidence, "doubt") for held in grade.misconceptions]
    return [
        Mark(evidence.start, evidence.end, index, "doubt" if kind == "doubt" else "evidence")
        for index, (evidence, kind) in enumerate(found, start=1)
        if evidence is not None and answer[evidence.start : evidence.end] == evidence.text
    ]


def _picked(question: Question, answer: str) -> list[int]:
    positions = (int(part) for part in answer.split(",") if part.isdecimal())
    return [position for position in positions if 1 <= position <= len(question.choices)]


def _choices(shown: Shown, *, graded: bool) -> Html:
    picked = _picked(shown.question, shown.attempt.answer)
    keys = shown.question.answer if graded else ()
    items = []
    for position, choice in enumerate(shown.question.choices, start=1):
        mine, right = position in picked, position in keys
        state = (
            "right"
            if mine and right
            else "wrong"
            if mine and graded
            else "mine"
            if mine
            else "key"
            if right
            else "rest"
        )
        sign = icon("cross") if state == "wrong" else icon("check") if mine or right else NOTHING
        notes = [say(shown.lang, "picked")] * mine + [say(shown.lang, "in_key")] * right
        text = tag("span", localise(choice, shown.text_lang), class_="choice-text")
        note = tag("small", " · ".join(notes)) if notes else NOTHING
        items.append(tag("li", tag("span", sign, class_="choice-sign"), text, note, class_=f"choice is-{state}"))
    return tag("div", tag("h3", say(shown.lang, "your_choice")), tag("ul", *items, class_="choices"))


def _explanation(shown: Shown) -> Html:
    text = localise(shown.question.explanation, shown.text_lang)
    if not text:
        return NOTHING
    return tag(
        "div", tag("h3", say(shown.lang, "explanation_title")), prose(text), class_="explanation", lang=shown.text_lang
    )


def _references(shown: Shown) -> Html:
    references = shown.question.reference.get(shown.text_lang, ())
    if not references:
        return NOTHING
    return tag("details", tag("summary", say(shown.lang, "reference_title")), prose(references[0]), class_="reference")


def _earlier_item(shown: Shown, attempt: Attempt) -> Html:
    outcome = outcome_of(attempt)
    state = state_of(shown.question, outcome)
    when = tag("time", attempt.time.strftime("%Y-%m-%d %H:%M UTC"), datetime=attempt.time.isoformat())
    said = words(answer_words(shown.question, attempt.answer, shown.text_lang))
    return tag("li", tag("p", badge(shown.lang, state), when), tag("blockquote", said, class_="answer-words"))


def _receipt(lang: Lang, grade: Grade) -> Html:
    percent = say(lang, "probability", percent=number(lang, round(100 * grade.confidence)))
    digest = tag("code", grade.receipt[:19] + "…", title=grade.receipt)
    judged = grade.judge is not None and grade.judge.status == "judged"
    checked = join([" · ", say(lang, "judged")]) if judged else NOTHING
    return tag("p", percent, checked, " · ", say(lang, "receipt"), " ", digest, class_="receipt")
