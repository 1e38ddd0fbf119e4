"""How texts become the token sequences that the pair model reads, in training and after.

What the rubric brings and what the learner brings are laid out apart, since each is read alone first
(``grader.entail``); one after the other they are one sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

from grader.e5 import BOS, EOS

MAX_STATEMENT, MAX_QUESTION, MAX_ANSWER = 160, 80, 256  # tokens
STATEMENT, QUESTION, ANSWER, ANSWER_MARK = 1, 2, 3, 4  # what a token belongs to; 0: the statement's marks


def lay_out_statement(statement: Sequence[int], question: Sequence[int]) -> tuple[list[int], list[int]]:
    """Lay out what the rubric brings: ``<s> statement </s></s> question </s>``.

    Args:
        statement: Token ids without special tokens; cut at 160.
        question: Cut at 80; may be empty.

    Returns:
        Token ids, and the part each belongs to.
    """
    statement, question = statement[:MAX_STATEMENT], question[:MAX_QUESTION]
    ids = [BOS, *statement, EOS, EOS, *question, EOS]
    return ids, [0, *[STATEMENT] * len(statement), 0, 0, *[QUESTION] * len(question), 0]


def lay_out_answer(answer: Sequence[int]) -> tuple[list[int], list[int]]:
    """Lay out what the learner brings: ``<s> answer </s>``.

    An answer of over 256 tokens keeps its beginning and its end, since learners often conclude there.

    Args:
        answer: Token ids without special tokens.

    Returns:
        Token ids, and the part each belongs to.
    """
    half = MAX_ANSWER // 2
    kept = list(answer) if len(answer) <= MAX_ANSWER else [*answer[:half], *answer[-half:]]
    return [BOS, *kept, EOS], [ANSWER_MARK, *[ANSWER] * len(kept), ANSWER_MARK]
