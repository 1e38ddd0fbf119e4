"""Everything on the screen for one learner at one place, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from grader.schema import Question
from grader.ui.library import Course, Library, localise
from grader.ui.markup import NOTHING, Html, tag
from grader.ui.outcome import earlier_attempts, outcome_card
from grader.ui.place import Draft, Place, read_draft
from grader.ui.study import Work
from grader.ui.texts import say
from grader.ui.view import Shown, navigation, question_card

Mode = Literal["empty", "open", "pending", "done"]


@dataclass(frozen=True)
class Screen:
    """What to show.

    Args:
        mode: ``open`` to answer, ``pending`` while a grade is awaited, ``done`` with an outcome, ``empty`` without.
        nav: Progress and list of questions.
        question: Prompt of the question.
        kind: Which input to show; ``None`` without quiz.
        choices: (text, position) of each choice; the browser learns positions, never keys.
        draft: What the learner had typed or picked here.
        outcome: The latest attempt's outcome, or earlier attempts beside an open input.
        has_retry: Whether the question can be opened for another attempt.
        has_previous: Whether there is a question before this one.
        has_next: Whether there is a question after this one.
    """

    mode: Mode
    nav: Html = NOTHING
    question: Html = NOTHING
    kind: Literal["free", "single", "multiple"] | None = None
    choices: tuple[tuple[str, str], ...] = ()
    draft: Draft = ""
    outcome: Html = NOTHING
    has_retry: bool = False
    has_previous: bool = False
    has_next: bool = False


def build_screen(
    library: Library, place: Place, works: Mapping[str, Work], drafts: object, *, checking: bool = False
) -> Screen:
    """Draw a place.

    Args:
        library: The quizzes.
        place: Where the learner is; its quiz and question exist.
        works: This learner's attempts at the quiz by question id.
        drafts: What the browser kept of unsent answers; unchecked.
        checking: Whether an answer without a grade is being graded just now.
    """
    if not place.quiz:
        return Screen(mode="empty", question=tag("p", say(place.lang, "no_quizzes"), class_="empty"))
    course = library.courses[place.quiz]
    question = next(q for q in course.quiz.questions if q.id == place.question)
    work = works.get(question.id)
    draft = read_draft(drafts, place.quiz, question)
    if place.retry and work is not None and not draft:
        draft = _sent(question, work)
    mode = _mode(work, retry=place.retry)
    return Screen(
        mode=mode,
        nav=navigation(place.lang, course, works, question.id),
        question=question_card(place.lang, course, question),
        kind=question.type,
        choices=_choices(course, question, place),
        draft=draft,
        outcome=_outcome(place, course, question, work, checking=checking),
        has_retry=mode == "done" or (mode == "pending" and not checking),
        has_previous=question != course.quiz.questions[0],
        has_next=question != course.quiz.questions[-1],
    )


def _mode(work: Work | None, *, retry: bool) -> Mode:
    if work is None or retry:
        return "open"
    return "pending" if work.latest.record is None else "done"


def _choices(course: Course, question: Question, place: Place) -> tuple[tuple[str, str], ...]:
    lang = course.lang(place.lang)
    return tuple((localise(choice, lang), str(position)) for position, choice in enumerate(question.choices, start=1))


def _sent(question: Question, work: Work) -> Draft:
    answer = work.latest.answer
    return answer if question.type == "free" else answer.split(",")


def _outcome(place: Place, course: Course, question: Question, work: Work | None, *, checking: bool) -> Html:
    if work is None:
        return NOTHING
    shown = Shown(place.lang, course, question, work.latest)
    if place.retry:
        return earlier_attempts(shown, work.attempts)
    return outcome_card(shown, work.attempts[:-1], checking=checking)
