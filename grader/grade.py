"""Where quiz, rubric and models meet: submissions in, grades out."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from grader import __version__, choice, feedback, guard, language, surface
from grader.doubt import REFERENCE, Doubt, basis_of, grader_name, load_doubt
from grader.entail import Case
from grader.evidence import EvidenceFinder
from grader.judge import open_bench
from grader.match import Decision, conclude, estimate, load_rule
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
from grader.second import Judged, TierRead, ask
from grader.sheet import Sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grader.doubt import Part
    from grader.embed import Embedder
    from grader.entail import PairReader
    from grader.evidence import Clauses
    from grader.judge import Bench, JudgeSettings
    from grader.match import Rule
    from grader.model_attention import Attention

Tier = Literal["embedded"]
MAX_CHARS = 20_000
HALF = 0.5
CHOICE_POINTS = 1.0
FREE_POINTS = 1.0  # full mark of a free question without a rubric
NOTHING = np.array([0.0, 0.0, 0.0, 0.0, 1.0])


@dataclass(frozen=True)
class _Task:
    """A free answer on its way to a grade."""

    submission: Submission
    question: Question
    rubric: QuestionRubric | None
    lang: Lang
    sheet: Sheet
    screened: guard.Screened


class Grader:
    """Grades submissions of one quiz; the same inputs give the same grade whatever the batch.

    Args:
        quiz: The quiz.
        rubric: Its rubric; may be empty.
        reader: Reads an answer and a statement together; loaded when a free answer needs it.
        embedder: Finds evidence; likewise.
        rule: Turns readings into verdicts; likewise.
        doubt: Calibrates confidence; none leaves it as the rule gives it.
        bench: Asks a judge about some of the answers; ``None`` for no judge.
    """

    def __init__(
        self,
        quiz: Quiz,
        rubric: Rubric,
        *,
        reader: Callable[[], PairReader],
        embedder: Callable[[], Embedder],
        rule: Callable[[], Rule] = load_rule,
        doubt: Doubt | None = None,
        bench: Bench | None = None,
    ) -> None:
        self._quiz, self._rubric = quiz, rubric
        self._reader, self._rule, self._finder = reader, rule, EvidenceFinder(embedder)
        self._doubt, self._bench = doubt or Doubt(""), bench
        self._sheets: dict[tuple[str, Lang], Sheet] = {}

    @classmethod
    def open(
        cls,
        quiz: Quiz,
        rubric: Rubric,
        *,
        tier: Tier = "embedded",
        attention: Attention = "sdpa",
        doubt: Doubt | None = None,
        judge: JudgeSettings | None = None,
    ) -> Grader:
        """Make a grader on a tier's models and load them where the quiz has a free question.

        Args:
            quiz: The quiz.
            rubric: Its rubric; may be empty.
            tier: Which models.
            attention: What they run on.
            doubt: Calibrates confidence; what ships for the tier unless given.
            judge: Asked about some answers; checked here, loaded with the first of them.

        Raises:
            ModelUnavailableError: A model is missing or damaged, or the judge cannot be had.
        """
        from grader.embed import load_embedder
        from grader.entail import load_reader

        doubt = doubt or load_doubt(grader_name(tier, judge.name if judge else None))
        bench = None if judge is None else open_bench(judge, attention)
        reader, embedder = partial(load_reader, attention), partial(load_embedder, attention)
        grader = cls(quiz, rubric, reader=reader, embedder=embedder, doubt=doubt, bench=bench)
        if any(question.type == "free" for question in quiz.questions):
            reader()
            embedder()
            load_rule()
        return grader

    @property
    def revision(self) -> str:
        """What turns answers into grades: models, rule, calibration and judge, as receipts name them."""
        if all(question.type != "free" for question in self._quiz.questions):
            return "choice"
        judge = "" if self._bench is None else f"+{self._bench.identity}:{self._bench.when}"
        return self._models(None) + judge

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order: one outcome a submission."""
        prepared = [self._prepare(submission) for submission in submissions]
        tasks = {place: item for place, item in enumerate(prepared) if isinstance(item, _Task)}
        read = self._read({place: task for place, task in tasks.items() if not task.screened.empty})
        judged = self._ask(tasks, read)
        decided = {place: self._decide(task, read.get(place), judged.get(place)) for place, task in tasks.items()}
        clauses = self._cut({place: (tasks[place], decision) for place, decision in decided.items()})
        return [
            self._grade_free(item, decided[place], clauses.get(place), judged.get(place))
            if isinstance(item, _Task)
            else item
            for place, item in enumerate(prepared)
        ]

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

    def _sheet(self, question: Question, rubric: QuestionRubric | None, lang: Lang) -> Sheet:
        sheet = self._sheets.get((question.id, lang))
        if sheet is None:
            sheet = self._sheets[question.id, lang] = Sheet.of(question, rubric, lang)
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

    def _read(self, tasks: Mapping[int, _Task]) -> dict[int, TierRead]:
        """Hold answers against their sheets, all at once."""
        if not tasks:
            return {}
        answers = [task.screened.text.strip() for task in tasks.values()]
        held = [task.sheet.nearest(answer) for task, answer in zip(tasks.values(), answers, strict=True)]
        cases = [Case(answer, sheet.question, sheet.statements) for answer, sheet in zip(answers, held, strict=True)]
        rows = self._reader().read_all(cases)
        return {
            place: self._estimate(task, answer, sheet, read)
            for (place, task), answer, sheet, read in zip(tasks.items(), answers, held, rows, strict=True)
        }

    def _estimate(self, task: _Task, answer: str, held: Sheet, rows: NDArray[np.float64]) -> TierRead:
        described = tuple(surface.describe(answer, held.question, task.sheet.statements, task.lang))
        found = estimate(held.arrange(rows, described), self._rule())
        return TierRead(answer, task.lang, held, described, found)

    def _ask(self, tasks: Mapping[int, _Task], read: Mapping[int, TierRead]) -> dict[int, Judged]:
        """Ask the judge about those answers that it is there for, by their place."""
        bench = self._bench
        if bench is None:
            return {}
        chosen = [at for at, tier in read.items() if bench.when == "always" or self._doubts(tasks[at], tier)]
        return dict(zip(chosen, ask(bench, [read[at] for at in chosen], self._rule()), strict=True))

    def _doubts(self, task: _Task, tier: TierRead) -> bool:
        part = _part(task, None)
        return self._doubt.confidence(float(tier.estimate.verdict.max()), part) < self._review_below(part)

    def _review_below(self, part: Part) -> float:
        return self._doubt.review_below(part, self._rule().review_below)

    def _decide(self, task: _Task, tier: TierRead | None, judged: Judged | None) -> Decision:
        """Turn what was read into a decision; ``tier`` is ``None`` where there was nothing to read."""
        criteria = _criteria_of(task)
        if tier is None:
            empty = (0.0,) * len(criteria)
            return Decision(Verdict.NON_DOMAIN, NOTHING, empty, (False,) * len(criteria), (), 0.0)
        found = tier.estimate if judged is None else judged.estimate
        return conclude(found, [criterion.points for criterion in criteria])

    def _grade_free(self, task: _Task, decision: Decision, clauses: Clauses | None, judged: Judged | None) -> Grade:
        """Write the grade of a free answer; ``clauses`` is ``None`` where no evidence is shown."""
        max_points = task.rubric.max_points if task.rubric else FREE_POINTS
        points = round(decision.share * max_points, 3)
        certain = float(decision.probabilities.max())
        part = _part(task, judged)
        confidence = certain if task.screened.empty else self._doubt.confidence(certain, part)
        held = self._held(task, decision, clauses)
        missing = [c.statement for c, met in zip(_criteria_of(task), decision.met, strict=True) if not met]
        return Grade(
            submission_id=task.submission.submission_id,
            question_id=task.question.id,
            verdict=decision.verdict,
            points=points,
            max_points=max_points,
            score=round(points / max_points, 3),
            confidence=confidence,
            needs_review=confidence < self._review_below(part)
            or task.screened.orders
            or (judged is not None and judged.failed),
            criteria=self._criteria(task, decision, clauses),
            misconceptions=held,
            feedback=self._feedback(task, decision, missing, held),
            lang=task.lang,
            receipt=self._receipt(task.submission, task.lang, self._models(judged)),
            judge=judged.note if judged else None,
        )

    def _criteria(self, task: _Task, decision: Decision, clauses: Clauses | None) -> tuple[CriterionGrade, ...]:
        criteria = _criteria_of(task)
        scale = decision.share / (sum(c.points for c, met in zip(criteria, decision.met, strict=True) if met) or 1.0)
        full = task.rubric.max_points if task.rubric else FREE_POINTS
        wordings = _wordings_of(task)
        return tuple(
            CriterionGrade(
                criterion.id,
                met,
                round(criterion.points * scale * full, 3) if met else 0.0,
                round(p, 3),
                self._evidence(task, clauses, wordings[index]) if met else None,
            )
            for index, (criterion, met, p) in enumerate(zip(criteria, decision.met, decision.criteria, strict=True))
        )

    def _held(self, task: _Task, decision: Decision, clauses: Clauses | None) -> tuple[MisconceptionGrade, ...]:
        beliefs = task.rubric.misconceptions if task.rubric else ()
        return tuple(
            MisconceptionGrade(
                beliefs[i].id,
                round(decision.misconceptions[i], 3),
                self._evidence(task, clauses, (task.sheet.misconceptions[i],)),
            )
            for i in _asserted(decision)
        )

    def _cut(self, decided: Mapping[int, tuple[_Task, Decision]]) -> dict[int, Clauses]:
        """Cut those answers that evidence is shown of."""
        shown = {
            place: [
                *(text for texts, met in zip(_wordings_of(task), decision.met, strict=True) if met for text in texts),
                *(task.sheet.misconceptions[i] for i in _asserted(decision)),
            ]
            for place, (task, decision) in decided.items()
        }
        places = [place for place, wordings in shown.items() if wordings]
        texts = [decided[place][0].screened.text for place in places]
        return dict(zip(places, self._finder.cut(texts, [w for p in places for w in shown[p]]), strict=True))

    def _evidence(self, task: _Task, clauses: Clauses | None, wordings: Sequence[str]) -> Evidence | None:
        """The clause of the answer as submitted that is closest to any wording of a statement."""
        found = None if clauses is None else self._finder.closest(clauses, wordings)
        return None if found is None else _original(task, found)

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

    def _models(self, judged: Judged | None) -> str:
        """What read an answer and turned it into a grade."""
        fitted = f"{self._reader().revision}+{self._rule().revision}+{self._doubt.digest}"
        return fitted if judged is None else f"{fitted}+{judged.trace}"

    def _receipt(self, submission: Submission, lang: Lang, models: str) -> str:
        """Hash everything that decided the grade."""
        files = self._quiz.digest, self._rubric.digest
        deciding = [__version__, *files, submission.question_id, submission.answer, lang, models]
        return "sha256:" + hashlib.sha256(json.dumps(deciding, ensure_ascii=True).encode()).hexdigest()


def _unscored(submission: Submission, reason: str) -> Unscored:
    return Unscored(submission.submission_id, submission.question_id, reason)


def _criteria_of(task: _Task) -> tuple[Criterion, ...]:
    return task.rubric.criteria if task.rubric else (Criterion(REFERENCE, FREE_POINTS, {}),)


def _wordings_of(task: _Task) -> tuple[tuple[str, ...], ...]:
    """Of each criterion every wording."""
    return task.sheet.criteria or (task.sheet.references,)


def _asserted(decision: Decision) -> list[int]:
    """Places of the misconceptions that an answer asserts, which make it contradictory."""
    if decision.verdict is not Verdict.CONTRADICTORY:
        return []
    return [place for place, p in enumerate(decision.misconceptions) if p >= HALF]


def _part(task: _Task, judged: Judged | None) -> Part:
    """What an answer's confidence comes from."""
    asked = judged is not None and not judged.failed
    return basis_of(rubric=task.rubric is not None, judged=asked), task.lang


def _foreign(answer: str) -> bool:
    """Whether most letters of an answer belong to a script that neither English nor Spanish uses."""
    letters = [char for char in answer if char.isalpha()]
    latin = sum(unicodedata.name(char, "").startswith(("LATIN", "GREEK")) for char in letters)
    return len(letters) > 3 and latin < HALF * len(letters)  # noqa: PLR2004


def _original(task: _Task, found: Evidence) -> Evidence:
    """The same place in the answer as submitted, before screening."""
    answer = str(task.submission.answer)
    return Evidence(answer[found.start : found.end], found.start, found.end)
