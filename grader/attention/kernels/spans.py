"""Intervals of packed sequences: which keys each query sees, and by which queries each key is seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from grader.attention.kernels.intervals import keys_seen, queries_seeing

_BLOCK = 128


@dataclass(frozen=True)
class Spans:
    """Intervals of packed tokens; the sequence of a token is the first limit.

    Args:
        first_key: int32 (N,), first key that a query sees.
        last_key: int32 (N,), one past the last; equal to the first where a query sees none.
        first_query: int32 (M,), first query that sees a key.
        last_query: int32 (M,), one past the last.
    """

    first_key: Tensor
    last_key: Tensor
    first_query: Tensor
    last_query: Tensor


def find_spans(ends_q: Tensor, ends_k: Tensor, queries: int, keys: int, *, causal: bool, window: int | None) -> Spans:
    """Find the intervals of every packed token, on the device and without waiting for it.

    Args:
        ends_q: int32 or int64 (B + 1), as checked.
        ends_k: The same for the keys.
        queries: N.
        keys: M.
        causal: See :func:`grader.attention.attend`.
        window: See :func:`grader.attention.attend`.
    """
    rows = (ends_q.new_empty(2, queries, dtype=torch.int32), ends_q.new_empty(2, keys, dtype=torch.int32))
    spans = Spans(*rows[0], *rows[1])
    sequences = len(ends_q) - 1
    if sequences:
        _spans_kernel[(sequences,)](
            ends_q, ends_k, spans.first_key, spans.last_key, spans.first_query, spans.last_query,
            0 if window is None else min(window, queries + keys),
            LIMITED=causal or window is not None, WINDOWED=window is not None, BLOCK=_BLOCK,
        )  # fmt: skip
    return spans


@triton.jit(do_not_specialize=["window"])
def _spans_kernel(
    ends_q_ptr, ends_k_ptr, first_key_ptr, last_key_ptr, first_query_ptr, last_query_ptr, window,
    LIMITED: tl.constexpr, WINDOWED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Fill in the intervals of the tokens of one sequence."""
    begin_q = tl.load(ends_q_ptr + tl.program_id(0)).to(tl.int32)
    begin_k = tl.load(ends_k_ptr + tl.program_id(0)).to(tl.int32)
    queries = tl.load(ends_q_ptr + tl.program_id(0) + 1).to(tl.int32) - begin_q
    keys = tl.load(ends_k_ptr + tl.program_id(0) + 1).to(tl.int32) - begin_k
    for start in range(0, queries, BLOCK):
        row = start + tl.arange(0, BLOCK)
        first, last = keys_seen(row, first_key_ptr, last_key_ptr, queries, keys, window, LIMITED, WINDOWED, False)
        tl.store(first_key_ptr + begin_q + row, begin_k + first, mask=row < queries)
        tl.store(last_key_ptr + begin_q + row, begin_k + last, mask=row < queries)
    for start in range(0, keys, BLOCK):
        col = start + tl.arange(0, BLOCK)
        first, last = queries_seeing(
            col, first_query_ptr, last_query_ptr, queries, keys, window, LIMITED, WINDOWED, False
        )
        tl.store(first_query_ptr + begin_k + col, begin_q + first, mask=col < keys)
        tl.store(last_query_ptr + begin_k + col, begin_q + last, mask=col < keys)
