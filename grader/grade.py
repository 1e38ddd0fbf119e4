"""Where quiz, rubric and models meet: submissions in, grades out."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from grader import __version__, choice, feedback, guard, language, spans, surface
from grader.match import Decision, Reading, decide, load_rule
from grader.schema import (
    Criterion,
    CriterionGrade,
    Evidence,
    Grade,
    Lang,
    LocalText,
    MisconceptionGrade,
    Outcome,
    Question,
    QuestionRubric,
    Quiz,
    Rubric,
    Submission,
    Unscored,
    Verdict,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grader.embed import Embedder
    from grader.entail import PairReader
    from grader.match import Rule

Tier = Literal["embedded"]
MAX_CHARS = 20_000
MAX_REFERENCES, MAX_ACCEPTED = 6, 1  # read for one answer: those that share most words with it
HALF = 0.5
CHOICE_POINTS = 1.0
FREE_POINTS = 1.0  # full mark of a free question without a rubric
NOTHING = np.array([0.0, 0.0, 0.0, 0.0, 1.0])


@dataclass(frozen=True)
class _Sheet:
    """What one question is graded against in one language.

    Args:
        question: The prompt.
        references: Full-mark answers.
        criteria: For each criterion, its statement and accepted wordings.
        misconceptions: Statements.
    """

    question: str
    references: tuple[str, ...]
    criteria: tuple[tuple[str, ...], ...]
    misconceptions: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """A free answer on its way to a grade."""

    submission: Submission
    question: Question
    rubric: QuestionRubric | None
    lang: Lang
    sheet: _Sheet
    screened: guard.Screened


class Grader:
    """Grades submissions of one quiz; the same inputs give the same grade whatever the batch.

    Args:
        quiz: The quiz.
        rubric: Its rubric; may be empty.
        reader: Reads an answer and a statement together; loaded when a free answer needs it.
        embedder: Finds evidence; likewise.
        rule: Turns readings into verdicts; likewise.
    """

    def __init__(
        self,
        quiz: Quiz,
        rubric: Rubric,
        *,
        reader: Callable[[], PairReader],
        embedder: Callable[[], Embedder],
        rule: Callable[[], Rule] = load_rule,
    ) -> None:
        self._quiz, self._rubric = quiz, rubric
        self._reader, self._embedder, self._rule = reader, embedder, rule
        self._sheets: dict[tuple[str, Lang], _Sheet] = {}
        self._vectors: dict[str, NDArray[np.float32]] = {}

    @classmethod
    def open(cls, quiz: Quiz, rubric: Rubric, *, tier: Tier = "embedded") -> Grader:
        """Make a grader on a tier's models and load them where the quiz has a free question.

        Raises:
            ModelUnavailableError: A model is missing or damaged.
        """
        from grader.embed import load_embedder
        from grader.entail import load_reader

        del tier  # there is one so far
        grader = cls(quiz, rubric, reader=load_reader, embedder=load_embedder)
        if any(question.type == "free" for question in quiz.questions):
            load_reader()
            load_embedder()
            load_rule()
        return grader

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order: one outcome a submission."""
        prepared = map(self._prepare, submissions)
        return [self._grade_free(item) if isinstance(item, _Task) else item for item in prepared]

    def _prepare(self, submission: Submission) -> _Task | Outcome:
        question = self._quiz.question(submission.question_id)
        if question is None:
            return _unscored(submission, f"quiz {self._quiz.id} has no question {submission.question_id[:60]!r}")
        if sum(map(len, submission.answer)) > MAX_CHARS:
            return _unscored(submission, f"the answer is longer than {MAX_CHARS:,} characters")
        if question.type != "free":
            return self._grade_choice(submission, question)
        if not isinstance(submission.answer, str):
            return _unscored(submission, f"{question.id} is a free question and takes one text, not a list")
        if _foreign(submission.answer):
            return _unscored(submission, "the answer is not written in a language of this quiz")
        lang = submission.lang if submission.lang in self._quiz.langs else None
        lang = lang or language.detect(submission.answer, self._quiz.langs)
        rubric = self._rubric.questions.get(question.id)
        return _Task(
            submission, question, rubric, lang, self._sheet(question, rubric, lang), guard.screen(submission.answer)
        )

    def _sheet(self, question: Question, rubric: QuestionRubric | None, lang: Lang) -> _Sheet:
        sheet = self._sheets.get((question.id, lang))
        if sheet is None:
            sheet = self._sheets[question.id, lang] = _Sheet(
                question.prompt[lang],
                question.reference[lang],
                tuple((c.statement[lang], *c.accept.get(lang, ())) for c in rubric.criteria) if rubric else (),
                tuple(m.statement[lang] for m in rubric.misconceptions) if rubric else (),
            )
        return sheet

    def _grade_choice(self, submission: Submission, question: Question) -> Outcome:
        try:
            chosen = choice.picks(question, submission.answer)
        except choice.UnreadableChoiceError as error:
            return _unscored(submission, str(error))
        if question.type == "single" and len(chosen) > 1:
            return _unscored(submission, f"{question.id} takes one choice, got {sorted(chosen)}")
        share = choice.credit(question, chosen)
        verdict = choice.verdict(share, chosen)
        lang = submission.lang if submission.lang in self._quiz.langs else self._quiz.langs[0]
        return Grade(
            submission_id=submission.submission_id,
            question_id=question.id,
            verdict=verdict,
            points=round(share * CHOICE_POINTS, 3),
            max_points=CHOICE_POINTS,
            score=round(share, 3),
            confidence=1.0,
            needs_review=False,
            criteria=(),
            misconceptions=(),
            feedback=feedback.for_choice(verdict, lang),
            lang=lang,
            receipt=self._receipt(submission, lang, "choice"),
        )

    def _read(self, task: _Task) -> Reading:
        """Hold one answer against its sheet."""
        sheet, answer = task.sheet, task.screened.text.strip()
        references = surface.closest(answer, sheet.references, MAX_REFERENCES)
        criteria = [(w[0], *surface.closest(answer, w[1:], MAX_ACCEPTED)) for w in sheet.criteria]
        wordings = [wording for chosen in criteria for wording in chosen]
        rows = self._reader().read(answer, sheet.question, [*references, *wordings, *sheet.misconceptions])
        at = len(references)
        expressed = []
        for chosen in criteria:
            block = rows[at : at + len(chosen)]
            expressed.append(block[block[:, 0].argmax()])
            at += len(chosen)
        given = [*sheet.references, *(w for criterion in sheet.criteria for w in criterion), *sheet.misconceptions]
        return Reading(
            rows[: len(references)],
            np.array(expressed).reshape(-1, 5),
            rows[at:],
            tuple(surface.describe(answer, sheet.question, given, task.lang)),
        )

    def _grade_free(self, task: _Task) -> Grade:
        rule = self._rule()
        criteria = task.rubric.criteria if task.rubric else (Criterion("reference", FREE_POINTS, {}),)
        if task.screened.empty:
            empty = (0.0,) * len(criteria)
            decision = Decision(Verdict.NON_DOMAIN, NOTHING, empty, (False,) * len(criteria), (), 0.0)
        else:
            decision = decide(self._read(task), [criterion.points for criterion in criteria], rule)
        max_points = task.rubric.max_points if task.rubric else FREE_POINTS
        points = round(decision.share * max_points, 3)
        confidence = round(float(decision.probabilities.max()), 3)
        held = self._held(task, decision)
        missing = [c.statement for c, met in zip(criteria, decision.met, strict=True) if not met]
        return Grade(
            submission_id=task.submission.submission_id,
            question_id=task.question.id,
            verdict=decision.verdict,
            points=points,
            max_points=max_points,
            score=round(points / max_points, 3),
            confidence=confidence,
            needs_review=confidence < rule.review_below or task.screened.orders,
            criteria=self._criteria(task, criteria, decision),
            misconceptions=held,
            feedback=self._feedback(task, decision, missing, held),
            lang=task.lang,
            receipt=self._receipt(task.submission, task.lang, f"{self._reader().revision}+{rule.revision}"),
        )

    def _criteria(self, task: _Task, criteria: Sequence[Criterion], decision: Decision) -> tuple[CriterionGrade, ...]:
        scale = decision.share / (sum(c.points for c, met in zip(criteria, decision.met, strict=True) if met) or 1.0)
        full = task.rubric.max_points if task.rubric else FREE_POINTS
        wordings = task.sheet.criteria or (task.sheet.references,)
        return tuple(
            CriterionGrade(
                criterion.id,
                met,
                round(criterion.points * scale * full, 3) if met else 0.0,
                round(p, 3),
                self._evidence(task, wordings[index]) if met else None,
            )
            for index, (criterion, met, p) in enumerate(zip(criteria, decision.met, decision.criteria, strict=True))
        )

    def _held(self, task: _Task, decision: Decision) -> tuple[MisconceptionGrade, ...]:
        if task.rubric is None or decision.verdict is not Verdict.CONTRADICTORY:
            return ()
        return tuple(
            MisconceptionGrade(belief.id, round(p, 3), self._evidence(task, (belief.statement[task.lang],)))
            for belief, p in zip(task.rubric.misconceptions, decision.misconceptions, strict=True)
            if p >= HALF
        )

    def _evidence(self, task: _Task, wordings: Sequence[str]) -> Evidence | None:
        """The clause of the answer closest to any wording of a statement."""
        candidates = spans.clauses(task.screened.text)
        if len(candidates) < 2:  # noqa: PLR2004  nothing to choose between
            return _original(task, candidates[0]) if candidates else None
        targets = np.stack([self._vector(wording) for wording in wordings])
        closeness = (targets @ self._embedder().encode([c.text for c in candidates]).T).max(axis=0)
        return _original(task, candidates[int(closeness.argmax())])

    def _vector(self, wording: str) -> NDArray[np.float32]:
        """The vector of one of the quiz's own texts, kept."""
        found = self._vectors.get(wording)
        if found is None:
            found = self._vectors[wording] = self._embedder().encode([wording])[0]
        return found

    def _feedback(
        self, task: _Task, decision: Decision, missing: Sequence[LocalText], held: Sequence[MisconceptionGrade]
    ) -> str:
        ids = {belief.id for belief in held}
        beliefs = task.rubric.misconceptions if task.rubric else ()
        return feedback.for_free(
            decision.verdict,
            task.lang,
            missing=[statement[task.lang] for statement in missing if statement],
            corrections=[m.feedback.get(task.lang, "") for m in beliefs if m.id in ids],
            orders=task.screened.orders,
        )

    def _receipt(self, submission: Submission, lang: Lang, models: str) -> str:
        """Hash everything that decided the grade."""
        files = self._quiz.digest, self._rubric.digest
        deciding = [__version__, *files, submission.question_id, submission.answer, lang, models]
        return "sha256:" + hashlib.sha256(json.dumps(deciding, ensure_ascii=True).encode()).hexdigest()


def _unscored(submission: Submission, reason: str) -> Unscored:
    return Unscored(submission.submission_id, submission.question_id, reason)


def _foreign(answer: str) -> bool:
    """Whether most letters of an answer belong to a script that neither English nor Spanish uses."""
    letters = [char for char in answer if char.isalpha()]
    latin = sum(unicodedata.name(char, "").startswith(("LATIN", "GREEK")) for char in letters)
    return len(letters) > 3 and latin < HALF * len(letters)  # noqa: PLR2004


def _original(task: _Task, found: Evidence) -> Evidence:
    """The same place in the answer as submitted, before screening."""
    answer = str(task.submission.answer)
    return Evidence(answer[found.start : found.end], found.start, found.end)
