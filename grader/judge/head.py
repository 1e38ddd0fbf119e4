"""The classifier on the judge's last token."""

from __future__ import annotations

from torch import Tensor, nn

CLASSES = 5


class JudgeHead(nn.Module):
    """Last hidden state to logits over the five labels; without the normalisation training diverged.

    Args:
        hidden: Width of the model's states.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, CLASSES)

    def forward(self, state: Tensor) -> Tensor:
        """Classify states (B, hidden), float32: logits (B, 5)."""
        logits: Tensor = self.out(self.norm(state))
        return logits
