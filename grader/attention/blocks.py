"""A pool of fixed-size blocks of keys and values, counted by who uses them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grader.attention.tiled import copy_tile
from grader.attention.validate import ArgumentError


class PoolFullError(ValueError):
    """More blocks were asked for than the pool has free."""


class FreedBlockError(ValueError):
    """A block that nobody holds any more was used."""


class BlockPool:
    """Storage of a paged cache and the reference count of each of its blocks.

    The pool owns the memory; who takes or shares a block must release it once. Blocks are reused
    in any order, which is what removes fragmentation between sequences (arXiv:2309.06180).

    Args:
        blocks: Number of blocks, at least 1; their memory is reserved at once.
        block_size: Tokens a block holds, at least 1.
        kv_heads: G, at least 1.
        head_size: D, at least 1.
        dtype: Of keys and values.
        device: Of keys and values.

    Raises:
        ArgumentError: A size is below 1.
    """

    def __init__(
        self,
        blocks: int,
        block_size: int,
        kv_heads: int,
        head_size: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        sizes = {"blocks": blocks, "block_size": block_size, "kv_heads": kv_heads, "head_size": head_size}
        for name, size in sizes.items():
            if size < 1:
                raise ArgumentError(f"{name}: must be at least 1, got {size}")
        self.block_size = block_size
        # Per block and head the tokens lie side by side: one tile is one contiguous read.
        shape = (blocks, kv_heads, block_size, head_size)
        self.key = torch.empty(shape, dtype=dtype, device=device)
        self.value = torch.empty(shape, dtype=dtype, device=device)
        self._holders = [0] * blocks
        self._free = list(range(blocks - 1, -1, -1))

    @property
    def blocks(self) -> int:
        """Number of blocks, used or not."""
        return len(self._holders)

    @property
    def free_blocks(self) -> int:
        """Number of blocks that nobody holds."""
        return len(self._free)

    @property
    def block_bytes(self) -> int:
        """Bytes of the keys and values of one block."""
        return (self.key.untyped_storage().nbytes() + self.value.untyped_storage().nbytes()) // self.blocks

    def holders(self, block: int) -> int:
        """Count who holds a block; 0 for a free one.

        Args:
            block: 0 to ``blocks`` - 1.

        Raises:
            ArgumentError: There is no such block.
        """
        if not 0 <= block < self.blocks:
            raise ArgumentError(f"block: must be 0 to {self.blocks - 1}, got {block}")
        return self._holders[block]

    def take(self) -> int:
        """Take a free block and hold it once.

        Raises:
            PoolFullError: Every block is held.
        """
        self.require_free(1)
        block = self._free.pop()
        self._holders[block] = 1
        return block

    def require_free(self, count: int) -> None:
        """Make sure that a number of blocks can be taken.

        Args:
            count: Blocks about to be taken.

        Raises:
            PoolFullError: Fewer are free.
        """
        if count > self.free_blocks:
            raise PoolFullError(f"pool: {count} blocks needed, {self.free_blocks} of {self.blocks} free")

    def share(self, block: int) -> None:
        """Hold a block once more.

        Args:
            block: A held block.

        Raises:
            FreedBlockError: Nobody holds it.
        """
        self._require_held(block)
        self._holders[block] += 1

    def release(self, block: int) -> None:
        """Give up one hold; the block is free once nobody holds it.

        Args:
            block: A held block.

        Raises:
            FreedBlockError: Nobody holds it.
        """
        self._require_held(block)
        self._holders[block] -= 1
        if not self._holders[block]:
            self._free.append(block)

    def own(self, block: int) -> int:
        """Turn a hold on a block into a block that may be written to: copy on write.

        Args:
            block: A held block; the caller's hold on it moves to the result.

        Returns:
            The block itself where the caller alone holds it, otherwise a copy.

        Raises:
            FreedBlockError: Nobody holds it.
            PoolFullError: A copy is needed and no block is free.
        """
        self._require_held(block)
        if self._holders[block] == 1:
            return block
        copy = self.take()
        self.key[copy] = self.key[block]
        self.value[copy] = self.value[block]
        self.release(block)
        return copy

    def _require_held(self, block: int) -> None:
        if not self.holders(block):
            raise FreedBlockError(f"block: {block} has been freed")


@dataclass(frozen=True)
class PagedSequence:
    """One sequence of a paged cache as the tile loop reads it.

    Args:
        pool: Where the keys lie.
        table: Blocks in the order of the positions that they hold.
        length: S, number of keys.
    """

    pool: BlockPool
    table: tuple[int, ...]
    length: int

    @property
    def heads(self) -> int:
        """G, number of key/value heads."""
        return self.pool.key.shape[1]

    def load(self, start: int, stop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Copy one tile through the block table; see :class:`grader.attention.tiled.KeySource`."""
        size = self.pool.block_size
        first = start // size
        blocks = list(self.table[first : -(-stop // size)])

        def gather(storage: Tensor) -> Tensor:
            tokens = storage[blocks].transpose(0, 1).flatten(1, 2)
            return copy_tile(tokens[:, start - first * size : stop - first * size], dtype)

        return gather(self.pool.key), gather(self.pool.value)
