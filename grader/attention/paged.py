"""A key/value cache in blocks: the same keys as a contiguous cache, stored where there is room.

Each sequence has a block table that maps its positions to blocks of a shared pool (arXiv:2309.06180). That
changes where keys lie and nothing else, so outputs are those of a contiguous cache bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from grader.attention.blocks import BlockPool, FreedBlockError, PagedSequence
from grader.attention.validate import ArgumentError, check_alike, check_same_shape, check_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


class FreedSequenceError(ValueError):
    """A sequence that the cache does not hold, or no longer."""


@dataclass(frozen=True)
class Fragmentation:
    """How well a paged cache uses its memory.

    Args:
        blocks: In the pool.
        used_blocks: Held by at least one sequence.
        shared_blocks: Held by more than one.
        saved_blocks: Further blocks that would be used without sharing.
        slots: Tokens that the used blocks have room for.
        filled_slots: Of these, how many hold a token.
        used_bytes: Keys and values of the used blocks.
        reserved_bytes: Keys and values of the pool.
    """

    blocks: int
    used_blocks: int
    shared_blocks: int
    saved_blocks: int
    slots: int
    filled_slots: int
    used_bytes: int
    reserved_bytes: int

    @property
    def wasted(self) -> float:
        """Share of the used slots that hold nothing, 0 to 1: below one block a sequence."""
        return 1 - self.filled_slots / self.slots if self.slots else 0.0


@dataclass
class _Sequence:
    table: list[int] = field(default_factory=list)
    length: int = 0


class PagedCache:
    """Keys and values of many growing sequences in one pool of blocks.

    The cache owns the pool and every block table. A sequence is an integer id, never reused, so that a
    freed one is always recognised. A call that raises has changed nothing.

    Args:
        pool: Used by this cache alone.
    """

    def __init__(self, pool: BlockPool) -> None:
        self.pool = pool
        self.moves = 0
        self._sequences: dict[int, _Sequence] = {}
        self._next = 0

    def __contains__(self, sequence: int) -> bool:
        """Whether a sequence is held."""
        return sequence in self._sequences

    def allocate(self) -> int:
        """Begin an empty sequence; blocks come with its tokens."""
        return self._add(_Sequence())

    def length(self, sequence: int) -> int:
        """Count the tokens that a sequence stores.

        Args:
            sequence: As :meth:`allocate` or :meth:`share` returned it.

        Raises:
            FreedSequenceError: It is not in the cache.
        """
        return self._get(sequence).length

    def table(self, sequence: int) -> tuple[int, ...]:
        """Read the block table of a sequence.

        Args:
            sequence: As :meth:`allocate` or :meth:`share` returned it.

        Raises:
            FreedSequenceError: It is not in the cache.
        """
        return tuple(self._get(sequence).table)

    def append(self, sequence: int, key: Tensor, value: Tensor) -> None:
        """Store further tokens; a block that others share is copied before it is written to.

        Args:
            sequence: As :meth:`allocate` or :meth:`share` returned it.
            key: (G, n, D), dtype and device of the pool.
            value: (G, n, D).

        Raises:
            FreedSequenceError: The sequence is not in the cache.
            ArgumentError: ``key`` or ``value`` does not fit the pool.
            PoolFullError: The pool has too few free blocks; nothing was stored.
        """
        entry = self._get(sequence)
        self._check_tokens(key, value)
        size, count = self.pool.block_size, key.shape[1]
        if not count:
            return
        missing = -(-(entry.length + count) // size) - len(entry.table)
        into_shared = entry.length % size != 0 and self.pool.holders(entry.table[-1]) > 1
        self.pool.require_free(missing + into_shared)
        if into_shared:
            entry.table[-1] = self.pool.own(entry.table[-1])
            self.moves += 1
        entry.table.extend(self.pool.take() for _ in range(missing))
        positions = torch.arange(entry.length, entry.length + count)
        device = self.pool.key.device
        blocks = torch.tensor(entry.table)[positions // size].to(device)
        slots = (positions % size).to(device)
        self.pool.key[blocks, :, slots] = key.detach().transpose(0, 1)
        self.pool.value[blocks, :, slots] = value.detach().transpose(0, 1)
        entry.length += count

    def share(self, sequence: int, tokens: int | None = None) -> int:
        """Begin a sequence that has the first tokens of another, without copying them.

        Args:
            sequence: As :meth:`allocate` or :meth:`share` returned it.
            tokens: Length of the common prefix, 0 to the sequence's length; all of it by default.

        Returns:
            The new sequence.

        Raises:
            FreedSequenceError: The sequence is not in the cache.
            ArgumentError: It has fewer tokens.
        """
        entry = self._get(sequence)
        tokens = entry.length if tokens is None else tokens
        if not 0 <= tokens <= entry.length:
            raise ArgumentError(f"tokens: must be 0 to {entry.length}, the length of the sequence; got {tokens}")
        table = entry.table[: -(-tokens // self.pool.block_size)]
        for block in table:
            self.pool.share(block)
        return self._add(_Sequence(table, tokens))

    def evict(self, sequence: int, keep: int) -> None:
        """Give up the oldest blocks of a sequence that only sees its last tokens: a sliding window's cache.

        Whole blocks go, so up to one block more than ``keep`` stays. The sequence gets shorter, and as
        attention aligns queries with the last key, a window of ``keep`` sees what it saw before.

        Args:
            sequence: As :meth:`allocate` or :meth:`share` returned it.
            keep: Tokens that must stay, at least 0.

        Raises:
            FreedSequenceError: The sequence is not in the cache.
            ArgumentError: ``keep`` is negative.
        """
        entry = self._get(sequence)
        if keep < 0:
            raise ArgumentError(f"keep: must be at least 0, got {keep}")
        count = max(0, entry.length - keep) // self.pool.block_size
        for block in entry.table[:count]:
            self.pool.release(block)
        del entry.table[:count]
        self.moves += count
        entry.length -= count * self.pool.block_size

    def free(self, sequence: int) -> None:
        """Give up a sequence; blocks that nobody shares become free.

        Args:
            sequence: As :meth:`allocate` or :meth:`share` returned it.

        Raises:
            FreedSequenceError: It is not in the cache, for instance because it was freed before.
        """
        for block in self._get(sequence).table:
            self.pool.release(block)
        self.moves += 1
        del self._sequences[sequence]

    def pages(self, sequences: Sequence[int]) -> Pages:
        """Look up where the keys of some sequences lie.

        Args:
            sequences: One a batch row.

        Raises:
            FreedSequenceError: One is not in the cache.
        """
        entries = [self._get(s) for s in sequences]
        seen = tuple(PagedSequence(self.pool, tuple(e.table), e.length) for e in entries)
        return Pages(self, tuple(sequences), seen, self.moves)

    def fragmentation(self) -> Fragmentation:
        """Measure how well the memory is used."""
        filled: dict[int, int] = {}
        holds = 0
        for entry in self._sequences.values():
            holds += len(entry.table)
            for index, block in enumerate(entry.table):
                tokens = min(self.pool.block_size, entry.length - index * self.pool.block_size)
                filled[block] = max(filled.get(block, 0), tokens)
        return Fragmentation(
            blocks=self.pool.blocks,
            used_blocks=len(filled),
            shared_blocks=sum(self.pool.holders(block) > 1 for block in filled),
            saved_blocks=holds - len(filled),
            slots=len(filled) * self.pool.block_size,
            filled_slots=sum(filled.values()),
            used_bytes=len(filled) * self.pool.block_bytes,
            reserved_bytes=self.pool.blocks * self.pool.block_bytes,
        )

    def _add(self, entry: _Sequence) -> int:
        sequence = self._next
        self._next += 1
        self._sequences[sequence] = entry
        return sequence

    def _get(self, sequence: int) -> _Sequence:
        if sequence not in self._sequences:
            state = "was freed" if sequence in range(self._next) else "was never allocated"
            raise FreedSequenceError(f"sequence: {sequence} {state}")
        return self._sequences[sequence]

    def _check_tokens(self, key: Tensor, value: Tensor) -> None:
        for name, tensor in (("key", key), ("value", value)):
            check_tensor(name, tensor, "GnD")
            check_alike(name, tensor, "the pool", self.pool.key)
        if key.shape[0] != self.pool.key.shape[1]:
            raise ArgumentError(f"key: must have {self.pool.key.shape[1]} heads, got shape {tuple(key.shape)}")
        check_same_shape(key, value)


@dataclass(frozen=True)
class Pages:
    """Where the keys of a batch of sequences lie, as they were when this was made.

    Tokens appended later are not seen.

    Args:
        cache: Made this.
        ids: Sequence of each batch row.
        sequences: The same, as the tile loop reads them.
        moves: The cache's count of blocks given up, when this was made.
    """

    cache: PagedCache
    ids: tuple[int, ...]
    sequences: tuple[PagedSequence, ...]
    moves: int

    def block_table(self) -> Tensor:
        """Lay the tables out for a kernel: int32 (B, most blocks of a sequence), zero beyond a sequence's end."""
        width = max((len(s.table) for s in self.sequences), default=0)
        rows = [[*s.table, *[0] * (width - len(s.table))] for s in self.sequences]
        return torch.tensor(rows, dtype=torch.int32, device=self.cache.pool.key.device).view(len(rows), width)

    def lengths(self) -> Tensor:
        """Number of keys of each sequence for a kernel: int32 (B,)."""
        lengths = [s.length for s in self.sequences]
        return torch.tensor(lengths, dtype=torch.int32, device=self.cache.pool.key.device)

    def check_current(self) -> None:
        """Make sure that the blocks still hold these sequences.

        Raises:
            FreedBlockError: A sequence has given up a block since, which may hold other keys by now.
        """
        # While nothing was given up at all, decoding must not pay for a walk over the tables.
        if self.cache.moves == self.moves:
            return
        for sequence, seen in zip(self.ids, self.sequences, strict=True):
            held = self.cache.table(sequence) if sequence in self.cache else ()
            if held[: len(seen.table)] != seen.table:
                freed = sorted(set(seen.table) - set(held))
                message = f"pages: sequence {sequence} has given up blocks {freed} since cache.pages() was called"
                raise FreedBlockError(message)
