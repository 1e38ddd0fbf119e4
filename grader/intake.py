"""What becomes of a submission before any model: a choice graded by key, a reason, or a free answer laid out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from grader import choice, guard, language
from grader.doubt import REFERENCE
from grader.receipt import make_receipt
from grader.schema import (
    Criterion,
    Lang,
    Misconception,
    Outcome,
    Question,
    QuestionRubric,
    Quiz,
    Rubric,
    Submission,
    Unscored,
)
from grader.sheet import Sheet

FOREIGN = "the answer is not written in a language of this quiz"
MAX_CHARS = 20_000
FREE_POINTS = 1.0  # full mark of a free question without a rubric
FEW_LETTERS = 3  # up to so many say nothing about the language


@dataclass(frozen=True)
class FreeAnswer:
    """A free answer beside all that it is graded by.

    Args:
        submission: As it came.
        question: What was asked.
        rubric: Of the question, if it has one.
        lang: To grade in.
        sheet: Every statement of the question in this language.
        screened: The answer without orders to the grader.
    """

    submission: Submission
    question: Question
    rubric: QuestionRubric | None
    lang: Lang
    sheet: Sheet
    screened: guard.Screened

    @property
    def max_points(self) -> float:
        """Full mark."""
        return self.rubric.max_points if self.rubric else FREE_POINTS

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The rubric's, or the one that stands for the references."""
        return self.rubric.criteria if self.rubric else (Criterion(REFERENCE, FREE_POINTS, {}),)

    @property
    def wordings(self) -> tuple[tuple[str, ...], ...]:
        """Of each criterion every wording."""
        return self.sheet.criteria or (self.sheet.references,)

    @property
    def misconceptions(self) -> tuple[Misconception, ...]:
        """The rubric's."""
        return self.rubric.misconceptions if self.rubric else ()


class Intake:
    """Takes in submissions to one quiz.

    Args:
        quiz: The quiz.
        rubric: Its rubric; may be empty.
    """

    def __init__(self, quiz: Quiz, rubric: Rubric) -> None:
        self._quiz, self._rubric = quiz, rubric
        self._sheets: dict[tuple[str, Lang], Sheet] = {}

    def take(self, submission: Submission) -> FreeAnswer | Outcome:
        """Grade what needs no model; give a free answer, and for what cannot be graded the reason."""
        question = self._quiz.question(submission.question_id)
        if question is None:
            return _unscored(submission, f"quiz {self._quiz.id} has no question {submission.question_id[:60]!r}")
        if sum(map(len, submission.answer)) > MAX_CHARS:
            return _unscored(submission, f"the answer is longer than {MAX_CHARS:,} characters")
        if question.type != "free":
            return self._grade_choice(submission, question)
        return self._lay_out(submission, question)

    def _grade_choice(self, submission: Submission, question: Question) -> Outcome:
        lang = submission.lang if submission.lang in self._quiz.langs else self._quiz.langs[0]
        receipt = make_receipt(self._quiz, self._rubric, submission, lang, "choice")
        try:
            return choice.grade(submission, question, lang, receipt)
        except choice.UnreadableChoiceError as error:
            return _unscored(submission, str(error))

    def _lay_out(self, submission: Submission, question: Question) -> FreeAnswer | Unscored:
        answer = submission.answer
        if not isinstance(answer, str):
            return _unscored(submission, f"{question.id} is a free question and takes one text, not a list")
        if _foreign(answer):
            return _unscored(submission, FOREIGN)
        lang = submission.lang if submission.lang in self._quiz.langs else None
        lang = lang or language.detect(answer, self._quiz.langs)
        rubric = self._rubric.questions.get(question.id)
        sheet = self._sheet(question, rubric, lang)
        return FreeAnswer(submission, question, rubric, lang, sheet, guard.screen(answer, question.prompt.values()))

    def _sheet(self, question: Question, rubric: QuestionRubric | None, lang: Lang) -> Sheet:
        sheet = self._sheets.get((question.id, lang))
        if sheet is None:
            sheet = self._sheets[question.id, lang] = Sheet.of(question, rubric, lang)
        return sheet


def _unscored(submission: Submission, reason: str) -> Unscored:
    return Unscored(submission.submission_id, submission.question_id, reason)


def _foreign(answer: str) -> bool:
    """Whether most letters of an answer belong to a script that neither English nor Spanish uses."""
    letters = [char for char in answer if char.isalpha()]
    latin = sum(unicodedata.name(char, "").startswith(("LATIN", "GREEK")) for char in letters)
    return len(letters) > FEW_LETTERS and 2 * latin < len(letters)
