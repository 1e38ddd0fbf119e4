"""Softmax over keys that arrive piece by piece: the recurrence under FlashAttention.

A row of attention needs the maximum and the sum of all its logits. Both can be kept running: when a
larger maximum arrives, what was summed so far is multiplied by ``exp(old - new)``, and the sum is again
the one that ordinary softmax would have. This is an identity of real numbers, not an approximation
(arXiv:1805.02867; with tiles, arXiv:2205.14135).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PRECISION = torch.float64
"""In which sums are kept unless a caller says otherwise.

Float64 for inputs of any dtype leaves only the rounding of the result. Float32, what kernels have, falls short
in the backward pass of half precisions: where one key takes nearly all the weight, gradients are differences of
nearly equal numbers.
"""


@dataclass(frozen=True)
class Partial:
    """Attention of some queries over some keys, in a form that can be merged.

    Args:
        out: Softmax-weighted mean of the values, (..., T, D), in the precision of the sums; zero where a
            query saw no key.
        lse: Log-sum-exp of the logits, (..., T), natural log; ``-inf`` where a query saw no key.
    """

    out: Tensor
    lse: Tensor


@dataclass(frozen=True)
class Running:
    """Softmax of rows in progress.

    Args:
        maximum: m, largest logit so far, (..., rows); ``-inf`` before the first visible key.
        total: l, sum of ``exp(logit - m)`` so far, (..., rows).
        weighted: Sum of ``exp(logit - m) * value`` so far, (..., rows, D).
    """

    maximum: Tensor
    total: Tensor
    weighted: Tensor


def begin(query: Tensor) -> Running:
    """Start the softmax of rows that have seen no key.

    Args:
        query: (..., rows, D), in the precision of the sums.
    """
    maximum = query.new_full(query.shape[:-1], -torch.inf)
    return Running(maximum, torch.zeros_like(maximum), torch.zeros_like(query))


def fold(running: Running, logits: Tensor, value: Tensor) -> Running:
    """Add one tile of keys to rows in progress.

    Args:
        running: Rows so far. Its ``weighted`` is updated in place, as a kernel updates its
            registers: the argument must not be used again.
        logits: Scaled logits of the tile, (..., rows, cols), ``-inf`` where hidden; overwritten.
        value: (..., cols, D).
    """
    maximum = torch.maximum(running.maximum, logits.amax(-1))
    weights = torch.exp(logits.sub_(finite(maximum)[..., None]), out=logits)
    decay = rescale(running.maximum, maximum)
    weighted = running.weighted.mul_(decay[..., None])
    weighted = weighted.baddbmm_(weights, value)
    return Running(maximum, running.total * decay + weights.sum(-1), weighted)


def rescale(old: Tensor, new: Tensor) -> Tensor:
    """Find the factor that moves sums taken against one maximum to a larger one.

    Args:
        old: Maximum that the sums were taken against, ``-inf`` where there were none.
        new: Maximum from now on, not below ``old``.
    """
    return torch.exp(old - finite(new))


def finite(maximum: Tensor) -> Tensor:
    """Replace ``-inf`` by zero, so that a row without visible keys subtracts no infinity from itself.

    Args:
        maximum: Running maxima or log-sum-exps.
    """
    return maximum.masked_fill(maximum == -torch.inf, 0.0)


def finish(running: Running) -> Partial:
    """Normalise rows that have seen all their keys.

    Args:
        running: Rows after the last :func:`fold`.
    """
    empty = running.total == 0
    divisor = running.total.masked_fill(empty, 1.0)
    lse = (finite(running.maximum) + torch.log(divisor)).masked_fill(empty, -torch.inf)
    return Partial(running.weighted / divisor[..., None], lse)


def merge(a: Partial, b: Partial) -> Partial:
    """Combine attention over two disjoint sets of keys.

    Tiles and pages may be folded in any order, up to rounding (arXiv:1805.02867). Differentiable.

    Args:
        a: ``out`` (B, H, T, D) and ``lse`` (B, H, T), natural log.
        b: The same queries over other keys.

    Raises:
        ValueError: The parts cover different queries.
    """
    if a.out.shape != b.out.shape or a.lse.shape != b.lse.shape:
        msg = (
            f"b: must cover the queries of a, out {tuple(a.out.shape)} and lse {tuple(a.lse.shape)}; "
            f"got out {tuple(b.out.shape)} and lse {tuple(b.lse.shape)}"
        )
        raise ValueError(msg)
    lse = torch.logaddexp(a.lse, b.lse)
    anchor = finite(lse)
    share_a = torch.exp(a.lse - anchor)[..., None]
    share_b = torch.exp(b.lse - anchor)[..., None]
    return Partial(share_a * a.out + share_b * b.out, lse)
