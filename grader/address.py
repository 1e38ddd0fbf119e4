"""What in an answer speaks to the grader rather than of the subject, told by what it means.

``grader.guard`` knows the forms that orders take; a plea, a story or a changed rubric in words of its own has none of
them. Yet all of them talk about grading, and the vector of a clause shows it. One linear rule on the vectors that
evidence is found with, fitted by ``training.fit_address``, takes such clauses out before any model reads the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grader import guard, spans
from grader.shipped import read_fitted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grader.embed import Embedder
    from grader.schema import Evidence

FILE = Path(__file__).parent / "weights" / "address.json"
LEAST_WORDS = 6  # of a clause that is judged by itself; fewer say too little
BESIDE = -4.0  # a clause next to one that is taken out goes with it from this score on: orders come in several clauses


class AddressRule:
    """The fitted rule.

    Args:
        weights: (size,), of the vectors' size.
        bias: Added to the weighted sum of a vector.
        digest: Of the file, for receipts.
    """

    def __init__(self, weights: Sequence[float], bias: float, digest: str) -> None:
        self._weights, self._bias, self.digest = np.array(weights, dtype=np.float64), float(bias), digest

    def __call__(self, vector: NDArray[np.float32]) -> float:
        """How much a clause with this unit vector (size,) is addressed to the grader: over 0, rather than not."""
        return float((self._weights * vector).sum()) + self._bias


@cache
def load_address_rule() -> AddressRule:
    """Read the rule that ships with the package.

    Raises:
        ModelUnavailableError: The file is missing or damaged.
    """
    return read_fitted(FILE, lambda saved, digest: AddressRule(saved["weights"], saved["bias"], digest))


class Listener:
    """Takes out of answers what is addressed to the grader.

    Args:
        embedder: Gives the vectors; loaded with the first answer.
        rule: Judges them; likewise.
    """

    def __init__(self, embedder: Callable[[], Embedder], rule: Callable[[], AddressRule] = load_address_rule) -> None:
        self._embedder, self._rule = embedder, rule

    @property
    def revision(self) -> str:
        """Of the rule."""
        return self._rule().digest

    def listen(self, answers: Sequence[guard.Screened]) -> tuple[list[guard.Screened], dict[str, NDArray[np.float32]]]:
        """Screen once more.

        Args:
            answers: As ``grader.guard`` left them.

        Returns:
            They, without clauses addressed to the grader, in order · the vectors of their clauses, by text.
        """
        cuts = [() if answer.empty else spans.clauses(answer.text) for answer in answers]
        texts = list(dict.fromkeys(clause.text for cut in cuts for clause in cut))
        if not texts:
            return list(answers), {}
        vectors = dict(zip(texts, self._embedder().encode(texts), strict=True))
        scores = {text: self._rule()(vector) for text, vector in vectors.items()}
        return [
            guard.without(answer, _addressed(cut, scores)) for answer, cut in zip(answers, cuts, strict=True)
        ], vectors


def _addressed(cut: Sequence[Evidence], scores: Mapping[str, float]) -> list[Evidence]:
    """Clauses that are addressed to the grader, and those beside them that may be."""
    found = [scores[clause.text] > 0 and len(clause.text.split()) >= LEAST_WORDS for clause in cut]
    for way in (range(1, len(cut)), range(len(cut) - 2, -1, -1)):
        for at in way:
            found[at] = found[at] or (found[at - way.step] and scores[cut[at].text] > BESIDE)
    return [clause for clause, addressed in zip(cut, found, strict=True) if addressed]
