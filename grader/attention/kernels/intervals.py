"""Device functions that every kernel walks its tiles by.

Each query sees one interval of keys and each key is seen by one interval of queries, whatever the limit: causal, a
window, a packed sequence. Both ends of these intervals rise with the position, so that the ends of a tile's first and
last row tell which tiles of the other axis matter, and which of them no row hides any part of.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def keys_seen(
    query, first_ptr, last_ptr, queries, keys, window,
    LIMITED: tl.constexpr, WINDOWED: tl.constexpr, PACKED: tl.constexpr,
):  # fmt: skip
    """First key that queries see, and one past the last; ``query`` is a scalar or a vector."""
    query = tl.minimum(query, queries - 1)
    if PACKED:
        first = tl.load(first_ptr + query)
        last = tl.load(last_ptr + query)
    else:
        own = query + (keys - queries)
        first = own * 0
        last = first + keys
        if LIMITED:
            last = tl.minimum(tl.maximum(own + 1, 0), keys)
        if WINDOWED:
            first = tl.minimum(tl.maximum(own - window + 1, 0), last)
    return first, last


@triton.jit
def queries_seeing(
    key, first_ptr, last_ptr, queries, keys, window,
    LIMITED: tl.constexpr, WINDOWED: tl.constexpr, PACKED: tl.constexpr,
):  # fmt: skip
    """First query that sees keys, and one past the last; ``key`` is a scalar or a vector."""
    key = tl.minimum(key, keys - 1)
    if PACKED:
        first = tl.load(first_ptr + key)
        last = tl.load(last_ptr + key)
    else:
        own = key + (queries - keys)
        first = own * 0
        last = first + queries
        if LIMITED:
            first = tl.minimum(tl.maximum(own, 0), queries)
        if WINDOWED:
            last = tl.minimum(tl.maximum(own + window, 0), queries)
            first = tl.minimum(first, last)
    return first, last


@triton.jit
def count_tiles(begin, end, whole_begin, whole_end, BLOCK: tl.constexpr):
    """Cut an interval into tiles: how many, first that needs no mask, and one past the last such tile."""
    count = tl.cdiv(end - begin, BLOCK)
    whole_first = tl.minimum(tl.cdiv(tl.maximum(whole_begin - begin, 0), BLOCK), count)
    whole_last = tl.maximum(tl.minimum(tl.maximum(whole_end - begin, 0) // BLOCK, count), whole_first)
    return count, whole_first, whole_last


@triton.jit
def border_start(begin, i, whole_first, whole_last, BLOCK: tl.constexpr):
    """Where the i-th of the tiles that need a mask starts: those before the whole ones, then those behind."""
    return begin + tl.where(i < whole_first, i, i + whole_last - whole_first) * BLOCK


@triton.jit
def take_tile(tile_count, batch_heads, section):
    """Tile and head of this program: the last tiles first, ``section`` heads at a time.

    Under a causal limit the last queries see most; longest work first leaves no long tile for the end. The keys of
    ``section`` heads fit into the second-level cache together.
    """
    program = tl.program_id(0)
    begin = program // (section * tile_count) * section
    width = tl.minimum(section, batch_heads - begin)
    rest = program - begin * tile_count
    return tile_count - 1 - rest // width, begin + rest % width
