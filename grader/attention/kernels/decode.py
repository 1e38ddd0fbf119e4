"""Few queries over many keys, contiguous or paged: the keys are split over programs, then the parts are merged.

One query reads every key once, so the time is that of reading them. A sequence's keys are cut into as many
splits as it takes to occupy the device (Flash-Decoding), and the query heads that share a key/value head are
rows of one tile, so that each key is read once for all of them.
"""

from __future__ import annotations

import triton
import triton.language as tl

from grader.attention.kernels.intervals import keys_seen
from grader.attention.kernels.products import add_product, product


@triton.jit(do_not_specialize=["queries", "keys", "splits", "window"])
def split_kernel(
    q_ptr, k_ptr, v_ptr, table_ptr, lengths_ptr, out_ptr, lse_ptr,
    q_stride_b, q_stride_h, q_stride_t, k_stride_b, k_stride_h, k_stride_s, v_stride_b, v_stride_h, v_stride_s,
    table_stride, batches, heads, group_size, queries, keys, window, scale_log2, splits,
    PAGE_SIZE: tl.constexpr, HEAD: tl.constexpr, LIMITED: tl.constexpr, WINDOWED: tl.constexpr,
    PRECISION: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Compute BLOCK_M rows, each a query of one of a group's heads, over one split of a sequence's keys.

    Args:
        q_ptr: (B, H, T, D).
        k_ptr: (blocks, G, PAGE_SIZE, D), or (B, G, S, D) where PAGE_SIZE is 0; last axis dense.
        v_ptr: The same.
        table_ptr: Blocks of each sequence, (B, most blocks); unused where PAGE_SIZE is 0.
        lengths_ptr: Keys of each sequence, (B,); unused where PAGE_SIZE is 0.
        out_ptr: (splits, B, H, T, D), dense.
        lse_ptr: (splits, B, H, T), dense; natural log.
    """
    groups = heads // group_size
    tiles = tl.cdiv(queries * group_size, BLOCK_M)
    split = tl.program_id(0) % splits
    rest = tl.program_id(0) // splits
    tile = rest % tiles
    group = rest // tiles % groups
    batch = rest // tiles // groups
    if PAGE_SIZE > 0:
        keys = tl.load(lengths_ptr + batch)

    rows = tile * BLOCK_M + tl.arange(0, BLOCK_M)
    inside = rows < queries * group_size
    query_index = rows // group_size
    head = group * group_size + rows % group_size
    first, last = keys_seen(query_index, lengths_ptr, lengths_ptr, queries, keys, window, LIMITED, WINDOWED, False)
    top = tile * BLOCK_M // group_size
    begin, _ = keys_seen(top, lengths_ptr, lengths_ptr, queries, keys, window, LIMITED, WINDOWED, False)
    bottom = (tile * BLOCK_M + BLOCK_M - 1) // group_size
    _, end = keys_seen(bottom, lengths_ptr, lengths_ptr, queries, keys, window, LIMITED, WINDOWED, False)
    share = tl.cdiv(tl.cdiv(end - begin, BLOCK_N), splits) * BLOCK_N
    begin = begin + split * share
    end = tl.minimum(begin + share, end)

    columns = tl.arange(0, HEAD)
    q_rows = batch.to(tl.int64) * q_stride_b + head.to(tl.int64) * q_stride_h + query_index.to(tl.int64) * q_stride_t
    query = tl.load(q_ptr + q_rows[:, None] + columns[None, :], mask=inside[:, None], other=0.0)
    k_base = k_ptr + group.to(tl.int64) * k_stride_h
    v_base = v_ptr + group.to(tl.int64) * v_stride_h
    acc = tl.zeros([BLOCK_M, HEAD], tl.float32)
    m = tl.full([BLOCK_M], float("-inf"), tl.float32)
    l = tl.zeros([BLOCK_M], tl.float32)
    for start in tl.range(begin, end, BLOCK_N, num_stages=STAGES):
        position = start + tl.arange(0, BLOCK_N)
        # What lies behind the last key belongs to nobody and may be NaN: it is not read.
        real = position < end
        if PAGE_SIZE > 0:
            table = table_ptr + batch.to(tl.int64) * table_stride + position // PAGE_SIZE
            block = tl.load(table, mask=real, other=0).to(tl.int64)
            slot = position % PAGE_SIZE
        else:
            block = batch.to(tl.int64)
            slot = position.to(tl.int64)
        key = tl.load(
            k_base + (block * k_stride_b + slot * k_stride_s)[:, None] + columns[None, :], mask=real[:, None], other=0.0
        )
        logits = product(query, key.T, PRECISION)
        visible = real[None, :] & (position[None, :] < last[:, None]) & (position[None, :] >= first[:, None])
        logits = tl.where(visible, logits, float("-inf"))
        new = tl.maximum(m, tl.max(logits, 1) * scale_log2)
        anchor = tl.where(new == float("-inf"), 0.0, new)
        weights = tl.math.exp2(logits * scale_log2 - anchor[:, None])
        decay = tl.math.exp2(m - anchor)
        l = l * decay + tl.sum(weights, 1)
        value = tl.load(
            v_base + (block * v_stride_b + slot * v_stride_s)[:, None] + columns[None, :], mask=real[:, None], other=0.0
        )
        acc = add_product(weights.to(value.dtype), value, acc * decay[:, None], PRECISION)
        m = new

    divisor = tl.where(l == 0.0, 1.0, l)
    lse = tl.where(l == 0.0, float("-inf"), (m + tl.math.log2(divisor)) * 0.6931471805599453)
    place = ((split.to(tl.int64) * batches + batch) * heads + head) * queries + query_index
    tl.store(lse_ptr + place, lse, mask=inside)
    out = (acc / divisor[:, None]).to(out_ptr.dtype.element_ty)
    tl.store(out_ptr + place[:, None] * HEAD + columns[None, :], out, mask=inside[:, None])


@triton.jit(do_not_specialize=["rows", "splits"])
def merge_kernel(
    part_ptr, part_lse_ptr, out_ptr, lse_ptr, rows, splits, HEAD: tl.constexpr, SPLITS: tl.constexpr, STEP: tl.constexpr
):
    """Merge the splits of one row: a mean of their outputs, weighted by the exponentials of their log-sum-exps.

    Args:
        part_ptr: (splits, rows, D), float32.
        part_lse_ptr: (splits, rows).
        out_ptr: (rows, D).
        lse_ptr: (rows,).
        SPLITS: Power of two, at least ``splits``.
        STEP: Splits loaded at a time.
    """
    row = tl.program_id(0).to(tl.int64)
    index = tl.arange(0, SPLITS)
    lse = tl.load(part_lse_ptr + index.to(tl.int64) * rows + row, mask=index < splits, other=float("-inf"))
    top = tl.max(lse, 0)
    anchor = tl.where(top == float("-inf"), 0.0, top)
    total = tl.sum(tl.exp(lse - anchor), 0)
    divisor = tl.where(total == 0.0, 1.0, total)
    columns = tl.arange(0, HEAD)
    acc = tl.zeros([HEAD], tl.float32)
    for start in tl.range(0, splits, STEP):
        some = start + tl.arange(0, STEP)
        real = some < splits
        place = some.to(tl.int64) * rows + row
        share = tl.exp(tl.load(part_lse_ptr + place, mask=real, other=float("-inf")) - anchor)
        part = tl.load(part_ptr + place[:, None] * HEAD + columns[None, :], mask=real[:, None], other=0.0)
        acc += tl.sum(share[:, None] * part, 0)
    tl.store(out_ptr + row * HEAD + columns, (acc / divisor).to(out_ptr.dtype.element_ty))
    tl.store(lse_ptr + row, tl.where(total == 0.0, float("-inf"), anchor + tl.log(divisor)))
