"""Evidence: the clause closest to what a statement says, found for many answers at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.evidence import EvidenceFinder

WORDS = ("exact", "window", "cache")


class Counting:
    """Vectors that count three words, and how often anything was encoded."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        self.calls.append(list(texts))
        return np.array([[text.count(word) for word in WORDS] for text in texts], dtype=np.float32)


@pytest.fixture
def embedder() -> Counting:
    return Counting()


def test_each_answer_gets_its_own_closest_clause_and_one_call_encodes_all(embedder):
    finder = EvidenceFinder(lambda: embedder)
    answers = [
        "The window forgets old tokens. The result is exact, always.",
        "Nothing else is said here",
        "A cache of blocks; the window is something else.",
        "",
    ]
    first, single, third, blank = finder.cut(answers, ["exact", "window", "exact"])
    assert embedder.calls == [[c.text for cut in (first, third) for c in cut.spans] + ["exact", "window"]]
    assert finder.closest(first, ["exact"]).text == "The result is exact, always."
    assert finder.closest(first, ["window"]).text == "The window forgets old tokens."
    assert finder.closest(third, ["exact", "window"]).text == "the window is something else."
    assert finder.closest(single, ["exact"]).text == answers[1]
    assert finder.closest(blank, ["exact"]) is None
    for answer, cut in zip(answers, (first, single, third, blank), strict=True):
        assert all(answer[span.start : span.end] == span.text for span in cut.spans)


def test_a_statement_is_encoded_once_and_nothing_where_there_is_nothing_to_choose(embedder):
    finder = EvidenceFinder(lambda: embedder)
    finder.cut(["One clause alone", ""], ["exact"])
    assert embedder.calls == []
    for _ in range(2):
        (cut,) = finder.cut(["It is exact. The window is not."], ["exact"])
        assert finder.closest(cut, ["exact"]).text == "It is exact."
    assert [len(call) for call in embedder.calls] == [3, 2]
