"""The two endpoints that programs may call, and that are tools where the page is an MCP server too.

They take no learner and record nothing. Every argument is checked, for a caller can send anything. A docstring below
that Gradio publishes is written for whoever calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import gradio as gr
from gradio.events import api

from grader.errors import GraderError
from grader.load.faults import shown
from grader.records import Record, to_record
from grader.schema import LANGS, Lang, Question, Submission, Verdict
from grader.ui.batching import BusyError
from grader.ui.library import Course, Library, localise
from grader.ui.study import storable
from grader.ui.texts import say

API_ANSWER_LIMIT = 20_000


class RequestError(GraderError):
    """A call that cannot be answered; the message says what to send instead, or when."""


def list_quizzes(library: Library, quiz: object, lang: object) -> Record:
    """List quizzes and their questions without anything that belongs behind an answer.

    Args:
        library: The quizzes.
        quiz: Quiz id; empty for every quiz.
        lang: ``en`` or ``es``.

    Raises:
        RequestError: No such quiz or language.
    """
    wanted = _lang(lang)
    courses = list(library.courses.values()) if quiz == "" else [_course(library, quiz)]
    return {"quizzes": [_listed_quiz(course, course.lang(wanted)) for course in courses]}


async def grade_answer(library: Library, quiz: object, question: object, answer: object, lang: object) -> Record:
    """Grade one answer: the record that the command line writes; and the explanation, where there was one to grade.

    Args:
        library: The quizzes.
        quiz: Quiz id.
        question: Question id.
        answer: A text of at most 20,000 characters; for choices positions, ``"2,3"`` or ``[2, 3]``, or their texts.
        lang: Language of the answer and of the feedback.

    Raises:
        RequestError: An argument is not usable, and the message quotes it; or too many answers are waiting.
        GraderError: The grader cannot be opened.
    """
    course, wanted = _course(library, quiz), _lang(lang)
    answer_lang = course.lang(wanted)
    asked = course.quiz.question(question) if isinstance(question, str) else None
    if asked is None:
        known = ", ".join(item.id for item in course.quiz.questions)
        raise RequestError(f"question: {shown(question)} is none of {known}")
    given = _read(answer)
    submission = Submission(submission_id="api", question_id=asked.id, answer=given, lang=answer_lang)
    try:
        outcome = await asyncio.wrap_future(library.grade(course.quiz.id, submission))
    except BusyError as error:
        raise RequestError(say(wanted, "busy_call", waiting=error.waiting, seconds=error.retry_s)) from error
    record = to_record(outcome)
    if "".join(given).strip() and record.get("verdict") != Verdict.NON_DOMAIN.value:
        record["explanation"] = localise(asked.explanation, answer_lang)
    return record


def add_endpoints(library: Library) -> None:
    """Publish ``/grade`` and ``/list`` on the page being built; whoever waits for a grade keeps no thread."""
    for tool in (_grade_tool(library), _list_tool(library)):
        # Not queued where the protocol leaves the choice: the line in front of the grader is queue enough.
        api(tool, api_name=tool.__name__, concurrency_limit=None, queue=False)


def _grade_tool(library: Library) -> Callable[..., Awaitable[Record]]:
    async def grade(quiz: str, question: str, answer: str | list[str | int], lang: str = "en") -> dict[str, object]:
        """Grade a learner's answer to a question: verdict, points, the criteria met with the words that met them,
        misconceptions, feedback, how sure the grade is, and the explanation of the right answer.

        Args:
            quiz: Id of a quiz, as list gives it.
            question: Id of one of its questions.
            answer: The learner's words, at most 20,000 characters; for choices positions, such as "2,3", or texts.
            lang: Language of the answer and of the feedback, en or es.
        """  # noqa: D205 -- it is published as one paragraph
        try:
            return await grade_answer(library, quiz, question, answer, lang)
        except GraderError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return grade


def _list_tool(library: Library) -> Callable[..., Record]:
    def list(quiz: str = "", lang: str = "en") -> dict[str, object]:  # noqa: A001 -- the tool's name
        """List quizzes and their questions, with the choices that they offer, without answers.

        Args:
            quiz: Id of a quiz; empty for all.
            lang: Language of the texts, en or es.
        """
        try:
            return list_quizzes(library, quiz, lang)
        except GraderError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return list


def _listed_quiz(course: Course, lang: Lang) -> Record:
    questions = [_listed(question, lang) for question in course.quiz.questions]
    return {"quiz": course.quiz.id, "title": localise(course.quiz.title, lang), "lang": lang, "questions": questions}


def _listed(question: Question, lang: Lang) -> Record:
    choices = [
        {"position": position, "text": localise(choice, lang)}
        for position, choice in enumerate(question.choices, start=1)
    ]
    title, prompt = localise(question.title, lang), localise(question.prompt, lang)
    return {"id": question.id, "type": question.type, "title": title, "prompt": prompt, "choices": choices}


def _course(library: Library, quiz: object) -> Course:
    course = library.courses.get(quiz) if isinstance(quiz, str) else None
    if course is None:
        raise RequestError(f"quiz: {shown(quiz)} is none of {', '.join(library.courses) or 'none loaded'}")
    return course


def _lang(lang: object) -> Lang:
    found = next((code for code in LANGS if code == lang), None)
    if found is None:
        raise RequestError(f"lang: {shown(lang)} is none of {', '.join(LANGS)}")
    return found


def _read(answer: object) -> str | tuple[str, ...]:
    """Check the type and the length of an answer; what it means is the grader's to say."""
    if isinstance(answer, str):
        _check_length(len(answer))
        return storable(answer)
    if isinstance(answer, list) and all(isinstance(part, str | int) and not isinstance(part, bool) for part in answer):
        _check_length(sum(len(str(part)) + 1 for part in answer))
        return tuple(storable(str(part)) for part in answer)
    raise RequestError(f"answer: {shown(answer)} is neither a text nor a list of choices")


def _check_length(length: int) -> None:
    if length > API_ANSWER_LIMIT:
        raise RequestError(f"answer: {length} characters; the limit is {API_ANSWER_LIMIT}")
