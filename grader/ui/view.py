"""The page's furniture as HTML: masthead, navigation, question, notices. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from grader.errors import Fault
from grader.schema import Grade, Lang, Outcome, Question, Verdict
from grader.store import Attempt
from grader.ui.library import Course, localise
from grader.ui.markup import NOTHING, Html, icon, join, prose, tag
from grader.ui.study import Work, outcome_of
from grader.ui.texts import say

VERDICT_ICONS: Mapping[str, str] = MappingProxyType(
    {
        "correct": "check",
        "partial": "half",
        "contradictory": "cross",
        "irrelevant": "away",
        "non_domain": "dots",
        "unscored": "eye",
        "pending": "dots",
    }
)

_PROGRAM = """\
from gradio_client import Client

client = Client("http://127.0.0.1:7860")
quiz = "phase-27-modern-attention"
print(client.predict(quiz, "en", api_name="/list"))
print(client.predict(quiz, "q-27-03", "3", "en", api_name="/grade"))"""


@dataclass(frozen=True)
class Shown:
    """Everything that an outcome is drawn from.

    Args:
        lang: Language of the interface.
        course: The quiz and its rubric.
        question: The question answered.
        attempt: The attempt on show.
    """

    lang: Lang
    course: Course
    question: Question
    attempt: Attempt

    @property
    def text_lang(self) -> Lang:
        """Language of the quiz's own texts."""
        return self.course.lang(self.lang)


def masthead(lang: Lang) -> Html:
    """Name the product and say what it is for."""
    mark = Html(
        '<svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">'
        '<rect width="32" height="32" rx="9" fill="currentColor"/>'
        '<path d="M8 11.5h16M8 16.5h9" stroke="var(--paper)" stroke-width="2.6" stroke-linecap="round"/>'
        '<path d="M17.5 21.6l2.9 2.9 5-6" stroke="var(--paper)" stroke-width="2.6" stroke-linecap="round" '
        'stroke-linejoin="round" fill="none"/></svg>'
    )
    name = tag("div", tag("h1", say(lang, "app_name")), tag("p", say(lang, "tagline")), class_="brand-words")
    return tag("div", mark, name, class_="brand")


def footer(lang: Lang) -> Html:
    """Say where answers go, and how a program grades one."""
    program = tag("pre", tag("code", _PROGRAM), tabindex="0")
    api = tag("details", tag("summary", say(lang, "api_title")), tag("p", say(lang, "api_hint")), program)
    return tag("div", tag("p", say(lang, "privacy")), api, class_="footer")


def notice(text: str) -> Html:
    """Show a problem so that a screen reader announces it; empty markup for an empty text."""
    return tag("p", icon("eye"), tag("span", text), class_="notice", role="alert") if text else NOTHING


def state_of(question: Question, outcome: Outcome | None) -> str:
    """Name an outcome as the page colours and words it: a verdict, ``unscored`` or ``pending``.

    A choice is never off the point: whatever is neither right nor partly right is wrong.
    """
    if not isinstance(outcome, Grade):
        return "pending" if outcome is None else "unscored"
    known = question.type == "free" or outcome.verdict in {Verdict.CORRECT, Verdict.PARTIAL}
    return outcome.verdict.value if known else Verdict.CONTRADICTORY.value


def status(question: Question, work: Work | None) -> str:
    """Name how a question stands: ``none``, or the state of the attempt that counts."""
    return "none" if work is None else state_of(question, outcome_of(work.counted))


def navigation(lang: Lang, course: Course, works: Mapping[str, Work], current: str) -> Html:
    """List the questions with what came of each, below how far the learner has come."""
    questions = course.quiz.questions
    answered = sum(question.id in works for question in questions)
    items = (
        tag("li", _question_button(lang, course, question, works.get(question.id), here=question.id == current))
        for question in questions
    )
    return tag(
        "nav",
        _progress(lang, answered, len(questions)),
        tag("ol", *items),
        class_="nav",
        aria_label=say(lang, "questions"),
    )


def question_card(lang: Lang, course: Course, question: Question) -> Html:
    """Show a question's place, title and prompt; nothing that belongs behind its answer."""
    text_lang = course.lang(lang)
    index = course.quiz.questions.index(question) + 1
    place = say(lang, "question_of", number=index, total=len(course.quiz.questions))
    eyebrow = tag("p", place, tag("span", say(lang, f"type_{question.type}"), class_="kind"), class_="eyebrow")
    title = tag("h2", title_of(question, text_lang), id="question-title", tabindex="-1")
    prompt = tag("div", prose(localise(question.prompt, text_lang)), class_="prompt")
    parts = (
        [eyebrow, title, prompt]
        if localise(question.title, text_lang)
        else [eyebrow, _prompt_title(question, text_lang)]
    )
    return tag("article", *parts, class_="question", lang=text_lang)


def title_of(question: Question, lang: Lang) -> str:
    """Give a question a short name: its title, or the beginning of its prompt."""
    title = localise(question.title, lang)
    if title:
        return title
    prompt = " ".join(localise(question.prompt, lang).split())
    limit = 60
    return prompt if len(prompt) <= limit else prompt[:limit].rsplit(" ", 1)[0] + "…"


def faults(lang: Lang, found: Sequence[Fault]) -> Html:
    """Report files that were left out: where, but not what, for the message may quote a key."""
    if not found:
        return NOTHING
    key = "faults_one" if len(found) == 1 else "faults_many"
    lines = (tag("li", tag("code", _fault_place(lang, fault))) for fault in found)
    summary = tag("summary", say(lang, key, count=len(found)))
    return tag("details", summary, tag("ul", *lines), tag("p", say(lang, "faults_hint")), class_="faults")


def _fault_place(lang: Lang, fault: Fault) -> str:
    line = "" if fault.line is None else say(lang, "fault_line", line=fault.line)
    return " · ".join(part for part in (PurePath(fault.path).name, line, fault.field) if part)


def _prompt_title(question: Question, lang: Lang) -> Html:
    prompt = tag("div", prose(localise(question.prompt, lang)), id="question-title", tabindex="-1")
    return tag("div", prompt, class_="prompt prompt-alone")


def _progress(lang: Lang, answered: int, total: int) -> Html:
    left = total - answered
    rest = "all_answered" if left == 0 else "remaining_one" if left == 1 else "remaining_many"
    done = say(lang, "answered_of", answered=answered, total=total)
    line = tag("p", tag("strong", done), tag("span", say(lang, rest, count=left)), class_="progress-words")
    fill = tag("span", style=f"width: {100 * answered / total:.1f}%")
    bar = tag(
        "div",
        fill,
        class_="progress-bar",
        role="progressbar",
        aria_label=done,
        aria_valuemin=0,
        aria_valuemax=total,
        aria_valuenow=answered,
    )
    return join([line, bar])


def _question_button(lang: Lang, course: Course, question: Question, work: Work | None, *, here: bool) -> Html:
    index = course.quiz.questions.index(question) + 1
    state = status(question, work)
    words = say(lang, "not_answered") if state == "none" else say(lang, f"verdict_{state}")
    sign = icon(VERDICT_ICONS[state]) if state in VERDICT_ICONS else ""
    return tag(
        "button",
        tag("span", str(index), class_="nav-number"),
        tag("span", title_of(question, course.lang(lang)), class_="nav-title"),
        tag("span", sign, tag("span", words, class_="visually-hidden"), class_="nav-state"),
        type="button",
        class_=f"nav-item is-{state}",
        data_question=question.id,
        aria_current="true" if here else None,
        title=words,
    )
