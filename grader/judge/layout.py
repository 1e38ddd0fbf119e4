"""How a question, an answer and a statement become the tokens that the local judge reads.

    Question: …
    Student: …
    Statement: …
    Verdict:

The answer comes before the statement, so every criterion of one answer shares a prefix and its key/value cache.
The parts are tokenised apart: a prefix has the same tokens whatever statement follows. Each text is folded into one
line and read without special tokens, so no answer can write a marker, which begins with a line break.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from grader.hub import Encode
from grader.plain import clean

LAYOUT_VERSION = 1
MAX_QUESTION, MAX_ANSWER, MAX_STATEMENT = 128, 256, 192  # tokens


def one_line(text: str) -> str:
    """Fold a text into one line: composed Unicode, no invisible characters, every run of white space one space."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return " ".join(clean(spaced).split())


def encode_texts(encode: Encode, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of texts as they stand after a marker: one line with a space before it; nothing for a blank."""
    lines = [one_line(text) for text in texts]
    return [ids if line else [] for line, ids in zip(lines, encode([f" {line}" for line in lines]), strict=True)]


def cut_middle(ids: Sequence[int], limit: int) -> list[int]:
    """Keep the beginning and the end of what is too long, since learners often conclude there."""
    if len(ids) <= limit:
        return list(ids)
    half = limit // 2
    return [*ids[:half], *ids[len(ids) - (limit - half) :]]


@dataclass(frozen=True)
class Layout:
    r"""The markers' token ids.

    Args:
        question: ``Question:``
        student: ``\nStudent:``
        statement: ``\nStatement:``
        verdict: ``\nVerdict:``
    """

    question: tuple[int, ...]
    student: tuple[int, ...]
    statement: tuple[int, ...]
    verdict: tuple[int, ...]

    @classmethod
    def of(cls, encode: Encode) -> Layout:
        """Tokenise the markers."""
        markers = encode(["Question:", "\nStudent:", "\nStatement:", "\nVerdict:"])
        return cls(*(tuple(ids) for ids in markers))

    def prefix(self, question: Sequence[int], answer: Sequence[int]) -> list[int]:
        """Lay out what every statement of one answer shares.

        Args:
            question: Ids from ``encode_texts``; cut at 128.
            answer: Ids from ``encode_texts``; over 256 its middle is left out.
        """
        return [*self.question, *question[:MAX_QUESTION], *self.student, *cut_middle(answer, MAX_ANSWER)]

    def suffix(self, statement: Sequence[int]) -> list[int]:
        """Lay out what one statement adds; cut at 192. The verdict is read from its last token."""
        return [*self.statement, *statement[:MAX_STATEMENT], *self.verdict]
