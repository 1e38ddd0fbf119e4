"""Backward pass: weights are computed again, tile by tile, from the statistics that the forward pass kept.

In half precisions that is the log-sum-exp. In float32 it is not enough: logits of 60 leave a log-sum-exp with an error
of 4e-6, and every weight of the row inherits it. There the running maximum and the sum are kept apart, which gives
the weights of the forward pass again, for one multiplication more an element.

Two kernels, one that owns tiles of keys and one that owns tiles of queries: each gradient is summed by one program in
a fixed order, so results are the same bits every time, at the price of computing logits twice (arXiv:2205.14135
accumulates the queries' gradient with atomic additions instead).
"""

from __future__ import annotations

import triton
import triton.language as tl

from grader.attention.kernels.intervals import border_start, count_tiles, keys_seen, queries_seeing, take_tile
from grader.attention.kernels.products import add_product, product
from grader.attention.kernels.tuning import key_gradient_tuning, query_gradient_tuning

_QUERY_TUNING = query_gradient_tuning()
_KEY_TUNING = key_gradient_tuning()


@triton.jit
def prepare_kernel(
    out_ptr, grad_ptr, lse_ptr, stats_ptr, grad_lse_ptr, anchor_ptr, share_ptr, mean_ptr,
    out_stride_b, out_stride_h, out_stride_t, grad_stride_b, grad_stride_h, grad_stride_t,
    batch_heads, heads, queries, padded,
    HEAD: tl.constexpr, BLOCK_M: tl.constexpr,
):  # fmt: skip
    """Compute what the passes over the tiles need of each row, all (B, H, padded): anchor, share and mean.

    A weight is exp2(scaled logit - anchor) * share. The anchor is the log-sum-exp to base 2, and no share is needed;
    or, where ``stats_ptr`` is given, they are the maximum and one over the sum. The weighted mean of a row's gradients,
    which softmax subtracts from them, is out . grad_out; a gradient of the log-sum-exp itself joins it there. Behind
    the last query all are 0.
    """
    tiles = padded // BLOCK_M
    batch_head = tl.program_id(0) // tiles
    rows = tl.program_id(0) % tiles * BLOCK_M + tl.arange(0, BLOCK_M)
    inside = rows < queries
    columns = tl.arange(0, HEAD)[None, :]
    batch = (batch_head // heads).to(tl.int64)
    head = (batch_head % heads).to(tl.int64)
    long_rows = rows.to(tl.int64)[:, None]
    out_place = out_ptr + batch * out_stride_b + head * out_stride_h + long_rows * out_stride_t + columns
    out = tl.load(out_place, mask=inside[:, None], other=0.0).to(tl.float32)
    grad_place = grad_ptr + batch * grad_stride_b + head * grad_stride_h + long_rows * grad_stride_t + columns
    grad = tl.load(grad_place, mask=inside[:, None], other=0.0).to(tl.float32)
    place = batch_head.to(tl.int64) * queries + rows
    mean = tl.sum(out * grad, 1) - tl.load(grad_lse_ptr + place, mask=inside, other=0.0)
    padded_place = batch_head.to(tl.int64) * padded + rows
    tl.store(mean_ptr + padded_place, mean)
    if stats_ptr is None:
        anchor = tl.load(lse_ptr + place, mask=inside, other=0.0) * 1.4426950408889634
    else:
        anchor = tl.load(stats_ptr + place, mask=inside, other=0.0)
        sums = tl.load(stats_ptr + batch_heads.to(tl.int64) * queries + place, mask=inside, other=0.0)
        seen = sums > 0.0
        tl.store(share_ptr + padded_place, tl.where(seen, tl.math.div_rn(1.0, tl.where(seen, sums, 1.0)), 0.0))
    # Where no key was visible every weight is exp2(-inf), whatever finite number is subtracted.
    tl.store(anchor_ptr + padded_place, tl.where(anchor == float("-inf"), 0.0, anchor))


@triton.jit
def _fold_keys(
    acc, query, grad, anchor, share, mean, k_desc, v_desc, batch, group, start, first, last, scale_log2,
    MASKED: tl.constexpr, BLOCK_N: tl.constexpr, HEAD: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Add one tile of keys to the gradient of a tile of queries."""
    key = k_desc.load([batch, group, start, 0]).reshape([BLOCK_N, HEAD])
    value = v_desc.load([batch, group, start, 0]).reshape([BLOCK_N, HEAD])
    logits = product(query, key.T, PRECISION)
    grad_weights = product(grad, value.T, PRECISION)
    weights = tl.math.exp2(logits * scale_log2 - anchor[:, None])
    if share is not None:
        weights = weights * share[:, None]
    if MASKED:
        position = start + tl.arange(0, BLOCK_N)
        visible = (position[None, :] < last[:, None]) & (position[None, :] >= first[:, None])
        weights = tl.where(visible, weights, 0.0)
    grad_logits = weights * (grad_weights - mean[:, None])
    return add_product(grad_logits.to(key.dtype), key, acc, PRECISION)


@triton.autotune(
    configs=_QUERY_TUNING.configs,
    key=["HEAD", "LIMITED", "WINDOWED", "PACKED", "EVEN", "PRECISION", "BUCKET"],
    prune_configs_by={"early_config_prune": _QUERY_TUNING.keep_fitting},
)
@triton.jit(do_not_specialize=["BUCKET"])
def query_gradient_kernel(
    q_desc, k_desc, v_desc, grad_desc, anchor_desc, share_desc, mean_desc, dq_ptr, first_ptr, last_ptr,
    batch_heads, heads, group_size, queries, keys, window, scale, scale_log2, section, BUCKET,
    HEAD: tl.constexpr, LIMITED: tl.constexpr, WINDOWED: tl.constexpr, PACKED: tl.constexpr, EVEN: tl.constexpr,
    PRECISION: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Compute the gradient of BLOCK_M queries of one head.

    Args:
        grad_desc: Gradient of the output, (B, H, T, D).
        anchor_desc: From :func:`prepare_kernel`, (B * H, padded); so are ``share_desc``, or None, and ``mean_desc``.
        dq_ptr: (B, H, T, D), dense. The rest as in the forward pass.
    """
    tile, batch_head = take_tile(tl.cdiv(queries, BLOCK_M), batch_heads, section)
    batch = batch_head // heads
    head = batch_head % heads
    group = head // group_size
    top = tile * BLOCK_M
    rows = top + tl.arange(0, BLOCK_M)
    first, last = keys_seen(rows, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    begin, whole_end = keys_seen(top, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    bottom = top + BLOCK_M - 1
    whole_begin, end = keys_seen(bottom, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    count, whole_first, whole_last = count_tiles(begin, end, whole_begin, whole_end, BLOCK_N)

    query = q_desc.load([batch, head, top, 0]).reshape([BLOCK_M, HEAD])
    grad = grad_desc.load([batch, head, top, 0]).reshape([BLOCK_M, HEAD])
    anchor = anchor_desc.load([batch_head, top]).reshape([BLOCK_M])
    share = None
    if share_desc is not None:
        share = share_desc.load([batch_head, top]).reshape([BLOCK_M])
    mean = mean_desc.load([batch_head, top]).reshape([BLOCK_M])
    acc = tl.zeros([BLOCK_M, HEAD], tl.float32)
    for i in tl.range(whole_first, whole_last):
        acc = _fold_keys(
            acc, query, grad, anchor, share, mean, k_desc, v_desc, batch, group, begin + i * BLOCK_N, first, last,
            scale_log2, False, BLOCK_N, HEAD, PRECISION,
        )  # fmt: skip
    if not EVEN:
        for i in tl.range(0, count - (whole_last - whole_first)):
            start = border_start(begin, i, whole_first, whole_last, BLOCK_N)
            acc = _fold_keys(
                acc, query, grad, anchor, share, mean, k_desc, v_desc, batch, group, start, first, last, scale_log2,
                True, BLOCK_N, HEAD, PRECISION,
            )  # fmt: skip
    place = (batch_head.to(tl.int64) * queries + rows)[:, None] * HEAD + tl.arange(0, HEAD)[None, :]
    tl.store(dq_ptr + place, (acc * scale).to(dq_ptr.dtype.element_ty), mask=(rows < queries)[:, None])


@triton.jit
def _fold_queries(
    dk, dv, key, value, q_desc, grad_desc, anchor_desc, share_desc, mean_desc, batch, head, row, start, first, last,
    scale_log2, MASKED: tl.constexpr, BLOCK_M: tl.constexpr, HEAD: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Add one tile of queries to the gradients of a tile of keys; everything transposed, keys in rows."""
    query = q_desc.load([batch, head, start, 0]).reshape([BLOCK_M, HEAD])
    grad = grad_desc.load([batch, head, start, 0]).reshape([BLOCK_M, HEAD])
    anchor = anchor_desc.load([row, start]).reshape([BLOCK_M])
    mean = mean_desc.load([row, start]).reshape([BLOCK_M])
    weights = tl.math.exp2(product(key, query.T, PRECISION) * scale_log2 - anchor[None, :])
    if share_desc is not None:
        weights = weights * share_desc.load([row, start]).reshape([BLOCK_M])[None, :]
    if MASKED:
        rows = start + tl.arange(0, BLOCK_M)
        seeing = (rows[None, :] < last[:, None]) & (rows[None, :] >= first[:, None])
        weights = tl.where(seeing, weights, 0.0)
    dv = add_product(weights.to(grad.dtype), grad, dv, PRECISION)
    grad_weights = product(value, grad.T, PRECISION)
    grad_logits = weights * (grad_weights - mean[None, :])
    dk = add_product(grad_logits.to(query.dtype), query, dk, PRECISION)
    return dk, dv


@triton.autotune(
    configs=_KEY_TUNING.configs,
    key=["HEAD", "LIMITED", "WINDOWED", "PACKED", "EVEN", "PRECISION", "BUCKET"],
    prune_configs_by={"early_config_prune": _KEY_TUNING.keep_fitting},
)
@triton.jit(do_not_specialize=["BUCKET"])
def key_gradient_kernel(
    q_desc, k_desc, v_desc, grad_desc, anchor_desc, share_desc, mean_desc, dk_ptr, dv_ptr, first_ptr, last_ptr,
    batch_groups, groups, group_size, queries, keys, window, scale, scale_log2, BUCKET,
    HEAD: tl.constexpr, LIMITED: tl.constexpr, WINDOWED: tl.constexpr, PACKED: tl.constexpr, EVEN: tl.constexpr,
    PRECISION: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Compute the gradients of BLOCK_N keys and values of one key/value head, over all query heads that read it.

    Args:
        dk_ptr: (B, G, S, D), dense; so is ``dv_ptr``.
        first_ptr: Where PACKED, first query that sees each key, (S,).
        last_ptr: Where PACKED, one past the last, (S,). The rest as in :func:`query_gradient_kernel`.
    """
    # The first keys are seen by most queries: they come first.
    left = tl.program_id(0) // batch_groups * BLOCK_N
    batch_group = tl.program_id(0) % batch_groups
    batch = batch_group // groups
    group = batch_group % groups
    cols = left + tl.arange(0, BLOCK_N)
    first, last = queries_seeing(cols, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    begin, whole_end = queries_seeing(left, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    right = left + BLOCK_N - 1
    whole_begin, end = queries_seeing(right, first_ptr, last_ptr, queries, keys, window, LIMITED, WINDOWED, PACKED)
    begin = begin // 16 * 16  # loads of a row's numbers start at addresses that the accelerator takes
    count, whole_first, whole_last = count_tiles(begin, end, whole_begin, whole_end, BLOCK_M)

    key = k_desc.load([batch, group, left, 0]).reshape([BLOCK_N, HEAD])
    value = v_desc.load([batch, group, left, 0]).reshape([BLOCK_N, HEAD])
    dk = tl.zeros([BLOCK_N, HEAD], tl.float32)
    dv = tl.zeros([BLOCK_N, HEAD], tl.float32)
    for member in range(group_size):
        head = group * group_size + member
        row = batch_group * group_size + member
        for i in tl.range(whole_first, whole_last):
            dk, dv = _fold_queries(
                dk, dv, key, value, q_desc, grad_desc, anchor_desc, share_desc, mean_desc, batch, head, row,
                begin + i * BLOCK_M, first, last, scale_log2, False, BLOCK_M, HEAD, PRECISION,
            )  # fmt: skip
        if not EVEN:
            for i in tl.range(0, count - (whole_last - whole_first)):
                start = border_start(begin, i, whole_first, whole_last, BLOCK_M)
                dk, dv = _fold_queries(
                    dk, dv, key, value, q_desc, grad_desc, anchor_desc, share_desc, mean_desc, batch, head, row, start,
                    first, last, scale_log2, True, BLOCK_M, HEAD, PRECISION,
                )  # fmt: skip
    inside = (cols < keys)[:, None]
    place = (batch_group.to(tl.int64) * keys + cols)[:, None] * HEAD + tl.arange(0, HEAD)[None, :]
    tl.store(dk_ptr + place, (dk * scale).to(dk_ptr.dtype.element_ty), mask=inside)
    tl.store(dv_ptr + place, dv.to(dv_ptr.dtype.element_ty), mask=inside)
