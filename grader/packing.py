"""Where the tokens of many texts lie when they are packed behind one another without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUERY_STEP, KEY_STEP = 8, 16  # lengths that attention is computed for are multiples of these


@dataclass(frozen=True)
class Group:
    """Texts whose attention has the same shape.

    Args:
        texts: (B,) which ones.
        queries: (B, T) their rows, padded.
        inside: (B, T) true where a query is no padding.
        keys: (B, S) the rows that they attend to, padded.
        real: (B, S) true where a key is no padding.
    """

    texts: NDArray[np.int64]
    queries: Tensor
    inside: Tensor
    keys: Tensor
    real: Tensor


class Packing:
    """Where the tokens of texts lie behind one another, and what each text attends to.

    A text attends to its own tokens and, before them, to a run of rows that stand in front of all texts' keys.

    Args:
        lengths: Tokens of each text, above zero.
        device: Of the states.
        before: Where each text's run starts and how long it is, (texts, 2); none attends to nothing but itself.
        offset: Rows in front.
    """

    def __init__(
        self,
        lengths: Sequence[int] | NDArray[np.int64],
        device: torch.device,
        before: NDArray[np.int64] | None = None,
        offset: int = 0,
    ) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.starts = self.lengths.cumsum() - self.lengths
        self.device = device
        self.before = np.zeros((len(lengths), 2), dtype=np.int64) if before is None else before
        self.offset = offset
        self.tokens = int(self.lengths.sum())
        self.groups, self.unpad = self._grouped()  # and each token's row in what groups give one after another

    def _grouped(self) -> tuple[list[Group], Tensor]:
        wide = _rounded(self.lengths, QUERY_STEP)
        deep = _rounded(self.lengths + self.before[:, 1], KEY_STEP)
        groups, unpad, at = [], np.zeros(self.tokens, dtype=np.int64), 0
        shapes, which = np.unique(np.stack((wide, deep), axis=1), axis=0, return_inverse=True)
        for number, (width, depth) in enumerate(shapes):
            texts = np.flatnonzero(which.reshape(-1) == number)
            lengths, starts = self.lengths[texts, None], self.starts[texts, None]
            run, before = self.before[texts, :1], self.before[texts, 1:]
            column = np.arange(width)
            inside = column < lengths
            queries = np.where(inside, starts + column, 0)
            unpad[queries[inside]] = (at + np.arange(len(texts) * width).reshape(-1, width))[inside]
            at += len(texts) * width
            column = np.arange(depth)
            keys = np.where(column < before, run + column, self.offset + starts + column - before)
            real = column < before + lengths
            tensors = (self.put(x) for x in (queries, inside, np.where(real, keys, 0), real))
            groups.append(Group(texts, *tensors))
        return groups, self.put(unpad)

    def put(self, array: NDArray[np.generic]) -> Tensor:
        """An array on the device of the states."""
        return torch.from_numpy(array).to(self.device)

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where texts end (texts + 1), where their keys end, and the rows of those keys, one text after the other."""
        runs, depths = self.before.T
        keys = [
            np.concatenate((np.arange(run, run + depth), np.arange(start, start + length) + self.offset))
            for run, depth, start, length in zip(runs, depths, self.starts, self.lengths, strict=True)
        ]
        ends_q, ends_k = (self.put(np.r_[0, x.cumsum()]).int() for x in (self.lengths, self.lengths + depths))
        return ends_q, ends_k, self.put(np.concatenate(keys))

    def mark(self, parts: Sequence[Sequence[int]], wanted: int) -> Tensor:
        """Where the parts (texts, tokens) are the wanted one: (rows,) of flags."""
        return self.put(np.concatenate([np.asarray(row) for row in parts]) == wanted)

    def means(self, states: Tensor, chosen: Tensor) -> Tensor:
        """Average of each text's states over the chosen rows; zeros where none is.

        Args:
            states: (rows, hidden).
            chosen: (rows,) true where a row counts.

        Returns:
            (texts, hidden).
        """
        out = states.new_empty((len(self.lengths), states.shape[1]))
        for group in self.groups:
            counted = (chosen[group.queries] & group.inside)[..., None].to(states.dtype)
            total = (states[group.queries] * counted).sum(1)
            out[self.put(group.texts)] = total / counted.sum(1).clamp(min=1)
        return out


def batches(costs: Sequence[int], limit: int) -> list[list[int]]:
    """Cut places into batches, the costly ones first, so that cores end together and paddings are small.

    Args:
        costs: Tokens of each.
        limit: Of a batch; what costs more is one by itself.
    """
    out: list[list[int]] = []
    room = 0
    for place in sorted(range(len(costs)), key=lambda i: -costs[i]):
        if costs[place] > room or not out:
            out.append([])
            room = limit
        out[-1].append(place)
        room -= costs[place]
    return out


def _rounded(lengths: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    return -(-lengths // step) * step
