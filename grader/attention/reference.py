"""Attention as the formula says, holding every logit at once: the definition of correct."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.attention.online import PRECISION, Partial


def attend_reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    precision: torch.dtype = PRECISION,
) -> Partial:
    """Compute softmax attention with the whole (T, S) matrix in memory.

    In float64 it is the oracle that every other implementation is measured against; in a lower
    precision it shows the round-off that the naive way has. Differentiable by autograd.

    Args:
        query: (B, H, T, D).
        key: (B, G, S, D), G dividing H.
        value: (B, G, S, D).
        causal: See :func:`grader.attention.attend`.
        window: Keys a query may see, itself included; at least 1.
        scale: Factor on the logits; 1/sqrt(D) by default.
        precision: Floating dtype of every intermediate and of the result.
    """
    query, key, value = (x.to(precision) for x in (query, key, value))
    logits = attention_logits(query, key, causal=causal, window=window, scale=scale)
    out = softmax_rows(logits) @ spread_heads(value, query.shape[1])
    return Partial(out, torch.logsumexp(logits, -1))


def attention_logits(
    query: Tensor, key: Tensor, *, causal: bool = False, window: int | None = None, scale: float | None = None
) -> Tensor:
    """Compute every scaled logit, ``-inf`` where a key is hidden.

    Args:
        query: (B, H, T, D).
        key: (B, G, S, D), G dividing H.
        causal: See :func:`grader.attention.attend`.
        window: Keys a query may see, itself included; at least 1.
        scale: Factor on the logits; 1/sqrt(D) by default.

    Returns:
        (B, H, T, S).
    """
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = query @ spread_heads(key, query.shape[1]).transpose(-1, -2) * scale
    if not causal and window is None:
        return logits
    # Written out from the definition, apart from visibility.py, so that neither can hide the other's mistake.
    queries, keys = logits.shape[-2:]
    ones = torch.ones(queries, keys, dtype=torch.bool, device=query.device)
    visible = ones.tril(keys - queries)
    if window is not None:
        visible &= ones.triu(keys - queries - window + 1)
    return logits.masked_fill(~visible, -torch.inf)


def softmax_rows(logits: Tensor) -> Tensor:
    """Turn logits into attention weights; rows without a visible key get zeros.

    Args:
        logits: (..., S).
    """
    empty = (logits == -torch.inf).all(-1, keepdim=True)
    # Filled before the softmax as well: masking NaN afterwards would still send NaN backwards.
    return torch.softmax(logits.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)


def spread_heads(heads: Tensor, query_heads: int) -> Tensor:
    """Give every query head its key/value head: query head h reads head h // (H / G).

    Args:
        heads: (B, G, S, D).
        query_heads: H, a multiple of G.

    Returns:
        (B, H, S, D), a copy where G < H.
    """
    return heads.repeat_interleave(query_heads // heads.shape[1], dim=1)
