"""Batches on all cores; where a GPU's memory ends, in halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")
LEAST = 64  # tokens that are worth a core's while


def in_parallel(work: Callable[[list[Item]], Sequence[Result]], chunks: Sequence[list[Item]]) -> list[Sequence[Result]]:
    """Do batches on as many cores as torch has threads, each on one; where a GPU's memory ends, in halves.

    Args:
        work: Gives one result an item.
        chunks: Batches.
    """

    def one(chunk: list[Item]) -> Sequence[Result]:
        with torch.inference_mode():
            return in_halves(work, chunk)

    threads = torch.get_num_threads()
    # One product on several threads scales worse than several products, and waits badly where others use the machine.
    torch.set_num_threads(1)
    try:
        if min(threads, len(chunks)) < 2:  # noqa: PLR2004
            return [one(chunk) for chunk in chunks]
        with ThreadPoolExecutor(min(threads, len(chunks))) as pool:
            return list(pool.map(one, chunks))
    finally:
        torch.set_num_threads(threads)


def fair_share(total: int, limit: int) -> int:
    """Tokens of a batch that give each core one, at most the limit, at least one block of rows."""
    return min(limit, max(LEAST, -(-total // torch.get_num_threads())))


def in_halves(work: Callable[[list[Item]], Sequence[Result]], items: list[Item]) -> Sequence[Result]:
    """Work on items together, or on half of them at a time where memory does not suffice.

    Raises:
        torch.OutOfMemoryError: It does not suffice for one.
    """
    try:
        return work(items)
    except torch.OutOfMemoryError:
        if len(items) == 1:
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(items) // 2
    return [*in_halves(work, items[:middle]), *in_halves(work, items[middle:])]
