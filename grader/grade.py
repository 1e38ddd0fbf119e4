"""Where quiz, rubric and models meet: submissions in, grades out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from grader import copies, language, surface
from grader.address import Listener, load_address_rule
from grader.doubt import Doubt, basis_of, grader_name, load_doubt
from grader.echoes import reversals, temper
from grader.entail import Case
from grader.free import Decided, FreeWriter
from grader.intake import FreeAnswer, Intake
from grader.judge import open_bench
from grader.match import Decision, accurate_section, conclude, estimate, load_rule
from grader.receipt import make_receipt
from grader.schema import Outcome, Quiz, Rubric, Submission, Verdict
from grader.second import Judged, TierRead, ask, refine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grader.accurate import CrossReader
    from grader.doubt import Part
    from grader.embed import Embedder
    from grader.entail import PairReader
    from grader.judge import Bench, JudgeSettings
    from grader.match import Rule
    from grader.model_attention import Attention
    from grader.sheet import Sheet
    from grader.tiers import Tier

BLANK = np.array([0.0, 0.0, 0.0, 0.0, 1.0])  # label probabilities of an answer with nothing to read


class Grader:
    """Grades submissions of one quiz; on the processor the same inputs give the same grade whatever the batch.

    Args:
        quiz: The quiz.
        rubric: Its rubric; may be empty.
        reader: Reads an answer and a statement together; loaded when a free answer needs it.
        accurate: Reads them once more; likewise. ``None`` on the embedded tier.
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
        accurate: Callable[[], CrossReader] | None = None,
        embedder: Callable[[], Embedder],
        rule: Callable[[], Rule] = load_rule,
        doubt: Doubt | None = None,
        bench: Bench | None = None,
    ) -> None:
        self._quiz, self._rubric = quiz, rubric
        self._reader, self._accurate, self._rule = reader, accurate, rule
        self._doubt, self._bench = doubt or Doubt(""), bench
        self._intake, self._listener = Intake(quiz, rubric), Listener(embedder)
        self._writer = FreeWriter(embedder)

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
            attention: What they run on; the accurate tier's second model runs on ``sdpa`` always.
            doubt: Calibrates confidence; what ships for the tier unless given.
            judge: Asked about some answers; checked here, loaded with the first of them.

        Raises:
            ModelUnavailableError: A model is missing or damaged, or the judge cannot be had.
        """
        from grader.accurate import load_cross_reader
        from grader.embed import load_embedder
        from grader.entail import load_reader

        doubt = doubt or load_doubt(grader_name(tier, judge.name if judge else None))
        bench = None if judge is None else open_bench(judge, attention)
        reader, embedder = partial(load_reader, attention), partial(load_embedder, attention)
        accurate = load_cross_reader if tier == "accurate" else None
        grader = cls(quiz, rubric, reader=reader, accurate=accurate, embedder=embedder, doubt=doubt, bench=bench)
        if any(question.type == "free" for question in quiz.questions):
            reader()
            embedder()
            load_address_rule()
            rule = load_rule()
            if accurate is not None:
                accurate_section(rule)
                accurate()
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
        taken = [self._intake.take(submission) for submission in submissions]
        screened = [item for item in taken if isinstance(item, FreeAnswer)]
        left, vectors = self._listener.listen([answer.screened for answer in screened])
        answers = [replace(answer, screened=heard) for answer, heard in zip(screened, left, strict=True)]
        read = self._read(answers)
        judged = self._ask(answers, read)
        decided = [self._decide(*known) for known in zip(answers, read, judged, strict=True)]
        grades = iter(self._writer.write(decided, vectors))
        return [next(grades) if isinstance(item, FreeAnswer) else item for item in taken]

    def _read(self, answers: Sequence[FreeAnswer]) -> list[TierRead | None]:
        """Hold answers against their sheets, all at once; ``None`` where there is nothing to read."""
        read = [answer for answer in answers if not answer.screened.empty]
        if not read:
            return [None] * len(answers)
        texts = [answer.screened.text.strip() for answer in read]
        held = [answer.sheet.nearest(text) for answer, text in zip(read, texts, strict=True)]
        cases = [Case(text, sheet.question, sheet.statements) for text, sheet in zip(texts, held, strict=True)]
        rows = self._reader().read_all(cases)
        found = [self._estimate(*known) for known in zip(read, texts, held, rows, strict=True)]
        if self._accurate is not None:
            found = refine(self._accurate(), found, self._rule())
        left = iter(found)
        return [None if answer.screened.empty else next(left) for answer in answers]

    def _estimate(self, answer: FreeAnswer, text: str, held: Sheet, rows: NDArray[np.float64]) -> TierRead:
        sheet, lang = answer.sheet, answer.lang
        described = (
            *surface.describe(text, held.question, sheet.statements, lang),
            *copies.describe(text, sheet.right, lang),
        )
        found = estimate(held.arrange(rows, described), self._rule())
        return TierRead(text, answer.lang, held, described, found)

    def _ask(self, answers: Sequence[FreeAnswer], read: Sequence[TierRead | None]) -> list[Judged | None]:
        """Ask the judge about those answers that it is there for; ``None`` for the others."""
        bench = self._bench
        if bench is None:
            return [None] * len(answers)
        chosen = {
            place: tier
            for place, (answer, tier) in enumerate(zip(answers, read, strict=True))
            if tier is not None and (bench.when == "always" or self._doubts(answer, tier))
        }
        judged = dict(zip(chosen, ask(bench, list(chosen.values()), self._rule(), self._judges_share()), strict=True))
        return [judged.get(place) for place in range(len(answers))]

    def _judges_share(self) -> float:
        rule = self._rule()
        return (rule if self._accurate is None else accurate_section(rule)).judge_weight

    def _doubts(self, answer: FreeAnswer, tier: TierRead) -> bool:
        part = _part(answer, None)
        return self._doubt.confidence(float(tier.estimate.verdict.max()), part) < self._review_below(part)

    def _review_below(self, part: Part) -> float:
        return self._doubt.review_below(part, self._rule().review_below)

    def _decide(self, answer: FreeAnswer, tier: TierRead | None, judged: Judged | None) -> Decided:
        """Decide a grade from what was read of an answer, and what a judge made of it."""
        if tier is None:
            decision = _blank(answer)
        else:
            found = tier.estimate if judged is None else judged.estimate
            found = temper(found, reversals(tier.answer, tier.held.right, tier.lang), tier.held)
            decision = conclude(found, [criterion.points for criterion in answer.criteria])
        certain, part = float(decision.probabilities.max()), _part(answer, judged)
        confidence = certain if tier is None else self._doubt.confidence(certain, part)
        models = self._models(judged)
        return Decided(
            answer,
            decision,
            confidence,
            needs_review=confidence < self._review_below(part)
            or answer.screened.orders
            or not language.fits(answer.screened.text, answer.lang)
            or (judged is not None and judged.failed),
            receipt=make_receipt(self._quiz, self._rubric, answer.submission, answer.lang, models),
            judge=judged.note if judged else None,
        )

    def _models(self, judged: Judged | None) -> str:
        """What read an answer and turned it into a grade."""
        readers = self._reader().revision + ("" if self._accurate is None else f"+{self._accurate().revision}")
        fitted = f"{readers}+{self._listener.revision}+{self._rule().revision}+{self._doubt.digest}"
        return fitted if judged is None else f"{fitted}+{judged.trace}"


def _blank(answer: FreeAnswer) -> Decision:
    """What is decided of an answer with nothing to read."""
    count = len(answer.criteria)
    return Decision(Verdict.NON_DOMAIN, BLANK, (0.0,) * count, (False,) * count, (), 0.0)


def _part(answer: FreeAnswer, judged: Judged | None) -> Part:
    """What an answer's confidence comes from."""
    asked = judged is not None and not judged.failed
    return basis_of(rubric=answer.rubric is not None, judged=asked), answer.lang
