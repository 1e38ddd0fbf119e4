"""Calls of the decoding kernel: few queries, keys contiguous or in the blocks of a paged cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
import triton
from torch import Tensor

from grader.attention.kernels.decode import merge_kernel, split_kernel
from grader.attention.kernels.launch import dot_precision, on_device, positive_scale
from grader.attention.kernels.tuning import LOG2_E
from grader.attention.online import Partial

MOST_ROWS = 64
"""Queries times heads of a group up to which a contiguous call decodes: above, the forward kernel wastes less."""

_RESIDENT = 2  # programs that fit on a multiprocessor at once, by shared memory
_WAVES = 2
_MOST_SPLITS = 256
_GOOD_ENOUGH = 0.95  # of the best occupancy; fewer splits mean less to merge
_STEP = 16  # splits merged at a time
_STAGES = 3  # tiles in flight; through a block table two more, as the table's entries are loaded ahead of them
_TILE_BYTES = 16 * 1024  # keys of one tile; three tiles of keys and values in flight fill half a multiprocessor


@dataclass(frozen=True)
class Blocks:
    """Where the keys of a batch lie in a pool of blocks, ready for a kernel.

    Args:
        table: int32 (B, most blocks of a sequence), blocks in the order of the positions that they hold.
        lengths: int32 (B,), keys of each sequence.
        longest: Largest of ``lengths``.
    """

    table: Tensor
    lengths: Tensor
    longest: int


def decode(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    blocks: Blocks | None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    out_dtype: torch.dtype = torch.float32,
    splits: int | None = None,
) -> Partial:
    """Compute attention of few queries; no gradient. The same keys give the same bits, contiguous or paged.

    Args:
        query: (B, H, T, D).
        key: (B, G, S, D), or a pool's (blocks, G, block size, D).
        value: The same.
        blocks: Which blocks of the pool; ``None`` for contiguous keys.
        causal: As in :func:`grader.attention.attend`.
        window: As in :func:`grader.attention.attend`.
        scale: As in :func:`grader.attention.attend`.
        out_dtype: What the float32 sums are rounded to.
        splits: Programs that share a sequence's keys; by default what occupies the device.
    """
    query, scale = positive_scale(query, scale)
    batch, heads, queries, size = query.shape
    groups = key.shape[1]
    keys = key.shape[2] if blocks is None else blocks.longest
    lse = torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device)
    out = torch.empty(query.shape, dtype=out_dtype, device=query.device)
    if not keys or not query.numel():
        return Partial(out.zero_(), lse.fill_(-torch.inf))
    query, key, value = (x if x.stride(-1) == 1 else x.contiguous() for x in (query, key, value))
    rows = queries * (heads // groups)
    block_m = min(max(triton.next_power_of_2(rows), 16), MOST_ROWS)
    block_n = max(16, min(128, _TILE_BYTES // (size * key.element_size())))
    programs = batch * groups * triton.cdiv(rows, block_m)
    seen = keys if window is None else min(keys, window + queries)
    splits = choose_splits(programs, triton.cdiv(seen, block_n), _slots(query.device)) if splits is None else splits
    parts = Partial(out, lse)
    if splits > 1:
        part_out = torch.empty(splits, *query.shape, dtype=torch.float32, device=query.device)
        parts = Partial(part_out, lse.new_empty(splits, *lse.shape))
    table, lengths = (None, None) if blocks is None else (blocks.table, blocks.lengths)
    with on_device(query):
        split_kernel[(programs * splits,)](
            query, key, value, table, lengths, parts.out, parts.lse,
            *query.stride()[:3], *key.stride()[:3], *value.stride()[:3], 0 if table is None else table.stride(0),
            batch, heads, heads // groups, queries, keys, 0 if window is None else min(window, queries + keys),
            scale * LOG2_E, splits, PAGE_SIZE=0 if blocks is None else key.shape[2], HEAD=size,
            LIMITED=causal or window is not None, WINDOWED=window is not None, PRECISION=dot_precision(query.dtype),
            BLOCK_M=block_m, BLOCK_N=block_n, STAGES=_STAGES if blocks is None else _STAGES + 2, num_warps=4,
        )  # fmt: skip
        if splits > 1:
            merge_kernel[(lse.numel(),)](
                parts.out, parts.lse, out, lse, lse.numel(), splits,
                HEAD=size, SPLITS=triton.next_power_of_2(splits), STEP=_STEP, num_warps=4,
            )  # fmt: skip
    return Partial(out, lse)


def choose_splits(programs: int, tiles: int, slots: int) -> int:
    """Choose the fewest splits that keep the device about as busy as any number would.

    Args:
        programs: Without splitting.
        tiles: Of keys of the longest sequence: no split may be without one.
        slots: Programs that run at the same time.
    """
    if programs >= _WAVES * slots:
        return 1

    def busy(splits: int) -> float:
        return programs * splits / (-(-programs * splits // slots) * slots)

    # Two waves are enough to choose from: more would only make the parts smaller.
    candidates = range(1, max(1, min(tiles, _MOST_SPLITS, _WAVES * slots // programs)) + 1)
    best = max(map(busy, candidates))
    return next(splits for splits in candidates if busy(splits) >= _GOOD_ENOUGH * best)


@cache
def _slots(device: torch.device) -> int:
    if device.type != "cuda":
        return 8
    return _RESIDENT * int(torch.cuda.get_device_properties(device).multi_processor_count)
