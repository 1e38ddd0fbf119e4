"""What one question is graded against in one language, and which part of it an answer is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader import surface
from grader.match import Reading
from grader.schema import Lang, Question, QuestionRubric

MAX_REFERENCES, MAX_ACCEPTED = 6, 1  # read for one answer: those that share most words with it
CLASSES = 5


@dataclass(frozen=True)
class Sheet:
    """Statements that an answer may express.

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

    @classmethod
    def of(cls, question: Question, rubric: QuestionRubric | None, lang: Lang) -> Sheet:
        """Take a question's texts in one language."""
        return cls(
            question.prompt[lang],
            question.reference[lang],
            tuple((c.statement[lang], *c.accept.get(lang, ())) for c in rubric.criteria) if rubric else (),
            tuple(m.statement[lang] for m in rubric.misconceptions) if rubric else (),
        )

    def nearest(self, answer: str) -> Sheet:
        """Keep the references and accepted wordings that share most words with an answer, closest first."""
        return Sheet(
            self.question,
            surface.closest(answer, self.references, MAX_REFERENCES),
            tuple((w[0], *surface.closest(answer, w[1:], MAX_ACCEPTED)) for w in self.criteria),
            self.misconceptions,
        )

    @property
    def right(self) -> tuple[str, ...]:
        """References, and every wording of the criteria."""
        return (*self.references, *(wording for wordings in self.criteria for wording in wordings))

    @property
    def statements(self) -> tuple[str, ...]:
        """References, every wording of the criteria, misconceptions."""
        return (*self.right, *self.misconceptions)

    def arrange(self, rows: NDArray[np.float64], described: tuple[float, ...]) -> Reading:
        """Sort what a model read into a reading; of a criterion's wordings the one most probably expressed counts.

        Args:
            rows: (statements, 5) label probabilities, in the order of ``statements``.
            described: Features of ``grader.surface`` and ``grader.copies``.
        """
        at, expressed = len(self.references), []
        for wordings in self.criteria:
            block = rows[at : at + len(wordings)]
            expressed.append(block[block[:, 0].argmax()])
            at += len(wordings)
        return Reading(rows[: len(self.references)], np.array(expressed).reshape(-1, CLASSES), rows[at:], described)
