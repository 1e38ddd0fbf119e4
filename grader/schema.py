"""The records that travel through the grader: quiz, rubric, submission, grade.

All are frozen. Texts that exist in several languages are mappings from language code to text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Lang = Literal["en", "es"]
LANGS: tuple[Lang, ...] = ("en", "es")
LocalText = Mapping[Lang, str]
LocalTexts = Mapping[Lang, tuple[str, ...]]
QuestionType = Literal["free", "single", "multiple"]
ThreeWay = Literal["correct", "contradictory", "incorrect"]
TwoWay = Literal["correct", "incorrect"]


class Verdict(StrEnum):
    """The five labels of SemEval-2013 Task 7 (Dzikovska et al., 2013)."""

    CORRECT = "correct"
    PARTIAL = "partial"
    CONTRADICTORY = "contradictory"
    IRRELEVANT = "irrelevant"
    NON_DOMAIN = "non_domain"


@dataclass(frozen=True)
class Question:
    """One question of a quiz.

    Args:
        id: Unique inside the quiz.
        type: ``free`` text, ``single`` choice or ``multiple`` choice.
        prompt: What the learner reads.
        title: Short heading; empty where the author gave none.
        reference: Full-mark answers, free questions only.
        choices: Options in the order written, choice questions only.
        answer: 1-based keys into ``choices``.
        explanation: Shown after answering; empty where the author gave none.
        fact: Id of a fact in ``grader.attention`` that proves the answer, or ``None``.
    """

    id: str
    type: QuestionType
    prompt: LocalText
    title: LocalText = field(default_factory=dict)
    reference: LocalTexts = field(default_factory=dict)
    choices: tuple[LocalText, ...] = ()
    answer: tuple[int, ...] = ()
    explanation: LocalText = field(default_factory=dict)
    fact: str | None = None


@dataclass(frozen=True)
class Quiz:
    """A quiz as its author wrote it.

    Args:
        id: File-name-safe identifier.
        title: Heading in each language.
        langs: Languages every text of the quiz exists in.
        questions: In the order written.
        digest: SHA-256 hex of the file's bytes.
    """

    id: str
    title: LocalText
    langs: tuple[Lang, ...]
    questions: tuple[Question, ...]
    digest: str

    def question(self, question_id: str) -> Question | None:
        """Find a question by id; ``None`` where the quiz has no such question."""
        return next((q for q in self.questions if q.id == question_id), None)


@dataclass(frozen=True)
class Criterion:
    """One atomic statement that a full answer expresses.

    Args:
        id: Unique inside its question.
        points: Above zero.
        statement: The point in each language.
        accept: Other wordings that count as expressing it.
    """

    id: str
    points: float
    statement: LocalText
    accept: LocalTexts = field(default_factory=dict)


@dataclass(frozen=True)
class Misconception:
    """A typical wrong belief; asserting it contradicts the answer.

    Args:
        id: Unique inside its question.
        statement: The belief in each language.
        feedback: What to tell a learner who holds it; may be empty.
    """

    id: str
    statement: LocalText
    feedback: LocalText = field(default_factory=dict)


@dataclass(frozen=True)
class QuestionRubric:
    """Criteria and misconceptions of one free question.

    Args:
        criteria: At least one.
        misconceptions: May be empty.
        max_points: Full mark; the sum of the criteria unless the author says otherwise.
    """

    criteria: tuple[Criterion, ...]
    misconceptions: tuple[Misconception, ...]
    max_points: float


@dataclass(frozen=True)
class Rubric:
    """Rubrics of a quiz by question id.

    Args:
        questions: Only the free questions that have one.
        digest: SHA-256 hex of the file's bytes; empty where there is no file.
    """

    questions: Mapping[str, QuestionRubric] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class Submission:
    """One answer to grade.

    Args:
        submission_id: Unique inside its file.
        question_id: A question of the quiz.
        answer: The learner's text; for choices ``"2,3"``, a choice's own text, or a tuple of either.
        lang: Language of the answer, or ``None`` to detect it.
        learner_id: Who answered; opaque.
    """

    submission_id: str
    question_id: str
    answer: str | tuple[str, ...]
    lang: Lang | None = None
    learner_id: str | None = None


@dataclass(frozen=True)
class GoldLabel:
    """What a person decided about one submission; ``None`` where the file does not say.

    A coarser label that the file leaves out follows from the finer one.

    Args:
        submission_id: Unique inside its file.
        question_id: The question answered.
        lang: Language of the answer.
        verdict: Five-way label.
        label_3way: Three-way label.
        label_2way: Two-way label.
        score: As the file scales it, commonly 0 to 1; at least 0.
        points: At least 0.
        criteria_met: Ids of the criteria that the answer expresses.
        misconceptions: Ids of the misconceptions that it asserts.
    """

    submission_id: str
    question_id: str | None = None
    lang: Lang | None = None
    verdict: Verdict | None = None
    label_3way: ThreeWay | None = None
    label_2way: TwoWay | None = None
    score: float | None = None
    points: float | None = None
    criteria_met: tuple[str, ...] | None = None
    misconceptions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Evidence:
    """The learner's own words behind a decision.

    Args:
        text: ``answer[start:end]``.
        start: Offset in code points, inclusive.
        end: Offset in code points, exclusive.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class CriterionGrade:
    """Whether an answer expresses one criterion.

    Args:
        id: The criterion's id.
        met: Whether its points were given.
        points: Its share of the question's points; 0 where it is not met.
        probability: That the answer expresses the criterion, 0 to 1.
        evidence: Where it does; ``None`` where it does not.
    """

    id: str
    met: bool
    points: float
    probability: float
    evidence: Evidence | None


@dataclass(frozen=True)
class MisconceptionGrade:
    """A misconception that an answer asserts.

    Args:
        id: The misconception's id.
        probability: That the answer asserts it, 0 to 1.
        evidence: Where; ``None`` where no single span carries it.
    """

    id: str
    probability: float
    evidence: Evidence | None


@dataclass(frozen=True)
class JudgeNote:
    """What came of asking a judge about one answer.

    Args:
        name: ``local``, ``prompt``, or host and model of a server.
        status: ``judged``, or ``unscored`` where it gave no verdict and the tier's grade stands.
        reason: Why it gave none; ``None`` where it judged.
    """

    name: str
    status: Literal["judged", "unscored"]
    reason: str | None


@dataclass(frozen=True)
class Grade:
    """One graded submission.

    Args:
        submission_id: As submitted.
        question_id: As submitted.
        verdict: Five-way label.
        points: 0 to ``max_points``.
        max_points: Full mark of the question.
        score: ``points / max_points``, three decimals.
        confidence: Probability that the verdict is right, 0 to 1.
        needs_review: Whether a person should look.
        criteria: One a criterion, in rubric order; empty for choices.
        misconceptions: Those asserted.
        feedback: For the learner, in ``lang``.
        lang: Language of the feedback.
        receipt: ``sha256:`` and the hash of everything that decided the grade.
        judge: What came of asking a judge; ``None`` where none was asked.
    """

    submission_id: str
    question_id: str
    verdict: Verdict
    points: float
    max_points: float
    score: float
    confidence: float
    needs_review: bool
    criteria: tuple[CriterionGrade, ...]
    misconceptions: tuple[MisconceptionGrade, ...]
    feedback: str
    lang: Lang
    receipt: str
    status: Literal["graded"] = "graded"
    judge: JudgeNote | None = None


@dataclass(frozen=True)
class Unscored:
    """A submission that cannot honestly be graded; never a zero.

    Args:
        submission_id: As submitted; may be empty where the row had none.
        question_id: As submitted; may be empty.
        reason: Why, for the instructor.
    """

    submission_id: str
    question_id: str
    reason: str
    status: Literal["unscored"] = "unscored"


Outcome = Grade | Unscored
