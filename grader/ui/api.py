"""The two endpoints that programs may call; how a deployed page is checked.

They take no learner and record nothing. Every argument is checked, for a caller can send anything.
"""

from __future__ import annotations

import gradio as gr
from gradio.events import api

from grader.errors import GraderError
from grader.load.faults import shown
from grader.records import Record, to_record
from grader.schema import LANGS, Lang, Question, Submission
from grader.ui.library import Course, Library, localise
from grader.ui.study import storable

API_ANSWER_LIMIT = 20_000


class RequestError(GraderError):
    """A call that cannot be answered; the message says what to send instead."""


def list_questions(library: Library, quiz: object, lang: object) -> Record:
    """List a quiz's questions without anything that belongs behind an answer.

    Args:
        library: The quizzes.
        quiz: Quiz id.
        lang: ``en`` or ``es``.

    Raises:
        RequestError: No such quiz or language.
    """
    course, text_lang = _course(library, quiz), _lang(lang)
    text_lang = course.lang(text_lang)
    questions = [_listed(question, text_lang) for question in course.quiz.questions]
    title = localise(course.quiz.title, text_lang)
    return {"quiz": course.quiz.id, "title": title, "lang": text_lang, "questions": questions}


def grade_answer(library: Library, quiz: object, question: object, answer: object, lang: object) -> Record:
    """Grade one answer: the record that the command line writes; and the explanation, unless it is blank.

    Args:
        library: The quizzes.
        quiz: Quiz id.
        question: Question id.
        answer: A text of at most 20,000 characters; for choices positions, ``"2,3"`` or ``[2, 3]``, or their texts.
        lang: Language of the answer and of the feedback.

    Raises:
        RequestError: An argument is not usable; the message quotes it.
        GraderError: The grader cannot be opened.
    """
    course, answer_lang = _course(library, quiz), _lang(lang)
    answer_lang = course.lang(answer_lang)
    asked = course.quiz.question(question) if isinstance(question, str) else None
    if asked is None:
        known = ", ".join(item.id for item in course.quiz.questions)
        raise RequestError(f"question: {shown(question)} is none of {known}")
    given = _read(answer)
    submission = Submission(submission_id="api", question_id=asked.id, answer=given, lang=answer_lang)
    outcome = library.grade(course.quiz.id, [submission])[0]
    record = to_record(outcome)
    if "".join(given).strip():
        record["explanation"] = localise(asked.explanation, answer_lang)
    return record


def add_endpoints(library: Library) -> None:
    """Publish ``/grade`` and ``/list_questions`` on the page being built."""

    def grade(quiz: str, question: str, answer: str | list[str], lang: str = "en") -> dict[str, object]:
        try:
            return grade_answer(library, quiz, question, answer, lang)
        except GraderError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def questions(quiz: str, lang: str = "en") -> dict[str, object]:
        try:
            return list_questions(library, quiz, lang)
        except GraderError as error:
            raise gr.Error(str(error), print_exception=False) from error

    api(
        grade,
        api_name="grade",
        api_description="Grade one answer (choices: positions such as '2,3'): the grade record and the explanation.",
        concurrency_id="grade",
        concurrency_limit=2,
    )
    api(questions, api_name="list_questions", api_description="List the questions of a quiz, without answers.")


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
