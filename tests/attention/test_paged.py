"""The paged cache: the same bits as a contiguous one, sharing that no writer can see, and errors that name blocks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from grader.attention import (
    ArgumentError,
    BlockPool,
    FreedBlockError,
    FreedSequenceError,
    PagedCache,
    PoolFullError,
    attend,
    attend_paged,
)

HEADS, SIZE = 2, 8


def _cache(blocks: int = 32, block_size: int = 4, dtype: torch.dtype = torch.float32) -> PagedCache:
    return PagedCache(BlockPool(blocks, block_size, HEADS, SIZE, dtype=dtype))


def _stored(cache: PagedCache, sequence: int) -> tuple[torch.Tensor, torch.Tensor]:
    (pages,) = cache.pages([sequence]).sequences
    return pages.load(0, pages.length, cache.pool.key.dtype)


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    block_size=st.integers(1, 9),
    queries=st.integers(1, 5),
    limits=st.sampled_from([{}, {"causal": True}, {"window": 6}]),
    dtype=st.sampled_from([torch.float32, torch.float16]),
)
def test_paged_output_is_the_contiguous_one_bit_for_bit(draw, *, lengths, block_size, queries, limits, dtype):
    cache = _cache(200, block_size, dtype)
    sequences = [cache.allocate() for _ in lengths]
    tensors = [draw((HEADS, n, SIZE), (HEADS, n, SIZE), seed=i, dtype=dtype) for i, n in enumerate(lengths)]
    # Token by token in turn, so that no sequence gets neighbouring blocks.
    for token in range(max(lengths)):
        for sequence, (key, value) in zip(sequences, tensors, strict=True):
            cache.append(sequence, key[:, token : token + 1], value[:, token : token + 1])
    (query,) = draw((len(lengths), 4, queries, SIZE), seed=9, dtype=dtype)
    paged = attend_paged(query, cache.pages(sequences), **limits)
    for b, (key, value) in enumerate(tensors):
        assert torch.equal(paged[b], attend(query[b : b + 1], key[None], value[None], **limits)[0])


def test_paged_keys_of_one_length_are_the_contiguous_batch_bit_for_bit(draw):
    query, key, value = draw((3, 4, 1, SIZE), (3, HEADS, 300, SIZE), (3, HEADS, 300, SIZE), dtype=torch.float32)
    cache = _cache(64, 16)
    sequences = [cache.allocate() for _ in range(3)]
    for b, sequence in enumerate(sequences):
        cache.append(sequence, key[b], value[b])
    assert torch.equal(attend_paged(query, cache.pages(sequences)), attend(query, key, value))
    reference = attend_paged(query, cache.pages(sequences), impl="reference")
    torch.testing.assert_close(reference, attend(query, key, value, impl="reference"))


def test_a_window_sees_the_same_after_older_blocks_were_given_up(draw):
    cache = _cache()
    sequence = cache.allocate()
    query, key, value = draw((1, 4, 2, SIZE), (HEADS, 30, SIZE), (HEADS, 30, SIZE), dtype=torch.float32)
    cache.append(sequence, key, value)
    before = attend_paged(query, cache.pages([sequence]), window=6)
    # The window of the first of two queries begins one key before that of the last.
    cache.evict(sequence, keep=7)
    assert cache.length(sequence) < 7 + cache.pool.block_size
    assert torch.equal(attend_paged(query, cache.pages([sequence]), window=6), before)


def test_a_shared_prefix_costs_nothing_and_is_copied_when_written_to(draw):
    cache = _cache()
    key, value = draw((HEADS, 10, SIZE), (HEADS, 10, SIZE), dtype=torch.float32)
    parent = cache.allocate()
    cache.append(parent, key, value)
    used = cache.fragmentation().used_blocks
    child = cache.share(parent, 6)
    assert cache.fragmentation().used_blocks == used
    assert cache.fragmentation().saved_blocks == 2
    cache.append(child, key[:, :1], value[:, :1])
    assert torch.equal(_stored(cache, parent)[0], key)
    assert torch.equal(_stored(cache, child)[0], torch.cat([key[:, :6], key[:, :1]], 1))
    assert cache.table(parent)[0] == cache.table(child)[0]
    assert cache.table(parent)[1] != cache.table(child)[1]


def test_a_full_pool_refuses_and_changes_nothing(draw):
    cache = _cache(blocks=3)
    key, value = draw((HEADS, 13, SIZE), (HEADS, 13, SIZE), dtype=torch.float32)
    sequence = cache.allocate()
    cache.append(sequence, key[:, :6], value[:, :6])
    with pytest.raises(PoolFullError, match="pool: 2 blocks needed, 1 of 3 free"):
        cache.append(sequence, key[:, :7], value[:, :7])
    assert cache.length(sequence) == 6
    assert torch.equal(_stored(cache, sequence)[0], key[:, :6])
    shared = cache.share(sequence)
    # A copy of the shared block and one block more.
    with pytest.raises(PoolFullError, match="pool: 2 blocks needed, 1 of 3 free"):
        cache.append(shared, key[:, :3], value[:, :3])
    assert cache.table(shared) == cache.table(sequence)
    cache.free(sequence)
    cache.append(shared, key[:, :3], value[:, :3])


def test_a_freed_sequence_is_recognised(draw):
    cache = _cache()
    sequence = cache.allocate()
    cache.free(sequence)
    key, value = draw((HEADS, 1, SIZE), (HEADS, 1, SIZE), dtype=torch.float32)
    for use in (
        lambda: cache.free(sequence),
        lambda: cache.append(sequence, key, value),
        lambda: cache.share(sequence),
        lambda: cache.pages([sequence]),
    ):
        with pytest.raises(FreedSequenceError, match="sequence: 0 was freed"):
            use()
    with pytest.raises(FreedSequenceError, match="sequence: 5 was never allocated"):
        cache.length(5)


def test_a_freed_block_is_recognised():
    pool = BlockPool(2, 4, HEADS, SIZE)
    block = pool.take()
    pool.release(block)
    for use in (pool.release, pool.share, pool.own):
        with pytest.raises(FreedBlockError, match=f"block: {block} has been freed"):
            use(block)
    with pytest.raises(ArgumentError, match="block: must be 0 to 1, got 2"):
        pool.holders(2)


@pytest.mark.parametrize("giving_up", ["free", "evict", "overwrite"])
def test_pages_notice_that_their_blocks_were_given_up(draw, giving_up):
    cache = _cache()
    query, key, value = draw((1, 2, 1, SIZE), (HEADS, 10, SIZE), (HEADS, 10, SIZE), dtype=torch.float32)
    sequence, bystander = cache.allocate(), cache.allocate()
    cache.append(sequence, key, value)
    cache.append(bystander, key, value)
    pages, others = cache.pages([sequence]), cache.pages([bystander])
    if giving_up == "free":
        cache.free(sequence)
    elif giving_up == "evict":
        cache.evict(sequence, keep=1)
    else:
        # The blocks live on in a shorter sequence, which may write where the longer one's tokens were.
        heir = cache.share(sequence, 9)
        cache.free(sequence)
        cache.append(heir, key[:, :1], value[:, :1])
    with pytest.raises(FreedBlockError, match=r"pages: sequence 0 has given up blocks \[.*\]"):
        attend_paged(query, pages)
    assert torch.equal(attend_paged(query, others), attend(query, key[None], value[None]))


def test_fragmentation_counts_what_lies_in_the_blocks(draw):
    cache = _cache(blocks=10, block_size=4)
    key, value = draw((HEADS, 10, SIZE), (HEADS, 10, SIZE), dtype=torch.float32)
    assert cache.fragmentation().wasted == 0
    first = cache.allocate()
    cache.append(first, key, value)
    cache.share(first, 5)
    figures = cache.fragmentation()
    assert (figures.blocks, figures.used_blocks, figures.shared_blocks, figures.saved_blocks) == (10, 3, 2, 2)
    assert (figures.slots, figures.filled_slots) == (12, 10)
    assert figures.wasted == pytest.approx(2 / 12)
    assert figures.used_bytes == 3 * 4 * 2 * HEADS * SIZE * 4
    assert figures.reserved_bytes == 10 * 4 * 2 * HEADS * SIZE * 4


def test_a_kernel_gets_the_same_places_as_tensors(draw):
    cache = _cache()
    tensors = draw((HEADS, 9, SIZE), (HEADS, 9, SIZE), dtype=torch.float32)
    long, empty = cache.allocate(), cache.allocate()
    cache.append(long, *tensors)
    pages = cache.pages([long, empty])
    assert pages.block_table().tolist() == [list(cache.table(long)), [0, 0, 0]]
    assert pages.lengths().tolist() == [9, 0]
    assert pages.block_table().dtype == pages.lengths().dtype == torch.int32


def test_tokens_and_queries_that_do_not_fit_are_refused(draw):
    cache = _cache()
    sequence = cache.allocate()
    key, wide = draw((HEADS, 3, SIZE), (HEADS + 1, 3, SIZE), dtype=torch.float32)
    for tensors, message in (
        ((key[0], key), r"key: must have the axes \(G, n, D\), got shape \(3, 8\)"),
        ((key, key.half()), r"value: must be torch\.float32 as the pool is, got torch\.float16"),
        ((wide, wide), r"key: must have 2 heads, got shape \(3, 3, 8\)"),
        ((key, key[:, :2]), r"value: must have the shape of key \(2, 3, 8\), got \(2, 2, 8\)"),
    ):
        with pytest.raises(ArgumentError, match=message):
            cache.append(sequence, *tensors)
    pages = cache.pages([sequence])
    for query, message in (
        (torch.zeros(2, 2, 1, SIZE), r"query: batch must be 1, the sequences of pages; got shape \(2, 2, 1, 8\)"),
        (torch.zeros(1, 3, 1, SIZE), "H=3, G=2"),
        (torch.zeros(1, 2, 1, SIZE, requires_grad=True), "query: a cache has no gradient.*got requires_grad=True"),
        (torch.zeros(1, 2, 1, SIZE).half(), r"query: must be torch\.float32 as the cache is, got torch\.float16"),
    ):
        with pytest.raises(ArgumentError, match=message):
            attend_paged(query, pages)
    with pytest.raises(ArgumentError, match="tokens: must be 0 to 0, the length of the sequence; got 4"):
        cache.share(sequence, 4)
    with pytest.raises(ArgumentError, match="keep: must be at least 0, got -1"):
        cache.evict(sequence, -1)
    with pytest.raises(ArgumentError, match="block_size: must be at least 1, got 0"):
        BlockPool(1, 0, HEADS, SIZE)


class _CacheMachine(RuleBasedStateMachine):
    """Any order of calls leaves every sequence with its own tokens and every block counted."""

    @initialize()
    def begin(self) -> None:
        self.cache = _cache(blocks=12, block_size=3)
        self.tokens: dict[int, list[float]] = {self.cache.allocate(): []}
        self.written = 0
        self._write(0, 8)

    def _pick(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.tokens)))

    @rule()
    def allocate(self) -> None:
        self.tokens[self.cache.allocate()] = []

    @rule(data=st.data(), count=st.integers(1, 7))
    def append(self, data: st.DataObject, count: int) -> None:
        self._write(self._pick(data), count)

    def _write(self, sequence: int, count: int) -> None:
        marks = torch.arange(self.written, self.written + count, dtype=torch.float32)
        tokens = marks[None, :, None].expand(HEADS, count, SIZE)
        try:
            self.cache.append(sequence, tokens, -tokens)
        except PoolFullError:
            return
        self.tokens[sequence] += marks.tolist()
        self.written += count

    @rule(data=st.data())
    def share(self, data: st.DataObject) -> None:
        sequence = self._pick(data)
        tokens = data.draw(st.integers(0, len(self.tokens[sequence])))
        self.tokens[self.cache.share(sequence, tokens)] = self.tokens[sequence][:tokens]

    @rule(data=st.data(), keep=st.integers(0, 10))
    def evict(self, data: st.DataObject, keep: int) -> None:
        sequence = self._pick(data)
        before = self.tokens[sequence]
        self.cache.evict(sequence, keep)
        left = self.cache.length(sequence)
        assert min(keep, len(before)) <= left < keep + 3 or left == len(before)
        self.tokens[sequence] = before[len(before) - left :]

    @precondition(lambda self: len(self.tokens) > 1)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        sequence = self._pick(data)
        self.cache.free(sequence)
        del self.tokens[sequence]

    @invariant()
    def every_sequence_has_its_tokens(self) -> None:
        for sequence, tokens in self.tokens.items():
            key, value = _stored(self.cache, sequence)
            assert key[0, :, 0].tolist() == tokens
            assert torch.equal(value, -key)

    @invariant()
    def every_block_is_counted(self) -> None:
        tables = [self.cache.table(sequence) for sequence in self.tokens]
        pool = self.cache.pool
        held = [sum(table.count(block) for table in tables) for block in range(pool.blocks)]
        assert held == [pool.holders(block) for block in range(pool.blocks)]
        assert pool.free_blocks == held.count(0)


TestCacheMachine = _CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
