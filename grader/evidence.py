"""Which of a learner's own words carry a point: the clause whose vector is closest to a statement's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from grader import spans
from grader.schema import Evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grader.embed import Embedder

NOTHING = np.empty((0, 0), dtype=np.float32)
NONE_KNOWN: Mapping[str, NDArray[np.float32]] = MappingProxyType({})


@dataclass(frozen=True)
class Clauses:
    """An answer cut into clauses.

    Args:
        spans: In order; none where the answer is blank.
        vectors: (clauses, size); no rows where there is nothing to choose between.
    """

    spans: tuple[Evidence, ...]
    vectors: NDArray[np.float32]


class EvidenceFinder:
    """Finds evidence in answers.

    Args:
        embedder: Encodes clauses and statements; loaded when an answer with several clauses needs it.
    """

    def __init__(self, embedder: Callable[[], Embedder]) -> None:
        self._embedder = embedder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def cut(
        self, answers: Sequence[str], wordings: Sequence[str], known: Mapping[str, NDArray[np.float32]] = NONE_KNOWN
    ) -> list[Clauses]:
        """Cut answers, and encode the clauses of all of them at once.

        Args:
            answers: Of learners.
            wordings: Statements that :meth:`closest` will be asked for, encoded with them where they are new.
            known: Vectors by text, of clauses that were encoded before.
        """
        cuts = [spans.clauses(answer) for answer in answers]
        several = [clause.text for cut in cuts if len(cut) > 1 for clause in cut]
        if not several:
            return [Clauses(cut, NOTHING) for cut in cuts]
        texts = [text for text in dict.fromkeys(several) if text not in known]
        new = [wording for wording in dict.fromkeys(wordings) if wording not in self._vectors]
        vectors = self._embedder().encode([*texts, *new]) if texts or new else NOTHING
        self._vectors |= dict(zip(new, vectors[len(texts) :].copy(), strict=True))
        mine = {**known, **dict(zip(texts, vectors, strict=False))}
        return [Clauses(cut, np.stack([mine[c.text] for c in cut]) if len(cut) > 1 else NOTHING) for cut in cuts]

    def closest(self, clauses: Clauses, wordings: Sequence[str]) -> Evidence | None:
        """The clause closest to any wording of a statement; ``None`` where there is none.

        Args:
            clauses: Of an answer.
            wordings: Of the quiz's own texts; :meth:`cut` was told of them.
        """
        if not len(clauses.vectors):
            return clauses.spans[0] if clauses.spans else None
        targets = np.stack([self._vectors[wording] for wording in wordings])
        closeness = (targets @ clauses.vectors.T).max(axis=0)
        return clauses.spans[int(closeness.argmax())]
