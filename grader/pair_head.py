"""The classifier on top of an encoder that has read statement, question and answer as one sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CLASSES = 5


class PairHead(nn.Module):
    """Hidden states to logits over the five labels.

    Compares the statement's mean state with the answer's (difference and product, as in InferSent,
    arXiv:1705.02364) beside the state of the answer's first token.

    Args:
        hidden: Width of the encoder's states.
        dropout: Only while training.
    """

    def __init__(self, hidden: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(5 * hidden)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(5 * hidden, hidden)
        self.out = nn.Linear(hidden, CLASSES)

    def forward(self, statement: Tensor, answer: Tensor, first: Tensor) -> Tensor:
        """Classify.

        Args:
            statement: (B, hidden) mean state of the statement's tokens.
            answer: (B, hidden) mean state of the answer's tokens.
            first: (B, hidden) state of the answer's ``<s>``.

        Returns:
            Logits (B, 5).
        """
        features = torch.cat((first, statement, answer, (statement - answer).abs(), statement * answer), dim=-1)
        hidden = torch.tanh(self.dense(self.dropout(self.norm(features))))
        logits: Tensor = self.out(self.dropout(hidden))
        return logits


def mean_state(states: Tensor, chosen: Tensor) -> Tensor:
    """Average states (B, T, hidden) over the chosen positions (B, T); zeros where none is."""
    weights = chosen.to(states.dtype)[..., None]
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
