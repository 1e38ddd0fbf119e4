"""The loss for labels that a source leaves open."""

from __future__ import annotations

import torch


def label_mask(rows: list[dict]) -> torch.Tensor:
    """Which of the five labels each row allows: (rows, 5), true where allowed."""
    mask = torch.zeros(len(rows), 5, dtype=torch.bool)
    for i, row in enumerate(rows):
        mask[i, list(row["allowed"])] = True
    return mask


def set_loss(logits: torch.Tensor, allowed: torch.Tensor, smoothing: float = 0.02) -> torch.Tensor:
    """Negative log of the probability that falls on the allowed labels (B, 5), slightly smoothed."""
    log_p = logits.log_softmax(-1)
    hit = torch.logsumexp(log_p.masked_fill(~allowed, -1e4), -1)
    return -((1 - smoothing) * hit + smoothing * log_p.mean(-1)).mean()
