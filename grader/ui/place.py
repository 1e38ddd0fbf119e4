"""Where a learner is, as the browser keeps it; whatever comes back is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from grader.schema import LANGS, Lang, Question
from grader.ui.library import Course, Library
from grader.ui.study import ANSWER_LIMIT

Draft = str | list[str]


@dataclass(frozen=True)
class Place:
    """Language, quiz and question on the screen.

    Args:
        lang: Language of the interface.
        quiz: Quiz id; empty where there is no quiz at all.
        question: Question id; empty where there is no quiz at all.
        retry: Whether an answered question is open for another attempt.
    """

    lang: Lang
    quiz: str
    question: str
    retry: bool = False

    def move(self, library: Library, step: int) -> Place:
        """Go some questions ahead or back, stopping at either end."""
        questions = library.courses[self.quiz].quiz.questions if self.quiz else ()
        index = next((i for i, question in enumerate(questions) if question.id == self.question), 0) + step
        if not 0 <= index < len(questions):
            return self
        return replace(self, question=questions[index].id, retry=False)

    def store(self) -> dict[str, object]:
        """Lay the place out as plain values for the browser to keep."""
        return {"lang": self.lang, "quiz": self.quiz, "question": self.question, "retry": self.retry}


def read_place(raw: object, library: Library, *, lang: Lang = "en") -> Place:
    """Read the place that the browser kept; what is missing or gone falls back to the first quiz and question.

    Args:
        raw: The stored value, possibly of an older version or somebody's invention.
        library: The quizzes there are now.
        lang: Language for a browser that has none yet.
    """
    kept = raw if isinstance(raw, Mapping) else {}
    lang = next((code for code in LANGS if code == kept.get("lang")), lang)
    course = _course(kept.get("quiz"), library)
    if course is None:
        return Place(lang, "", "")
    question = next((q for q in course.quiz.questions if q.id == kept.get("question")), course.quiz.questions[0])
    same = question.id == kept.get("question") and course.quiz.id == kept.get("quiz")
    return Place(lang, course.quiz.id, question.id, retry=same and kept.get("retry") is True)


def read_lang(raw: object, default: Lang) -> Lang:
    """Read a language code; ``default`` where it is none of ours."""
    return next((code for code in LANGS if code == raw), default)


def accepted_lang(header: str | None) -> Lang:
    """Choose the interface's first language from an ``Accept-Language`` header, English where it names none of ours."""
    for part in (header or "").split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGS:
            return read_lang(code, "en")
    return "en"


def read_draft(raw: object, quiz: str, question: Question) -> Draft:
    """Find what the learner typed or picked at a question and did not send yet; empty where there is nothing."""
    draft = raw.get(f"{quiz}/{question.id}") if isinstance(raw, Mapping) else None
    if question.type == "free":
        return draft[: 2 * ANSWER_LIMIT] if isinstance(draft, str) else ""
    positions = [str(position) for position in range(1, len(question.choices) + 1)]
    picked = draft if isinstance(draft, list) else [draft]
    return [position for position in positions if position in picked]


def _course(quiz: object, library: Library) -> Course | None:
    if isinstance(quiz, str) and quiz in library.courses:
        return library.courses[quiz]
    return next(iter(library.courses.values()), None)
