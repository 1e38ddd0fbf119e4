"""Forward pass for Hopper GPUs: warps that load beside two warp groups that take turns at the matrix units.

What the compiler makes of ``forward.py`` alternates between matrix products and exponentials. Here each of two consumer
warp groups has 64 queries of its own, so that one multiplies while the other exponentiates, and a producer warp keeps
the tiles of keys and values coming through the tensor memory accelerator (arXiv:2407.08608). Programs stay on their
multiprocessor and take one tile of queries after another, so that the producer loads for the next while the consumers
finish this one. Written in Gluon, Triton's lower level, where layouts, barriers and asynchrony are explicit.

Barriers are counted on over all tiles: the n-th tile of keys that a program loads, the i-th tile of queries.
"""

from __future__ import annotations

from functools import cache

import torch
import triton
from torch import Tensor
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared,
    mbarrier,
    tma,
    warpgroup_mma,
    warpgroup_mma_wait,
)
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

from grader.attention.kernels.tuning import LOG2_E, describe

_BLOCK_M, _BLOCK_N = 128, 128
_STAGES = {64: 3, 128: 2}
"""Tiles of keys in flight by head size, as many as fit into shared memory."""


@gluon.jit
def _find_item(item, batch_heads, queries, section, BLOCK_M: gl.constexpr):
    """Tile of queries and head of an item of work: longest first, heads that share the cache side by side."""
    tiles = gl.cdiv(queries, BLOCK_M)
    section_begin = item // (section * tiles) * section
    width = gl.minimum(section, batch_heads - section_begin)
    rest = item - section_begin * tiles
    return tiles - 1 - rest // width, section_begin + rest % width


@gluon.jit
def _count_tiles(
    tile, queries, keys, window,
    BLOCK_M: gl.constexpr, BLOCK_N: gl.constexpr, LIMITED: gl.constexpr, WINDOWED: gl.constexpr,
):  # fmt: skip
    """First key that a tile of queries sees, how many tiles of keys, and which of them, first to last, need no mask."""
    top = tile * BLOCK_M
    bottom = gl.minimum(top + BLOCK_M, queries) - 1
    begin = 0
    end = keys
    whole_begin = 0
    whole_end = keys
    if LIMITED:
        shift = keys - queries
        end = gl.minimum(gl.maximum(bottom + shift + 1, 0), keys)
        whole_end = gl.minimum(gl.maximum(top + shift + 1, 0), keys)
        if WINDOWED:
            begin = gl.minimum(gl.maximum(top + shift - window + 1, 0), end)
            whole_begin = gl.maximum(bottom + shift - window + 1, 0)
    count = gl.cdiv(end - begin, BLOCK_N)
    whole_first = gl.minimum(gl.cdiv(gl.maximum(whole_begin - begin, 0), BLOCK_N), count)
    whole_last = gl.maximum(gl.minimum(gl.maximum(whole_end - begin, 0) // BLOCK_N, count), whole_first)
    return begin, count, whole_first, whole_last


@gluon.jit
def _tile_start(j, begin, count, whole_first, whole_last, BLOCK_N: gl.constexpr):
    """First key of the j-th tile in the order of work: those that need a mask, right ones first, then whole ones."""
    right = count - whole_last
    border = right + whole_first
    i = gl.where(j < right, count - 1 - j, gl.where(j < border, j - right, whole_last - 1 - (j - border)))
    return begin + i * BLOCK_N


@gluon.jit
def _produce(
    q_desc, k_desc, v_desc, q_tiles, k_tiles, v_tiles, q_full, q_empty, k_full, k_empty, v_full, v_empty,
    items, batch_heads, heads, group_size, queries, keys, window, section,
    BLOCK_M: gl.constexpr, BLOCK_N: gl.constexpr, STAGES: gl.constexpr, LIMITED: gl.constexpr, WINDOWED: gl.constexpr,
):  # fmt: skip
    """Load each tile of queries, then its keys and values, as soon as both consumers are done with a place."""
    HALF: gl.constexpr = BLOCK_M // 2
    i = gl.program_id(0) * 0
    n = i
    for item in range(gl.program_id(0), items, gl.num_programs(0)):
        tile, batch_head = _find_item(item, batch_heads, queries, section, BLOCK_M)
        begin, count, whole_first, whole_last = _count_tiles(
            tile, queries, keys, window, BLOCK_M, BLOCK_N, LIMITED, WINDOWED
        )
        batch = batch_head // heads
        head = batch_head % heads
        group = head // group_size
        place = i % 2
        mbarrier.wait(q_empty.index(place), ((i // 2) & 1) ^ 1)
        mbarrier.expect(q_full.index(place), q_desc.block_type.nbytes * 2)
        top = tile * BLOCK_M
        tma.async_copy_global_to_shared(q_desc, [batch, head, top, 0], q_full.index(place), q_tiles.index(2 * place))
        below = q_tiles.index(2 * place + 1)
        tma.async_copy_global_to_shared(q_desc, [batch, head, top + HALF, 0], q_full.index(place), below)
        for j in range(count):
            stage = n % STAGES
            free = ((n // STAGES) & 1) ^ 1
            start = _tile_start(j, begin, count, whole_first, whole_last, BLOCK_N)
            mbarrier.wait(k_empty.index(stage), free)
            mbarrier.expect(k_full.index(stage), k_desc.block_type.nbytes)
            tma.async_copy_global_to_shared(k_desc, [batch, group, start, 0], k_full.index(stage), k_tiles.index(stage))
            mbarrier.wait(v_empty.index(stage), free)
            mbarrier.expect(v_full.index(stage), v_desc.block_type.nbytes)
            tma.async_copy_global_to_shared(v_desc, [batch, group, start, 0], v_full.index(stage), v_tiles.index(stage))
            n += 1
        i += 1


@gluon.jit
def _softmax(
    logits, m, l, start, first, last, scale_log2,
    MASKED: gl.constexpr, LEFT: gl.constexpr, BLOCK_N: gl.constexpr, LOGITS: gl.constexpr,
):  # fmt: skip
    """Fold one tile of logits into the running maximum (scaled, base 2) and sum; see ``forward.py``."""
    if MASKED:
        position = start + gl.arange(0, BLOCK_N, layout=gl.SliceLayout(0, LOGITS))
        visible = position[None, :] < last[:, None]
        if LEFT:
            visible = visible & (position[None, :] >= first[:, None])
        logits = gl.where(visible, logits, float("-inf"))
    new = gl.maximum(m, gl.max(logits, 1) * scale_log2)
    anchor = gl.where(new == float("-inf"), 0.0, new)
    weights = gl.exp2(logits * scale_log2 - anchor[:, None])
    decay = gl.exp2(m - anchor)
    return weights, new, l * decay + gl.sum(weights, 1), decay


@gluon.jit
def _fold_tile(
    n, early, acc, weights, m, l, query, k_tiles, v_tiles, k_full, k_empty, v_full, v_empty,
    start, first, last, scale_log2,
    MASKED: gl.constexpr, LEFT: gl.constexpr, HALF: gl.constexpr, BLOCK_N: gl.constexpr, HEAD: gl.constexpr,
    STAGES: gl.constexpr, LOGITS: gl.constexpr, OUT: gl.constexpr, WEIGHTS: gl.constexpr,
):  # fmt: skip
    """Multiply for the logits of tile n and the weighted values of tile n - 1 at once, then take the softmax of n.

    ``early`` says that tile n - 2 is one of these queries' too, whose values have been multiplied.
    """
    stage = n % STAGES
    before = (n - 1) % STAGES
    mbarrier.wait(k_full.index(stage), (n // STAGES) & 1)
    zero = gl.zeros([HALF, BLOCK_N], gl.float32, LOGITS)
    key = k_tiles.index(stage).reshape([BLOCK_N, HEAD])
    logits = warpgroup_mma(query, key.permute((1, 0)), zero, use_acc=False, is_async=True)
    mbarrier.arrive(v_empty.index((n + STAGES - 2) % STAGES), count=1, pred=early)
    mbarrier.wait(v_full.index(before), ((n - 1) // STAGES) & 1)
    value = v_tiles.index(before).reshape([BLOCK_N, HEAD])
    out = warpgroup_mma(weights, value, acc, is_async=True)
    logits = warpgroup_mma_wait(1, deps=(logits,))
    mbarrier.arrive(k_empty.index(stage), count=1)
    fresh, m, l, decay = _softmax(logits, m, l, start, first, last, scale_log2, MASKED, LEFT, BLOCK_N, LOGITS)
    after = gl.convert_layout(fresh.to(v_tiles.dtype), WEIGHTS)
    # What a wait depends on stays in its registers until then: the old weights, which are being read, too.
    acc, after, weights, l = warpgroup_mma_wait(0, deps=(out, after, weights, l))
    return acc * gl.convert_layout(decay, gl.SliceLayout(1, OUT))[:, None], after, m, l


@gluon.jit
def _consume(
    half, q_tiles, k_tiles, v_tiles, q_full, q_empty, k_full, k_empty, v_full, v_empty,
    out_ptr, lse_ptr, out_stride_b, out_stride_h, out_stride_t,
    items, batch_heads, heads, queries, keys, window, scale_log2, section,
    BLOCK_M: gl.constexpr, BLOCK_N: gl.constexpr, HEAD: gl.constexpr, STAGES: gl.constexpr,
    LIMITED: gl.constexpr, WINDOWED: gl.constexpr,
):  # fmt: skip
    """Compute half of each tile of queries on one warp group."""
    HALF: gl.constexpr = BLOCK_M // 2
    LOGITS: gl.constexpr = gl.NVMMADistributedLayout(
        version=[3, 0], warps_per_cta=[4, 1], instr_shape=[16, BLOCK_N, 16]
    )
    OUT: gl.constexpr = gl.NVMMADistributedLayout(version=[3, 0], warps_per_cta=[4, 1], instr_shape=[16, HEAD, 16])
    WEIGHTS: gl.constexpr = gl.DotOperandLayout(operand_index=0, parent=OUT, k_width=2)
    ROWS: gl.constexpr = gl.SliceLayout(1, LOGITS)
    i = gl.program_id(0) * 0
    n = i
    for item in range(gl.program_id(0), items, gl.num_programs(0)):
        tile, batch_head = _find_item(item, batch_heads, queries, section, BLOCK_M)
        begin, count, whole_first, whole_last = _count_tiles(
            tile, queries, keys, window, BLOCK_M, BLOCK_N, LIMITED, WINDOWED
        )
        top = tile * BLOCK_M + half * HALF
        rows = top + gl.arange(0, HALF, layout=ROWS)
        own = gl.minimum(rows, queries - 1) + (keys - queries)
        first = own * 0
        last = first + keys
        if LIMITED:
            last = gl.minimum(gl.maximum(own + 1, 0), keys)
        if WINDOWED:
            first = gl.minimum(gl.maximum(own - window + 1, 0), last)
        m = gl.full([HALF], float("-inf"), gl.float32, ROWS)
        l = gl.full([HALF], 0.0, gl.float32, ROWS)
        acc = gl.zeros([HALF, HEAD], gl.float32, OUT)
        border = count - (whole_last - whole_first)
        place = i % 2
        mbarrier.wait(q_full.index(place), (i // 2) & 1)
        query = q_tiles.index(2 * place + half).reshape([HALF, HEAD])
        if count > 0:
            mbarrier.wait(k_full.index(n % STAGES), (n // STAGES) & 1)
            zero = gl.zeros([HALF, BLOCK_N], gl.float32, LOGITS)
            key = k_tiles.index(n % STAGES).reshape([BLOCK_N, HEAD])
            logits = warpgroup_mma(query, key.permute((1, 0)), zero, use_acc=False, is_async=True)
            logits = warpgroup_mma_wait(0, deps=(logits,))
            mbarrier.arrive(k_empty.index(n % STAGES), count=1)
            start = _tile_start(0, begin, count, whole_first, whole_last, BLOCK_N)
            # Masked whether it must be or not: one tile more costs less than its code twice.
            fresh, m, l, _ = _softmax(logits, m, l, start, first, last, scale_log2, True, WINDOWED, BLOCK_N, LOGITS)
            weights = gl.convert_layout(fresh.to(v_tiles.dtype), WEIGHTS)
            for j in range(1, border):
                start = _tile_start(j, begin, count, whole_first, whole_last, BLOCK_N)
                acc, weights, m, l = _fold_tile(
                    n + j, j > 1, acc, weights, m, l, query, k_tiles, v_tiles, k_full, k_empty, v_full, v_empty,
                    start, first, last, scale_log2, True, WINDOWED, HALF, BLOCK_N, HEAD, STAGES, LOGITS, OUT, WEIGHTS,
                )  # fmt: skip
            for j in range(gl.maximum(border, 1), count):
                acc, weights, m, l = _fold_tile(
                    n + j, j > 1, acc, weights, m, l, query, k_tiles, v_tiles, k_full, k_empty, v_full, v_empty,
                    0, first, last, scale_log2, False, WINDOWED, HALF, BLOCK_N, HEAD, STAGES, LOGITS, OUT, WEIGHTS,
                )  # fmt: skip
            final = n + count - 1
            mbarrier.arrive(q_empty.index(place), count=1)
            mbarrier.arrive(v_empty.index((final + STAGES - 1) % STAGES), count=1, pred=count > 1)
            mbarrier.wait(v_full.index(final % STAGES), (final // STAGES) & 1)
            value = v_tiles.index(final % STAGES).reshape([BLOCK_N, HEAD])
            out = warpgroup_mma(weights, value, acc, is_async=True)
            acc = warpgroup_mma_wait(0, deps=(out,))
            mbarrier.arrive(v_empty.index(final % STAGES), count=1)
        else:
            mbarrier.arrive(q_empty.index(place), count=1)
        divisor = gl.where(l == 0.0, 1.0, l)
        lse = gl.where(l == 0.0, float("-inf"), (m + gl.log2(divisor)) * 0.6931471805599453)
        gl.store(lse_ptr + batch_head.to(gl.int64) * queries + rows, lse, mask=rows < queries)
        acc = acc / gl.convert_layout(divisor, gl.SliceLayout(1, OUT))[:, None]
        out_rows = top + gl.arange(0, HALF, layout=gl.SliceLayout(1, OUT))
        columns = gl.arange(0, HEAD, layout=gl.SliceLayout(0, OUT))
        base = (batch_head // heads).to(gl.int64) * out_stride_b + (batch_head % heads).to(gl.int64) * out_stride_h
        where = out_ptr + base + out_rows.to(gl.int64)[:, None] * out_stride_t + columns[None, :]
        gl.store(where, acc.to(out_ptr.dtype.element_ty), mask=(out_rows < queries)[:, None])
        n += count
        i += 1


@gluon.jit
def hopper_forward_kernel(
    q_desc, k_desc, v_desc, out_ptr, lse_ptr, out_stride_b, out_stride_h, out_stride_t,
    items, batch_heads, heads, group_size, queries, keys, window, scale_log2, section,
    HEAD: gl.constexpr, BLOCK_M: gl.constexpr, BLOCK_N: gl.constexpr, STAGES: gl.constexpr,
    LIMITED: gl.constexpr, WINDOWED: gl.constexpr,
):  # fmt: skip
    """Compute every so many items of BLOCK_M queries of one head; the other arguments as in ``forward.py``."""
    HALF: gl.constexpr = BLOCK_M // 2
    q_tiles = gl.allocate_shared_memory(q_desc.dtype, [4, 1, 1, HALF, HEAD], q_desc.layout)
    k_tiles = gl.allocate_shared_memory(k_desc.dtype, [STAGES, 1, 1, BLOCK_N, HEAD], k_desc.layout)
    v_tiles = gl.allocate_shared_memory(v_desc.dtype, [STAGES, 1, 1, BLOCK_N, HEAD], v_desc.layout)
    q_full = gl.allocate_shared_memory(gl.int64, [2, 1], mbarrier.MBarrierLayout())
    q_empty = gl.allocate_shared_memory(gl.int64, [2, 1], mbarrier.MBarrierLayout())
    k_full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    k_empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    v_full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    v_empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    for place in gl.static_range(2):
        mbarrier.init(q_full.index(place), count=1)
        mbarrier.init(q_empty.index(place), count=2)  # consumers
    for stage in gl.static_range(STAGES):
        mbarrier.init(k_full.index(stage), count=1)
        mbarrier.init(v_full.index(stage), count=1)
        mbarrier.init(k_empty.index(stage), count=2)
        mbarrier.init(v_empty.index(stage), count=2)
    fence_async_shared()
    gl.warp_specialize(
        [
            (
                _consume,
                (
                    0, q_tiles, k_tiles, v_tiles, q_full, q_empty, k_full, k_empty, v_full, v_empty,
                    out_ptr, lse_ptr, out_stride_b, out_stride_h, out_stride_t,
                    items, batch_heads, heads, queries, keys, window, scale_log2, section,
                    BLOCK_M, BLOCK_N, HEAD, STAGES, LIMITED, WINDOWED,
                ),
            ),
            (
                _consume,
                (
                    1, q_tiles, k_tiles, v_tiles, q_full, q_empty, k_full, k_empty, v_full, v_empty,
                    out_ptr, lse_ptr, out_stride_b, out_stride_h, out_stride_t,
                    items, batch_heads, heads, queries, keys, window, scale_log2, section,
                    BLOCK_M, BLOCK_N, HEAD, STAGES, LIMITED, WINDOWED,
                ),
            ),
            (
                _produce,
                (
                    q_desc, k_desc, v_desc, q_tiles, k_tiles, v_tiles,
                    q_full, q_empty, k_full, k_empty, v_full, v_empty,
                    items, batch_heads, heads, group_size, queries, keys, window, section,
                    BLOCK_M, BLOCK_N, STAGES, LIMITED, WINDOWED,
                ),
            ),
        ],
        [4, 1],  # warps of the second and third
        [240, 24],  # their registers a thread
    )  # fmt: skip


def run_hopper(
    query: Tensor, key: Tensor, value: Tensor, out: Tensor, lse: Tensor, *,
    limited: bool, window: int | None, scale: float, section: int,
) -> None:  # fmt: skip
    """Start the kernel.

    Args:
        query: (B, H, T, D), accepted by :func:`~grader.attention.kernels.support.suits_hopper`; no axis empty.
        key: (B, G, S, D).
        value: (B, G, S, D).
        out: Filled, (B, H, T, D), last axis dense.
        lse: Filled, (B, H, T), float32, dense.
        limited: Whether causal or windowed.
        window: At most T + S.
        scale: Above 0.
        section: Heads whose keys share the second-level cache at a time.
    """
    (batch, heads, queries, size), (_, groups, keys, _) = query.shape, key.shape
    kind = gl.bfloat16 if query.dtype == torch.bfloat16 else gl.float16
    descriptors = [
        _for_gluon(tensor, rows, kind) for tensor, rows in ((query, _BLOCK_M // 2), (key, _BLOCK_N), (value, _BLOCK_N))
    ]
    items = triton.cdiv(queries, _BLOCK_M) * batch * heads
    hopper_forward_kernel[(min(items, _multiprocessors(query.device)),)](
        *descriptors, out, lse, *out.stride()[:3], items, batch * heads, heads, heads // groups, queries, keys,
        window or 0, scale * LOG2_E, section, HEAD=size, BLOCK_M=_BLOCK_M, BLOCK_N=_BLOCK_N, STAGES=_STAGES[size],
        LIMITED=limited, WINDOWED=window is not None, num_warps=4, maxnreg=168,
    )  # fmt: skip


@cache
def _multiprocessors(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).multi_processor_count)


def _for_gluon(tensor: Tensor, rows: int, kind: gl.dtype) -> TensorDescriptor:
    described = describe(tensor)
    block = [1, 1, rows, tensor.shape[-1]]
    layout = gl.NVMMASharedLayout.get_default_for(block, kind)
    return TensorDescriptor(described.base, described.shape, described.strides, block, layout)
