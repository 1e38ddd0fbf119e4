"""FlashAttention's loop in plain PyTorch: one tile of logits at a time, forward and backward.

No (T, S) matrix ever exists. The forward pass keeps the output and one log-sum-exp a row; the backward pass
computes each tile of weights again from them (arXiv:2205.14135, loop order of arXiv:2307.08691).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from grader.attention.online import PRECISION, Partial, begin, finish, finite, fold
from grader.attention.visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Tile:
    """Size of the logits tile that the loop holds.

    Args:
        rows: B_r, queries of one head, at least 1.
        cols: B_c, keys, at least 1.
    """

    rows: int = 128
    cols: int = 256


DEFAULT_TILE = Tile()


class KeySource(Protocol):
    """Keys and values of one sequence, wherever they are stored."""

    @property
    def heads(self) -> int:
        """G, number of key/value heads."""

    @property
    def length(self) -> int:
        """S, number of keys."""

    def load(self, start: int, stop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Copy keys and values ``start`` to ``stop`` into fresh (G, stop - start, D) memory."""


@dataclass(frozen=True)
class ContiguousKeys:
    """Keys and values of one sequence in two plain tensors.

    Args:
        key: (G, S, D).
        value: (G, S, D).
    """

    key: Tensor
    value: Tensor

    @property
    def heads(self) -> int:
        """G, number of key/value heads."""
        return self.key.shape[0]

    @property
    def length(self) -> int:
        """S, number of keys."""
        return self.key.shape[1]

    def load(self, start: int, stop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Copy one tile; see :class:`KeySource`."""
        return copy_tile(self.key[:, start:stop], dtype), copy_tile(self.value[:, start:stop], dtype)


def copy_tile(view: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy a piece of device memory into memory of its own, as a kernel loads a tile into SRAM.

    A copy even where a view would do: matrix products may round differently for other strides or
    alignments, and a tile must give the same bits whatever storage it came from.

    Args:
        view: Any strided tensor.
        dtype: Precision of the copy.
    """
    return view.to(dtype, copy=True, memory_format=torch.contiguous_format)


def attend_tiled(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    precision: torch.dtype = PRECISION,
    tile: Tile = DEFAULT_TILE,
) -> Partial:
    """Compute attention tile by tile; see :func:`grader.attention.attend` for the arguments.

    Each sequence of the batch is computed by itself, so that its result never depends, to the
    last bit, on what it was batched with.

    Args:
        query: (B, H, T, D).
        key: (B, G, S, D).
        value: (B, G, S, D).
        causal: Whether a query sees only keys up to its own position.
        window: Keys a query may see, itself included; at least 1.
        scale: Factor on the logits; 1/sqrt(D) by default.
        precision: Floating dtype of tiles, sums and result.
        tile: Size of the logits tile.

    Returns:
        Differentiable in ``out`` and ``lse``, once.
    """
    visibility = Visibility(query.shape[2], key.shape[2], causal, window)
    plan = _plan(query, visibility, scale, precision, tile)
    out, lse = _TiledAttention.apply(query, key, value, plan)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return Partial(out, lse)


def attend_source(
    query: Tensor,
    keys: KeySource,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    precision: torch.dtype = PRECISION,
    tile: Tile = DEFAULT_TILE,
) -> Partial:
    """Compute attention of one sequence over keys stored anywhere; no gradient.

    Args:
        query: (H, T, D).
        keys: Where the tiles come from.
        causal: Whether a query sees only keys up to its own position.
        window: Keys a query may see, itself included; at least 1.
        scale: Factor on the logits; 1/sqrt(D) by default.
        precision: As in :func:`attend_tiled`.
        tile: Size of the logits tile.

    Returns:
        ``out`` (H, T, D) and ``lse`` (H, T).
    """
    plan = _plan(query, Visibility(query.shape[1], keys.length, causal, window), scale, precision, tile)
    part = _room(query, plan.precision)
    with torch.no_grad():
        _forward(query, keys, plan, part)
    return part


@dataclass(frozen=True)
class _Plan:
    """What is the same for every tile of a call."""

    visibility: Visibility
    scale: float
    precision: torch.dtype
    tile: Tile

    def logits(self, query: Tensor, key: Tensor, rows: range, cols: range) -> Tensor:
        """Compute one tile of scaled logits, (G, H / G * rows, cols), ``-inf`` where hidden."""
        logits = torch.bmm(query, key.transpose(1, 2)).mul_(self.scale)
        hidden = self.visibility.hidden(rows, cols, query.device)
        if hidden is not None:
            logits.view(-1, len(rows), len(cols)).masked_fill_(hidden, -torch.inf)
        return logits


def _plan(query: Tensor, visibility: Visibility, scale: float | None, precision: torch.dtype, tile: Tile) -> _Plan:
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    return _Plan(visibility, scale, precision, tile)


def _spans(start: int, stop: int, step: int) -> Iterator[range]:
    for first in range(start, stop, step):
        yield range(first, min(first + step, stop))


def _grouped(heads: Tensor, groups: int, rows: range, dtype: torch.dtype) -> Tensor:
    """Load a tile of queries, the heads of a group as further rows, so that no key is copied per head.

    Args:
        heads: (H, T, ...).
        groups: G.
        rows: Queries of the tile.
        dtype: Precision of the copy.

    Returns:
        (G, H / G * rows, ...).
    """
    piece = copy_tile(heads[:, rows.start : rows.stop], dtype)
    return piece.reshape(groups, heads.shape[0] // groups * len(rows), *heads.shape[2:])


def _room(query: Tensor, dtype: torch.dtype) -> Partial:
    out = torch.empty(query.shape, dtype=dtype, device=query.device)
    return Partial(out, torch.empty(query.shape[:-1], dtype=dtype, device=query.device))


def _forward(query: Tensor, keys: KeySource, plan: _Plan, result: Partial) -> None:
    """Fill ``result``, out (H, T, D) and lse (H, T), query tile by query tile."""
    for rows in _spans(0, plan.visibility.queries, plan.tile.rows):
        tile_query = _grouped(query, keys.heads, rows, plan.precision)
        running = begin(tile_query)
        for cols in _spans(*plan.visibility.key_span(rows.start, rows.stop), plan.tile.cols):
            key, value = keys.load(cols.start, cols.stop, plan.precision)
            running = fold(running, plan.logits(tile_query, key, rows, cols), value)
        part = finish(running)
        result.out[:, rows.start : rows.stop] = part.out.reshape(-1, len(rows), query.shape[-1])
        result.lse[:, rows.start : rows.stop] = part.lse.reshape(-1, len(rows))


def _backward(
    query: Tensor, keys: KeySource, saved: Partial, grads: Partial, plan: _Plan
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk the tiles again, key tiles outside, so that a key tile's gradient is complete when it is left."""
    size = query.shape[-1]
    grad_query = saved.out.new_zeros(query.shape)
    grad_key, grad_value = (saved.out.new_zeros((keys.heads, keys.length, size)) for _ in range(2))
    # Softmax subtracts from a logit's gradient the weighted mean over its row, which is out . grad_out.
    mean = (saved.out * grads.out).sum(-1) - grads.lse
    for cols in _spans(0, keys.length, plan.tile.cols):
        key, value = keys.load(cols.start, cols.stop, plan.precision)
        tile_grads = grad_key[:, cols.start : cols.stop], grad_value[:, cols.start : cols.stop]
        for rows in _spans(*plan.visibility.query_span(cols.start, cols.stop), plan.tile.rows):
            tile_query, tile_grad, tile_lse, tile_mean = (
                _grouped(x, keys.heads, rows, plan.precision) for x in (query, grads.out, saved.lse, mean)
            )
            logits = plan.logits(tile_query, key, rows, cols)
            weights = logits.sub_(finite(tile_lse)[..., None]).exp_()
            tile_grads[1].add_(torch.bmm(weights.transpose(1, 2), tile_grad))
            grad_logits = torch.bmm(tile_grad, value.transpose(1, 2)).sub_(tile_mean[..., None])
            grad_logits.mul_(weights).mul_(plan.scale)
            tile_grads[0].add_(torch.bmm(grad_logits.transpose(1, 2), tile_query))
            piece = torch.bmm(grad_logits, key)
            grad_query[:, rows.start : rows.stop] += piece.reshape(-1, len(rows), size)
    return grad_query, grad_key, grad_value


class _Context(Protocol):
    """What autograd hands to both passes, with the plan beside it."""

    plan: _Plan
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _TiledAttention(torch.autograd.Function):
    """Forward that keeps out and lse; backward that recomputes the weights from them."""

    @staticmethod
    def forward(ctx: _Context, query: Tensor, key: Tensor, value: Tensor, plan: _Plan) -> tuple[Tensor, Tensor]:
        result = _room(query, plan.precision)
        for b in range(query.shape[0]):
            row = Partial(result.out[b], result.lse[b])
            _forward(query[b], ContiguousKeys(key[b], value[b]), plan, row)
        # ``out`` is saved as summed, not rounded to the inputs' precision: the backward pass subtracts
        # out . grad_out from numbers of about its own size.
        ctx.save_for_backward(query, key, value, result.out, result.lse)
        ctx.plan = plan
        return result.out, result.lse

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, grad_out: Tensor, grad_lse: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, out, lse = ctx.saved_tensors
        grad_query, grad_key, grad_value = (torch.empty_like(x) for x in (query, key, value))
        for b in range(query.shape[0]):
            keys = ContiguousKeys(key[b], value[b])
            saved, grads = Partial(out[b], lse[b]), Partial(grad_out[b], grad_lse[b])
            grad_query[b], grad_key[b], grad_value[b] = _backward(query[b], keys, saved, grads, ctx.plan)
        return grad_query, grad_key, grad_value, None
