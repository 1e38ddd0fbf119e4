"""Every fact holds, and none of them holds any longer when what it measures is broken."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grader.attention import ArgumentError, blocks, facts, online, paged, reference, run_facts, tiled

IDS = ["flash-is-exact", "sram-residents", "gqa-cache-factor", "mqa-pattern-rank", "window-vs-paged"]


def _run(fact_id: str) -> facts.Fact:
    (fact,) = run_facts([fact_id])
    return fact


def test_the_facts_stand_in_the_order_of_their_questions():
    ran = run_facts()
    assert [fact.id for fact in ran] == IDS
    assert [fact.question_id for fact in ran] == [f"q-27-0{n}" for n in range(1, 6)]


@pytest.mark.parametrize("fact_id", IDS)
def test_every_fact_holds(fact_id):
    fact = _run(fact_id)
    assert fact.holds, fact.measured
    assert fact.expected.keys() <= fact.measured.keys()


def test_the_choices_that_the_figures_support():
    assert [fact.answer for fact in run_facts()] == [(), (2, 3), (3,), (2,), ()]


def test_an_unknown_fact_is_named():
    with pytest.raises(ArgumentError, match=r"no fact 'tiling-is-magic'; there are flash-is-exact, "):
        run_facts(["tiling-is-magic"])


def test_without_the_rescale_flash_is_not_exact(monkeypatch):
    monkeypatch.setattr(online, "rescale", lambda _, new: torch.ones_like(new))
    assert not _run("flash-is-exact").holds


def test_with_sloppy_sums_the_round_off_is_worse_than_naive(monkeypatch):
    fold = online.fold
    monkeypatch.setattr(tiled, "fold", lambda running, logits, value: fold(running, logits, value.bfloat16().to(value)))
    fact = _run("flash-is-exact")
    assert fact.measured["worst_round_off_tiled_over_naive"] > 1.2
    assert not fact.holds


def test_with_one_tile_for_everything_the_matrix_is_in_memory(monkeypatch):
    monkeypatch.setattr(facts, "Tile", lambda *_: tiled.Tile(10_000, 10_000))
    fact = _run("sram-residents")
    assert fact.answer != (2, 3)
    assert not fact.holds


def test_with_a_tile_loaded_twice_the_traffic_is_too_large(monkeypatch):
    load = tiled.ContiguousKeys.load

    def twice(self: tiled.ContiguousKeys, start: int, stop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        load(self, start, stop, dtype)
        return load(self, start, stop, dtype)

    monkeypatch.setattr(tiled.ContiguousKeys, "load", twice)
    assert not _run("sram-residents").holds


def test_with_a_cache_that_repeats_heads_the_factor_is_gone(monkeypatch):
    append = paged.PagedCache.append

    def pool(count: int, size: int, heads: int, head_size: int, **options: object) -> blocks.BlockPool:
        assert heads in {4, 32}
        return blocks.BlockPool(count, size, 32, head_size, **options)

    def repeated(self: paged.PagedCache, sequence: int, key: Tensor, value: Tensor) -> None:
        times = 32 // key.shape[0]
        append(self, sequence, key.repeat(times, 1, 1), value.repeat(times, 1, 1))

    monkeypatch.setattr(facts, "BlockPool", pool)
    monkeypatch.setattr(paged.PagedCache, "append", repeated)
    fact = _run("gqa-cache-factor")
    assert fact.measured["factor"] == 1
    assert fact.answer == ()
    assert not fact.holds


def test_with_keys_of_their_own_for_every_head_the_rank_does_not_fall(monkeypatch):
    spread = reference.spread_heads

    def shuffled(heads: Tensor, query_heads: int) -> Tensor:
        return torch.stack([spread(heads, query_heads)[:, h].roll(h, dims=1) for h in range(query_heads)], 1)

    monkeypatch.setattr(reference, "spread_heads", shuffled)
    fact = _run("mqa-pattern-rank")
    assert fact.answer != (2,)
    assert not fact.holds


def test_with_blocks_read_in_the_wrong_order_paged_differs(monkeypatch):
    load = blocks.PagedSequence.load

    def disordered(self: blocks.PagedSequence, start: int, stop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        return load(blocks.PagedSequence(self.pool, self.table[::-1], self.length), start, stop, dtype)

    monkeypatch.setattr(blocks.PagedSequence, "load", disordered)
    fact = _run("window-vs-paged")
    assert fact.measured["paged_equals_contiguous"] is False
    assert not fact.holds


def test_with_a_window_that_hides_nothing_or_keeps_everything_the_fact_falls(monkeypatch):
    attend = facts.attend
    with monkeypatch.context() as patch:
        patch.setattr(facts, "attend", lambda *x, window=None, causal=True: attend(*x, causal=causal or bool(window)))
        assert not _run("window-vs-paged").holds
    monkeypatch.setattr(paged.PagedCache, "evict", lambda *_, **__: None)
    assert not _run("window-vs-paged").holds
