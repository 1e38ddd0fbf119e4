"""The loss for labels that a source leaves open, or that a judge gave."""

from __future__ import annotations

import torch


def label_mask(rows: list[dict]) -> torch.Tensor:
    """Which of the five labels each row allows: (rows, 5), true where allowed."""
    mask = torch.zeros(len(rows), 5, dtype=torch.bool)
    for i, row in enumerate(rows):
        mask[i, list(row["allowed"])] = True
    return mask


def label_targets(rows: list[dict]) -> torch.Tensor:
    """What each row teaches: (rows, 5), 1 where a label is allowed, or a judge's probabilities (``soft``)."""
    targets = label_mask(rows).float()
    for i, row in enumerate(rows):
        if "soft" in row:
            targets[i] = torch.as_tensor(row["soft"]).float()
    return targets


def set_loss(logits: torch.Tensor, allowed: torch.Tensor, smoothing: float = 0.02) -> torch.Tensor:
    """Negative log of the probability that falls on the allowed labels (B, 5), slightly smoothed."""
    log_p = logits.log_softmax(-1)
    hit = torch.logsumexp(log_p.masked_fill(~allowed, -1e4), -1)
    return -((1 - smoothing) * hit + smoothing * log_p.mean(-1)).mean()


def mixed_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """``set_loss`` where a row of the targets (B, 5) holds whole numbers, cross-entropy where it holds probabilities.

    Probabilities rounded to 0 and 1 mean one allowed label, so that both readings agree.
    """
    soft = ((targets > 0) & (targets < 1)).any(-1)
    if not soft.any():
        return set_loss(logits, targets > 0)
    entropy = -(targets[soft] * logits[soft].log_softmax(-1)).sum()
    hard = set_loss(logits[~soft], targets[~soft] > 0) * (~soft).sum() if (~soft).any() else 0.0
    return (entropy + hard) / len(targets)
