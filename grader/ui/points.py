"""What an answer says, what it lacks and what it gets wrong, point by point. Pure."""

from __future__ import annotations

import re

from grader.schema import Evidence, Grade, Lang
from grader.ui.library import localise
from grader.ui.markup import NOTHING, Html, icon, tag
from grader.ui.texts import number, say
from grader.ui.view import Shown

# A text that the page lists by itself, and such texts together with the label in front of them.
_LISTED = "\0"
_LABELLED = re.compile(r"(\w+:)?(\s*\0)+")


def criteria_lists(shown: Shown, grade: Grade) -> Html:
    """List what an answer says and what was missing; empty markup for a grade without criteria."""
    met = [criterion for criterion in grade.criteria if criterion.met]
    missing = [criterion for criterion in grade.criteria if not criterion.met]
    said = [
        _point(shown, _sign(shown.lang, "evidence", index, criterion.evidence), criterion.id, criterion.points)
        for index, criterion in enumerate(met, start=1)
    ]
    unsaid = [
        _point(shown, icon("half"), criterion.id, _worth(shown, criterion.id, grade.max_points))
        for criterion in missing
    ]
    columns = [
        tag("div", tag("h3", say(shown.lang, key)), tag("ul", *items), class_=f"points-list {kind}")
        for key, kind, items in (("met_title", "is-met", said), ("missing_title", "is-missing", unsaid))
        if items
    ]
    return tag("div", *columns, class_="points-lists") if columns else NOTHING


def _point(shown: Shown, sign: Html, criterion_id: str, points: float) -> Html:
    weight = tag("small", say(shown.lang, "points_each", points=number(shown.lang, points))) if points else NOTHING
    return tag("li", sign, tag("span", _statement(shown, criterion_id)), weight)


def _worth(shown: Shown, criterion_id: str, max_points: float) -> float:
    """Scale a criterion's points to the question's, as those given are; 0 for what stands for the references."""
    rubric = shown.course.rubric_of(shown.question)
    points = {} if rubric is None else {criterion.id: criterion.points for criterion in rubric.criteria}
    return points[criterion_id] * max_points / sum(points.values()) if criterion_id in points else 0.0


def _statement(shown: Shown, criterion_id: str) -> str:
    rubric = shown.course.rubric_of(shown.question)
    for criterion in () if rubric is None else rubric.criteria:
        if criterion.id == criterion_id:
            return localise(criterion.statement, shown.text_lang)
    references = shown.question.reference.get(shown.text_lang, ())
    return references[0] if references else criterion_id


def misconceptions(shown: Shown, grade: Grade) -> Html:
    """List what to think over again; empty markup where no misconception was asserted."""
    if not grade.misconceptions:
        return NOTHING
    rubric = shown.course.rubric_of(shown.question)
    known = {item.id: item for item in (() if rubric is None else rubric.misconceptions)}
    first = sum(criterion.met for criterion in grade.criteria) + 1
    items = []
    for index, held in enumerate(grade.misconceptions, start=first):
        belief = known.get(held.id)
        texts = () if belief is None else (belief.feedback, belief.statement)
        advice = next(filter(None, (localise(text, shown.text_lang) for text in texts)), held.id)
        items.append(tag("li", _sign(shown.lang, "misconception_at", index, held.evidence), tag("span", advice)))
    return tag("div", tag("h3", say(shown.lang, "misconception_title")), tag("ul", *items), class_="misconceptions")


def _sign(lang: Lang, key: str, index: int, evidence: Evidence | None) -> Html:
    """Number a point as its words in the answer are numbered; a plain sign where no words carry it."""
    if evidence is None:
        return icon("check" if key == "evidence" else "cross")
    return tag("sup", str(index), title=say(lang, key, number=index))


def without_lists(shown: Shown, grade: Grade) -> str:
    """Shorten a grade's feedback to what the lists on the page do not say already."""
    rubric = shown.course.rubric_of(shown.question)
    listed = [] if rubric is None else [criterion.statement for criterion in rubric.criteria]
    listed += [] if rubric is None else [belief.feedback for belief in rubric.misconceptions]
    feedback = grade.feedback.replace(_LISTED, "")
    texts = {local[grade.lang] for local in listed if local.get(grade.lang)}
    for text in sorted(texts, key=len, reverse=True):  # one may begin another
        feedback = feedback.replace(text, _LISTED)
    return " ".join(_LABELLED.sub("", feedback).split())
