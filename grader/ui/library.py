"""The quizzes on offer and the graders behind them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from grader.errors import Fault, FileFaultsError, GraderError
from grader.load import load_quiz, load_rubric
from grader.resources import find_rubric
from grader.schema import Lang, LocalText, Outcome, Question, QuestionRubric, Quiz, Rubric, Submission
from grader.ui.batching import CAPACITY, Batching


class GradesAnswers(Protocol):
    """What the page needs of a grader."""

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order: one outcome a submission."""
        ...


RETRY_S = 60.0  # after which a grader that could not be opened is tried again
OpenGrader = Callable[[Quiz, Rubric], GradesAnswers]


@dataclass(frozen=True)
class Course:
    """A quiz with its rubric."""

    quiz: Quiz
    rubric: Rubric

    def lang(self, wanted: Lang) -> Lang:
        """Choose the language to work in: the one wanted, or the quiz's first."""
        return wanted if wanted in self.quiz.langs else self.quiz.langs[0]

    def rubric_of(self, question: Question) -> QuestionRubric | None:
        """Find a question's rubric; ``None`` where it has none."""
        return self.rubric.questions.get(question.id)


class Library:
    """Quizzes by id, with one grader each that is opened once, when first needed.

    Args:
        courses: In the order to offer them; ids are unique.
        faults: What was wrong with the files that are left out.
        open_grader: Makes a grader; slow, may raise ``GraderError``.
        capacity: Callers of :meth:`grade` that may wait at once, above zero.
    """

    def __init__(
        self,
        courses: Iterable[Course],
        faults: Iterable[Fault] = (),
        *,
        open_grader: OpenGrader,
        capacity: int = CAPACITY,
    ) -> None:
        self.courses: Mapping[str, Course] = MappingProxyType({course.quiz.id: course for course in courses})
        self.faults = tuple(faults)
        self._open_grader = open_grader
        self._graders: dict[str, GradesAnswers] = {}
        self._failed: dict[str, tuple[float, str]] = {}  # until when not to try again, and why
        self._lock = threading.Lock()
        self._batching = Batching(self._grade, capacity=capacity)

    def warm(self) -> threading.Thread:
        """Open every grader in the background, so that the page is ready at once."""
        thread = threading.Thread(target=self._open_all, name="warm graders", daemon=True)
        thread.start()
        return thread

    def grade(self, quiz: str, submission: Submission) -> Future[Outcome]:
        """Have an answer graded, together with those of others who ask at the same time.

        Returns:
            What will hold the outcome; or a ``GraderError`` where the grader cannot be opened.

        Raises:
            BusyError: Too many are waiting.
            KeyError: There is no such quiz.
        """
        return self._batching.ask(self.courses[quiz].quiz.id, submission)

    def _grade(self, quiz: str, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in turns: a tokenizer must not be used by two threads at once, and one call fills the cores."""
        with self._lock:
            return self._grader(quiz).grade(submissions)

    def _grader(self, quiz: str) -> GradesAnswers:
        """Open a quiz's grader, or give the open one; after a failure, which may have taken long, not at once again."""
        if quiz not in self._graders:
            until, failed = self._failed.get(quiz, (0.0, ""))
            if time.monotonic() < until:
                raise GraderError(failed)
            course = self.courses[quiz]
            try:
                self._graders[quiz] = self._open_grader(course.quiz, course.rubric)
            except GraderError as error:
                self._failed[quiz] = time.monotonic() + RETRY_S, str(error)
                raise
        return self._graders[quiz]

    def _open_all(self) -> None:
        for quiz in self.courses:
            try:
                with self._lock:
                    self._grader(quiz)
            except GraderError as error:
                print(f"grader: {quiz}: {error}", flush=True)  # noqa: T201 -- the console is where an operator looks


def read_library(paths: Iterable[Path], *, open_grader: OpenGrader, capacity: int = CAPACITY) -> Library:
    """Load quizzes with their rubrics; a file that cannot be used is left out and its faults are kept.

    Args:
        paths: Quiz files, or folders of them.
        open_grader: Makes a grader, later and only where needed.
        capacity: Answers that may wait for their grades at once, above zero.
    """
    courses: dict[str, Course] = {}
    faults: list[Fault] = []
    files = {given: _quiz_files(given) for given in paths}
    empty = [given for given, held in files.items() if not held]
    faults.extend(Fault(str(given), None, "", "no .yaml or .yml file here") for given in empty)
    for path in (file for held in files.values() for file in held):
        try:
            course = _read_course(path)
        except FileFaultsError as error:
            faults.extend(error.faults)
            continue
        if course.quiz.id in courses:
            faults.append(Fault(str(path), None, "id", f"{course.quiz.id!r} is the id of another quiz too"))
        else:
            courses[course.quiz.id] = course
    return Library(courses.values(), faults, open_grader=open_grader, capacity=capacity)


def _quiz_files(path: Path) -> list[Path]:
    return sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]


def _read_course(path: Path) -> Course:
    quiz = load_quiz(path)
    rubric = find_rubric(path, quiz.id)
    return Course(quiz, Rubric() if rubric is None else load_rubric(rubric, quiz))


def localise(text: LocalText, lang: Lang) -> str:
    """Choose a text's language: the one wanted, or the first there is; empty where there is none."""
    return text[lang] if lang in text else next(iter(text.values()), "")
