"""What the quiz says about attention, proved by running it.

Each fact measures this package's own code and compares the figures with the answer key. The inputs are
drawn from fixed seeds, so that a fact is the same on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from grader.attention.api import attend, attend_paged
from grader.attention.blocks import BlockPool
from grader.attention.figures import Fact, Figure, conclude
from grader.attention.paged import PagedCache
from grader.attention.recorder import AllocationRecorder, Buffer
from grader.attention.reference import attend_reference, attention_logits, softmax_rows
from grader.attention.tiled import Tile, attend_tiled
from grader.attention.validate import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Device = torch.device | str


def run_facts(ids: Iterable[str] | None = None, device: Device = "cpu") -> tuple[Fact, ...]:
    """Measure facts, in the order of their questions unless asked by name.

    Args:
        ids: Names of facts; all by default.
        device: Where to run them.

    Raises:
        ArgumentError: There is no fact of that name.
    """
    names = tuple(FACTS) if ids is None else tuple(ids)
    unknown = [name for name in names if name not in FACTS]
    if unknown:
        raise ArgumentError(f"no fact {unknown[0]!r}; there are {', '.join(FACTS)}")
    return tuple(FACTS[name](device) for name in names)


def flash_is_exact(device: Device = "cpu") -> Fact:
    """Tiling is an identity: its output is that of softmax, its round-off no worse than the naive way's.

    In float64 both ways may differ by the round-off that analysis allows: an error of a logit, at most
    D eps |q| |k|, becomes a relative error of its weight, and summing S terms adds S eps. In float32,
    both ways with float32 sums, the round-off of each is measured against float64.

    Args:
        device: Where to run.
    """
    difference, allowed, single_difference, ratios = 0.0, 0.0, 0.0, []
    for seed, (length, loudness, causal) in enumerate([(257, 1.0, True), (300, 8.0, False), (511, 3.0, True)]):
        query, key, value = _draw(seed, (1, 2, length, 64), 3, device)
        query = query * loudness
        exact = attend_reference(query, key, value, causal=causal).out
        tiled = attend_tiled(query, key, value, causal=causal, tile=Tile(64, 48)).out
        steepest = query.norm(dim=-1).max() * key.norm(dim=-1).max() / 8
        bound = torch.finfo(torch.float64).eps * (length + 2 * 64 * steepest) * value.abs().max()
        allowed = max(allowed, float(bound))
        difference = max(difference, float((tiled - exact).abs().max()))
        single = [x.float() for x in (query, key, value)]
        exact = attend_reference(*single, causal=causal).out
        naive = attend_reference(*single, causal=causal, precision=torch.float32).out
        tiled = attend_tiled(*single, causal=causal, precision=torch.float32, tile=Tile(64, 48)).out
        single_difference = max(single_difference, float((tiled - naive).abs().max()))
        ratios.append(_rms(tiled - exact) / _rms(naive - exact))
    return conclude(
        "flash-is-exact",
        "q-27-01",
        "Attention tile by tile equals softmax attention; its round-off is no worse than the naive way's.",
        Figure("max_difference_float64", difference, f"at most {allowed:.1e}", difference <= allowed),
        Figure("max_difference_float32", single_difference),
        Figure("round_off_tiled_float32_rms", _rms(tiled - exact)),
        Figure("round_off_naive_float32_rms", _rms(naive - exact)),
        Figure("worst_round_off_tiled_over_naive", max(ratios), "at most 1.2", max(ratios) <= 1.2),  # noqa: PLR2004 - as stated
    )


def sram_residents(device: Device = "cpu") -> Fact:
    """The tile loop holds a tile of logits and two statistics a row, never an (N, N) matrix.

    Args:
        device: Where to run.
    """
    length, size, tile = 384, 16, Tile(32, 24)
    tiled = _record_tiled(length, size, tile, device)
    longer = _record_tiled(2 * length, size, tile, device)
    naive = AllocationRecorder()
    with torch.no_grad(), naive:
        attend_reference(*_draw(1, (1, 1, length, size), 3, device, torch.float32), precision=torch.float32)
    shapes = [buffer.shape for buffer in tiled.scratch]
    matrix = any(buffer.size_bytes >= length * length * 4 for buffer in tiled.scratch)
    # Choices: 1 the (N, N) logits, 2 the running maximum and sum, 3 the (B_r, B_c) logits, 4 the full QK^T.
    found = {1: matrix, 2: shapes.count((1, tile.rows)) > 1, 3: (1, tile.rows, tile.cols) in shapes, 4: matrix}
    answer = tuple(choice for choice, there in found.items() if there)
    # Once through q, out and lse; once through k and v for every tile of queries.
    least = 4 * (2 * length * size + length + length // tile.rows * 2 * length * size)
    ratio = naive.all_traffic_bytes() / tiled.traffic_bytes
    growth = longer.peak_bytes - tiled.peak_bytes
    return conclude(
        "sram-residents",
        "q-27-02",
        "The tile loop holds m, l and one (B_r, B_c) tile of logits; only q, k, v, out and lse cross device memory.",
        Figure("working_set_peak_bytes", tiled.peak_bytes),
        Figure("working_set_growth_at_double_length_bytes", growth, "0", growth == 0),
        Figure("device_traffic_bytes", tiled.traffic_bytes, str(least), tiled.traffic_bytes == least),
        Figure("naive_traffic_over_tiled", ratio, "above 2", ratio > 2),  # noqa: PLR2004 - as stated
        Figure("answer", answer, "(2, 3)", answer == (2, 3)),
        answer=answer,
    )


def gqa_cache_factor(device: Device = "cpu") -> Fact:
    """Four key/value heads instead of 32 make the cache eight times smaller.

    Args:
        device: Where to run.
    """
    tokens, size = 256, 128
    per_token = {}
    for heads in (32, 4):
        cache = PagedCache(BlockPool(16, 16, heads, size, dtype=torch.float16, device=device))
        sequence = cache.allocate()
        cache.append(sequence, *_draw(2, (heads, tokens, size), 2, device, torch.float16))
        per_token[heads] = cache.fragmentation().used_bytes / tokens
    factor = per_token[32] / per_token[4]
    answer = tuple(choice for choice, offered in enumerate((2, 4, 8, 32), start=1) if factor == offered)
    return conclude(
        "gqa-cache-factor",
        "q-27-03",
        "A cache with 4 key/value heads takes 1/8 of the bytes a token that 32 heads take.",
        Figure("bytes_per_token_32_heads", per_token[32]),
        Figure("bytes_per_token_4_heads", per_token[4]),
        Figure("factor", factor, "8", factor == 8),  # noqa: PLR2004 - as stated
        Figure("answer", answer, "(3,)", answer == (3,)),
        answer=answer,
    )


def mqa_pattern_rank(device: Device = "cpu") -> Fact:
    """Shared keys leave the heads fewer patterns to differ in; that, not compute, is what MQA costs.

    The logarithms of attention weights, up to a constant a row, are the logits: a matrix of rank at most
    D for each distinct key head. Stacked over all heads, the patterns therefore span at most G D dimensions.
    Keys of GQA and MQA are means of the same MHA projections (arXiv:2305.13245). That conversion, which
    refutes choice 1, is from that paper; choices 3 and 4 are refuted by measurement.

    Args:
        device: Where to run.
    """
    heads, size, length = 8, 4, 64
    (tokens,) = _draw(3, (length, 96), 1, device)
    to_query, to_key = _draw(4, (heads, 96, size), 2, device)
    query = (tokens @ to_query)[None] / 96
    ranks, flops, errors = {}, {}, {}
    for groups in (heads, 2, 1):
        key = (tokens @ to_key.view(groups, -1, 96, size).mean(1))[None] / 8
        patterns = softmax_rows(attention_logits(query, key)).log()
        centred = (patterns - patterns.mean(-1, keepdim=True)).flatten(0, 2)
        ranks[groups] = int(torch.linalg.matrix_rank(centred, rtol=1e-9))
        with FlopCounterMode(display=False) as counter:
            out = attend(query, key, key, impl="tiled")
        flops[groups] = counter.get_total_flops()
        errors[groups] = float((out - attend(query, key, key, impl="reference")).abs().max())
    expected = {groups: min(length, groups * size) for groups in ranks}
    ratio = flops[1] / flops[heads]
    exact = errors[1] < 1e-12  # noqa: PLR2004 - thousands of float64 roundings of numbers near 1
    answer = tuple(
        choice for choice, true in ((2, ranks[1] < ranks[2] < ranks[heads]), (3, ratio > 1), (4, not exact)) if true
    )
    names = {heads: "mha", 2: "gqa", 1: "mqa"}
    return conclude(
        "mqa-pattern-rank",
        "q-27-04",
        "On the same projections the attention patterns of all heads span G x D dimensions: least under MQA.",
        *(Figure(f"rank_{names[g]}", ranks[g], str(expected[g]), ranks[g] == expected[g]) for g in ranks),
        Figure("flops_mqa_over_mha", ratio, "1", ratio == 1),
        Figure("max_error_tiled_mqa", errors[1], "below 1e-12", exact),
        Figure("answer", answer, "(2,)", answer == (2,)),
        answer=answer,
    )


def window_vs_paged(device: Device = "cpu") -> Fact:
    """A window changes what is computed and bounds the cache; paging changes only where the cache lies.

    Args:
        device: Where to run.
    """
    window, block, queries, lengths = 48, 16, 8, (64, 128, 192, 256)
    (query,) = _draw(5, (1, 4, lengths[-1], 32), 1, device, torch.float32)
    key, value = _draw(6, (1, 2, lengths[-1], 32), 2, device, torch.float32)
    cache = PagedCache(BlockPool(64, block, 2, 32, device=device))
    windowed = PagedCache(BlockPool(64, block, 2, 32, device=device))
    # A second sequence grows in turn with the first, so that the first one's blocks are not neighbours.
    sequence, other, recent = cache.allocate(), cache.allocate(), windowed.allocate()
    identical, changes, paged_bytes, window_bytes = True, [], [], []
    for start, length in pairwise((0, *lengths)):
        piece = key[0, :, start:length], value[0, :, start:length]
        for grown, name in ((cache, sequence), (cache, other), (windowed, recent)):
            grown.append(name, *piece)
        # The window of the first of several queries begins as many keys earlier.
        windowed.evict(recent, keep=window + queries - 1)
        last, keys, values = query[:, :, length - queries : length], key[:, :, :length], value[:, :, :length]
        full = attend(last, keys, values, causal=True)
        near = attend(last, keys, values, window=window)
        identical &= torch.equal(attend_paged(last, cache.pages([sequence]), causal=True), full)
        identical &= torch.equal(attend_paged(last, windowed.pages([recent]), window=window), near)
        changes.append(float((near - full).abs().max()))
        paged_bytes.append(len(cache.table(sequence)) * cache.pool.block_bytes)
        window_bytes.append(windowed.fragmentation().used_bytes)
    token_bytes = 2 * 2 * 32 * 4
    linear = paged_bytes == [length * token_bytes for length in lengths]
    bounded = max(window_bytes) <= (window + block) * token_bytes
    return conclude(
        "window-vs-paged",
        "q-27-05",
        "Paged output is that of a contiguous cache bit for bit; a window changes the output and bounds the cache.",
        Figure("paged_equals_contiguous", identical, "True", identical),
        Figure("least_change_by_window", min(changes), "above 1e-3", min(changes) > 1e-3),  # noqa: PLR2004 - as stated
        Figure("lengths_tokens", lengths),
        Figure("paged_cache_bytes", tuple(paged_bytes), f"{token_bytes} a token", linear),
        Figure("window_cache_bytes", tuple(window_bytes), f"at most {(window + block) * token_bytes}", bounded),
    )


FACTS: Mapping[str, Callable[[Device], Fact]] = MappingProxyType(
    {
        "flash-is-exact": flash_is_exact,
        "sram-residents": sram_residents,
        "gqa-cache-factor": gqa_cache_factor,
        "mqa-pattern-rank": mqa_pattern_rank,
        "window-vs-paged": window_vs_paged,
    }
)


@dataclass(frozen=True)
class _TiledRecord:
    scratch: tuple[Buffer, ...]
    peak_bytes: int
    traffic_bytes: int


def _record_tiled(length: int, size: int, tile: Tile, device: Device) -> _TiledRecord:
    """Run the tile loop under the recorder; what it returns is device memory, the rest its scratch."""
    operands = _draw(1, (1, 1, length, size), 3, device, torch.float32)
    recorder = AllocationRecorder()
    with torch.no_grad(), recorder:
        part = attend_tiled(*operands, tile=tile, precision=torch.float32)
    results = [part.out, part.lse]
    scratch = recorder.scratch(results)
    peak = recorder.peak_bytes - sum(x.untyped_storage().nbytes() for x in results)
    return _TiledRecord(scratch, peak, recorder.traffic_bytes(results))


def _rms(error: Tensor) -> float:
    return float(error.square().mean().sqrt())


def _draw(
    seed: int, shape: tuple[int, ...], count: int, device: Device, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64).to(device, dtype) for _ in range(count))
