"""One learner's work: answers are recorded first and graded second."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grader.records import from_record, to_record
from grader.schema import Grade, Lang, Outcome, Question, Submission
from grader.store import Attempt, Store, StoreError
from grader.ui.library import Library

ANSWER_LIMIT = 4_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,64}")


@dataclass(frozen=True)
class Refusal:
    """Why an answer is not taken: a key of the page's texts and the values it needs."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """A learner's attempts at one question.

    Args:
        attempts: Oldest first; at least one.
    """

    attempts: tuple[Attempt, ...]

    @property
    def latest(self) -> Attempt:
        """The attempt made last."""
        return self.attempts[-1]

    @property
    def counted(self) -> Attempt:
        """The attempt that counts: the one with the highest score, the later of two equal ones; else the latest."""
        return max(reversed(self.attempts), key=_score)

    @property
    def best(self) -> Grade | None:
        """The grade of the attempt that counts; ``None`` where no attempt has points."""
        outcome = outcome_of(self.counted)
        return outcome if isinstance(outcome, Grade) else None

    @property
    def first(self) -> Grade | None:
        """The grade of the first attempt; ``None`` where it has no points."""
        outcome = outcome_of(self.attempts[0])
        return outcome if isinstance(outcome, Grade) else None


@dataclass(frozen=True)
class Settled:
    """What came of grading a learner's answers.

    Args:
        given: How many grades were given.
        trouble: The first thing that kept an answer from its grade, or ``None``.
    """

    given: int
    trouble: Exception | None


class Study:
    """Records, grades and lists the answers of learners.

    Args:
        library: Quizzes and graders.
        store: Where attempts are kept.
    """

    def __init__(self, library: Library, store: Store) -> None:
        self.library = library
        self.store = store

    def record(self, learner: str, quiz: str, question: str, lang: Lang, answer: str) -> None:
        """Commit an answer; :meth:`settle` grades it.

        Raises:
            StoreError: It cannot be saved.
        """
        self.store.add_attempt(learner, quiz, question, self.library.courses[quiz].lang(lang), answer)

    def settle(self, learner: str) -> Settled:
        """Grade every answer of a learner that has no grade: a new one, or one that a killed process left.

        Each stands alone: an answer that the grader stumbles over stays recorded and holds up no other.

        Raises:
            StoreError: The answers cannot be read.
        """
        given, trouble = 0, None
        for attempt in self.store.ungraded(learner):
            course = self.library.courses.get(attempt.quiz)
            question = None if course is None else course.quiz.question(attempt.question)
            if question is None:
                continue
            try:
                given += self._grade(attempt, question)
            except Exception as error:  # noqa: BLE001 -- see above; the caller reports it
                trouble = trouble or error
        return Settled(given, trouble)

    def works(self, learner: str, quiz: str) -> dict[str, Work]:
        """Collect a learner's attempts at a quiz by question id; only questions that were answered."""
        collected: dict[str, list[Attempt]] = {}
        for attempt in self.store.attempts(learner, quiz):
            collected.setdefault(attempt.question, []).append(attempt)
        return {question: Work(tuple(attempts)) for question, attempts in collected.items()}

    def _grade(self, attempt: Attempt, question: Question) -> bool:
        submission = Submission(
            submission_id=str(attempt.id),
            question_id=attempt.question,
            answer=attempt.answer if question.type == "free" else tuple(attempt.answer.split(",")),
            lang=attempt.lang,
        )
        outcome = self.library.grade(attempt.quiz, submission).result()
        return self.store.add_grade(attempt.id, to_record(outcome))


def outcome_of(attempt: Attempt) -> Outcome | None:
    """Read an attempt's outcome; ``None`` while it is not graded.

    Raises:
        StoreError: Its record is damaged.
    """
    if attempt.record is None:
        return None
    try:
        return from_record(attempt.record)
    except ValueError as error:
        raise StoreError(f"attempt {attempt.id}: its stored grade is damaged ({error})") from error


def _score(attempt: Attempt) -> float:
    outcome = outcome_of(attempt)
    return outcome.score if isinstance(outcome, Grade) else -1.0


def new_token() -> str:
    """Make a learner's anonymous token: 192 random bits, so nobody can guess another learner's."""
    return secrets.token_urlsafe(24)


def read_token(raw: object) -> str | None:
    """Accept a token that the browser sent back; ``None`` where it has none, or one that is not ours."""
    return raw if isinstance(raw, str) and _TOKEN.fullmatch(raw) else None


def read_answer(question: Question, raw: object, *, limit: int = ANSWER_LIMIT) -> str | Refusal:
    """Check what the browser sent as the answer to a question.

    Args:
        question: The question answered.
        raw: A text; for choices a position or a list of positions, counted from 1.
        limit: Longest text taken, in characters.

    Returns:
        The text, or positions such as ``"2,3"``; a refusal where there is no usable answer.
    """
    if question.type == "free":
        return _read_text(raw, limit)
    return _read_positions(question, raw)


def storable(text: str) -> str:
    """Replace lone surrogates, which can be neither stored nor encoded, one for one, so that offsets keep."""
    return _SURROGATE.sub("\ufffd", text)


def _read_text(raw: object, limit: int) -> str | Refusal:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return Refusal("empty_answer")
    if not isinstance(raw, str):
        return Refusal("unreadable_answer")
    if len(raw) > limit:
        return Refusal("too_long", {"count": len(raw), "limit": limit})
    return storable(raw)


def _read_positions(question: Question, raw: object) -> str | Refusal:
    picked: Sequence[object] = raw if isinstance(raw, list | tuple) else [] if raw is None else [raw]
    if not picked:
        return Refusal("empty_choice")
    known = {str(position) for position in range(1, len(question.choices) + 1)}
    positions = {str(item) for item in picked}
    if not positions <= known or (question.type == "single" and len(positions) > 1):
        return Refusal("unreadable_answer")
    return ",".join(sorted(positions, key=int))
