"""Forward pass: FlashAttention's loop, one Triton kernel for dense and packed sequences.

A program takes a tile of queries and walks the keys from the first that any of them sees to the last. Tiles that every
query sees whole are computed without a mask; only those on a border pay for one (arXiv:2307.08691). Exponentials
are to base 2, with the scale folded into the one multiplication that the subtraction of the maximum needs anyway.
"""

from __future__ import annotations

import triton
import triton.language as tl

from grader.attention.kernels.intervals import border_start, count_tiles, keys_seen, take_tile
from grader.attention.kernels.products import add_product, product
from grader.attention.kernels.tuning import forward_tuning

_TUNING = forward_tuning()


@triton.jit
def _fold_tile(
    acc, m, l, query, k_desc, v_desc, batch, group, start, first, last, scale_log2,
    MASKED: tl.constexpr, LEFT: tl.constexpr, BLOCK_N: tl.constexpr, HEAD: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Add one tile of keys to the running maximum m (scaled, base 2), sum l and weighted values."""
    key = k_desc.load([batch, group, start, 0]).reshape([BLOCK_N, HEAD])
    logits = product(query, key.T, PRECISION)
    if MASKED:
        position = start + tl.arange(0, BLOCK_N)
        visible = position[None, :] < last[:, None]
        if LEFT:
            visible = visible & (position[None, :] >= first[:, None])
        logits = tl.where(visible, logits, float("-inf"))
    new = tl.maximum(m, tl.max(logits, 1) * scale_log2)
    # A row without a visible key so far must not subtract infinity from itself.
    anchor = tl.where(new == float("-inf"), 0.0, new)
    weights = tl.math.exp2(logits * scale_log2 - anchor[:, None])
    decay = tl.math.exp2(m - anchor)
    l = l * decay + tl.sum(weights, 1)
    acc = acc * decay[:, None]
    value = v_desc.load([batch, group, start, 0]).reshape([BLOCK_N, HEAD])
    acc = add_product(weights.to(value.dtype), value, acc, PRECISION)
    return acc, new, l


@triton.autotune(
    configs=_TUNING.configs,
    key=["HEAD", "LIMITED", "WINDOWED", "PACKED", "EVEN", "PRECISION", "BUCKET"],
    prune_configs_by={"early_config_prune": _TUNING.keep_fitting},
)
@triton.jit(do_not_specialize=["BUCKET"])
def forward_kernel(
    q_desc, k_desc, v_desc, out_ptr, lse_ptr, stats_ptr, first_ptr, last_ptr, out_stride_b, out_stride_h, out_stride_t,
    batch_heads, heads, group_size, queries, keys, window, scale_log2, section, BUCKET,
    HEAD: tl.constexpr, LIMITED: tl.constexpr, WINDOWED: tl.constexpr, PACKED: tl.constexpr, EVEN: tl.constexpr,
    PRECISION: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Compute BLOCK_M queries of one head.

    Args:
        q_desc: (B, H, T, D).
        k_desc: (B, G, S, D).
        v_desc: (B, G, S, D).
        out_ptr: (B, H, T, D), last axis dense.
        lse_ptr: (B, H, T), dense; natural log.
        stats_ptr: (2, B, H, T), dense: m and l, for a backward pass that needs more digits than lse has; or None.
        first_ptr: Where PACKED, first key that each query sees, (T,).
        last_ptr: Where PACKED, one past the last, (T,).
        EVEN: Whether every tile is whole, so that no code for borders is needed.
    """
    tile, batch_head = take_tile(tl.cdiv(queries, BLOCK_M), batch_heads, section)
    batch = batch_head // heads
    head = batch_head % heads
    group = head // group_size
    LEFT: tl.constexpr = WINDOWED or PACKED

    top = tile * BLOCK_M
    rows = top + tl.arange(0, BLOCK_M)
    first, last = keys_seen(rows, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    begin, whole_end = keys_seen(top, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    bottom = top + BLOCK_M - 1
    whole_begin, end = keys_seen(bottom, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    count, whole_first, whole_last = count_tiles(begin, end, whole_begin, whole_end, BLOCK_N)

    query = q_desc.load([batch, head, top, 0]).reshape([BLOCK_M, HEAD])
    acc = tl.zeros([BLOCK_M, HEAD], tl.float32)
    m = tl.full([BLOCK_M], float("-inf"), tl.float32)
    l = tl.zeros([BLOCK_M], tl.float32)
    # Whole tiles first: the other way round, ptxas makes each matrix product wait for the one before.
    for i in tl.range(whole_first, whole_last):
        acc, m, l = _fold_tile(
            acc, m, l, query, k_desc, v_desc, batch, group, begin + i * BLOCK_N, first, last, scale_log2,
            False, LEFT, BLOCK_N, HEAD, PRECISION,
        )  # fmt: skip
    if not EVEN:
        for i in tl.range(0, count - (whole_last - whole_first)):
            start = border_start(begin, i, whole_first, whole_last, BLOCK_N)
            acc, m, l = _fold_tile(
                acc, m, l, query, k_desc, v_desc, batch, group, start, first, last, scale_log2,
                True, LEFT, BLOCK_N, HEAD, PRECISION,
            )  # fmt: skip

    divisor = tl.where(l == 0.0, 1.0, l)
    lse = tl.where(l == 0.0, float("-inf"), (m + tl.math.log2(divisor)) * 0.6931471805599453)
    inside = rows < queries
    place = batch_head.to(tl.int64) * queries + rows
    tl.store(lse_ptr + place, lse, mask=inside)
    if stats_ptr is not None:
        tl.store(stats_ptr + place, m, mask=inside)
        tl.store(stats_ptr + batch_heads.to(tl.int64) * queries + place, l, mask=inside)
    base = out_ptr + batch.to(tl.int64) * out_stride_b + head.to(tl.int64) * out_stride_h
    place = base + rows.to(tl.int64)[:, None] * out_stride_t + tl.arange(0, HEAD)[None, :]
    tl.store(place, (acc / divisor[:, None]).to(out_ptr.dtype.element_ty), mask=inside[:, None])
