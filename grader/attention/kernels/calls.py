"""What ``grader.attention`` calls: picks the kernel for a dense call, and hands a paged cache to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from grader.attention.kernels.launch import attend_dense, attend_packed
from grader.attention.kernels.paged import MOST_ROWS, Blocks, decode

if TYPE_CHECKING:
    from grader.attention.online import Partial
    from grader.attention.paged import Pages

__all__ = ["attend_contiguous", "attend_packed", "attend_pages"]


def attend_contiguous(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool,
    window: int | None,
    scale: float | None,
    out_dtype: torch.dtype,
) -> Partial:
    """Compute dense attention; few queries without a gradient are decoded, with the keys split over the device.

    Args:
        query: (B, H, T, D); see :func:`grader.attention.kernels.launch.attend_dense`, also for the rest.
        key: (B, G, S, D).
        value: (B, G, S, D).
        causal: See ``query``.
        window: See ``query``.
        scale: See ``query``.
        out_dtype: See ``query``.
    """
    differentiated = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    few = query.shape[2] * (query.shape[1] // key.shape[1]) <= MOST_ROWS
    compute = decode if few and not differentiated else attend_dense
    return compute(query, key, value, causal=causal, window=window, scale=scale, out_dtype=out_dtype)


def attend_pages(query: Tensor, pages: Pages, *, causal: bool, window: int | None, scale: float | None) -> Tensor:
    """Compute attention over a paged cache; see :func:`grader.attention.attend_paged`.

    Args:
        query: (B, H, T, D).
        pages: As checked.
        causal: As in :func:`grader.attention.attend`.
        window: As in :func:`grader.attention.attend`.
        scale: As in :func:`grader.attention.attend`.
    """
    longest = max((sequence.length for sequence in pages.sequences), default=0)
    blocks = Blocks(pages.block_table(), pages.lengths(), longest)
    pool = pages.cache.pool
    with torch.no_grad():
        part = decode(
            query, pool.key, pool.value, blocks, causal=causal, window=window, scale=scale, out_dtype=query.dtype
        )
    return part.out
