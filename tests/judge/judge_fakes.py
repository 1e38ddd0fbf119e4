"""A judge, a tier and a course that load no model: what they read shows in the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from grader.grade import Grader
from grader.judge import Bench, JudgeFailure, Probabilities
from grader.schema import Criterion, Misconception, Question, QuestionRubric, Quiz, Rubric, Submission

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grader.entail import Case

EMBEDDED = 384  # size of a vector
LABELS = ("correct", "partial", "contradictory", "irrelevant", "non_domain")
STATEMENTS = ("The tiles give the exact result.", "Only rounding differs.")
MYTH = "Tiling approximates."


def row(word: str, sure: float) -> list[float]:
    """Probabilities of five labels, ``sure`` for the one named."""
    return [sure if label == word else (1 - sure) / 4 for label in LABELS]


class FakeReader:
    """A tier that is sure of an answer that says ``exactly``, and of no other."""

    revision = "fake"

    def read_all(self, cases: Sequence[Case]) -> list[NDArray[np.float64]]:
        """Five probabilities a statement."""
        return [self._read(case) for case in cases]

    def _read(self, case: Case) -> NDArray[np.float64]:
        word, sure = ("correct", 0.97) if "exactly" in case.answer else ("partial", 0.4)
        return np.array([row("irrelevant" if s == MYTH else word, sure) for s in case.statements])


class FakeEmbedder:
    """Vectors that tell nothing."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Zeros."""
        return np.zeros((len(texts), EMBEDDED), dtype=np.float32)


class FakeJudge:
    """A judge that says one word of every statement but the misconception, or fails.

    Args:
        word: Its verdict.
        at_once: Answers in flight.
        wait: Called before each reply.
    """

    identity = "fake:judge"

    def __init__(
        self, word: str = "correct", *, at_once: int = 1, wait: Callable[[str], None] = lambda _: None
    ) -> None:
        self._word, self.at_once, self._wait = word, at_once, wait
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def read(
        self, _question: str, answer: str, statements: Sequence[str], _lang: str
    ) -> list[Probabilities] | JudgeFailure:
        """Say the word; an answer that holds ``fail`` gets none."""
        self.asked.append((answer, tuple(statements)))
        self._wait(answer)
        if "fail" in answer:
            return JudgeFailure("the judge said no")
        return [tuple(row("irrelevant" if s == MYTH else self._word, 0.97)) for s in statements]  # type: ignore[misc]


def bench_of(judge: FakeJudge, **options: Any) -> Bench:  # noqa: ANN401 -- options of a bench
    """Seat a judge."""
    return Bench("fake", judge.identity, lambda: judge, **options)


def course() -> tuple[Quiz, Rubric]:
    """One question with two criteria and a misconception, and the same without a rubric."""
    questions = tuple(
        Question(
            id=name,
            type="free",
            title={"en": "T"},
            prompt={"en": "Is it exact?"},
            reference={"en": ("It is exact up to rounding.",)},
            explanation={"en": "E"},
        )
        for name in ("q-1", "q-2")
    )
    quiz = Quiz(id="mini", title={"en": "Mini"}, langs=("en",), questions=questions, digest="sha256:0")
    criteria = tuple(Criterion(f"c{index}", 1.0, {"en": text}) for index, text in enumerate(STATEMENTS))
    myth = Misconception("myth", {"en": MYTH}, {"en": "It does not."})
    return quiz, Rubric({"q-1": QuestionRubric(criteria, (myth,), 2.0)}, "sha256:1")


def grader_of(bench: Bench | None) -> Grader:
    """A grader over the course."""
    return Grader(*course(), reader=FakeReader, embedder=FakeEmbedder, bench=bench)


def answers(*texts: str, question: str = "q-1") -> list[Submission]:
    """Submissions of one question."""
    return [Submission(f"s{index}", question, text, "en") for index, text in enumerate(texts)]
