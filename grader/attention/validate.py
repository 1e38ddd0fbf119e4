"""What the callers of attention get wrong, each told with the argument's name and the value received."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor


class ArgumentError(ValueError):
    """An argument that attention cannot work with."""


class ImplUnavailableError(ValueError):
    """An implementation that was asked for by name and cannot do what was asked."""


def check_operands(query: Tensor, key: Tensor, value: Tensor, axes: tuple[str, str]) -> None:
    """Check queries against keys and values.

    Args:
        query: Sets batch, head size, dtype and device.
        key: Must agree with ``query``; G divides H.
        value: Must have the shape of ``key``.
        axes: Letters of the axes of ``query`` and of ``key`` and ``value``, such as ``("BHTD", "BGSD")``.

    Raises:
        ArgumentError: The first argument that does not fit.
    """
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check_tensor(name, tensor, axes[0] if name == "query" else axes[1])
    check_alike("key", key, "query", query)
    check_alike("value", value, "query", query)
    if "B" in axes[0] and key.shape[0] != query.shape[0]:
        raise ArgumentError(f"key: batch must be {query.shape[0]} as in query, got shape {tuple(key.shape)}")
    check_heads(query.shape[axes[0].index("H")], key.shape[axes[1].index("G")])
    check_same_shape(key, value)


def check_tensor(name: str, tensor: Tensor, axes: str) -> None:
    """Check that an argument is a floating tensor of some rank.

    Args:
        name: The argument.
        tensor: What was received.
        axes: One letter an axis, the head size last.

    Raises:
        ArgumentError: It is something else.
    """
    if not isinstance(tensor, Tensor):
        raise ArgumentError(f"{name}: must be a torch.Tensor, got {type(tensor).__name__}")
    if tensor.ndim != len(axes):
        raise ArgumentError(f"{name}: must have the axes ({', '.join(axes)}), got shape {tuple(tensor.shape)}")
    if not tensor.is_floating_point():
        raise ArgumentError(f"{name}: must be floating, got {tensor.dtype}")
    if tensor.shape[-1] < 1:
        raise ArgumentError(f"{name}: head size must be at least 1, got shape {tuple(tensor.shape)}")


def check_alike(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Check that two tensors share dtype, device and head size.

    Args:
        name: The argument.
        tensor: What was received.
        other_name: The argument to agree with.
        other: Its value.

    Raises:
        ArgumentError: They differ.
    """
    if tensor.dtype != other.dtype:
        raise ArgumentError(f"{name}: must be {other.dtype} as {other_name} is, got {tensor.dtype}")
    if tensor.device != other.device:
        raise ArgumentError(f"{name}: must be on {other.device} as {other_name} is, got {tensor.device}")
    if tensor.shape[-1] != other.shape[-1]:
        expected = f"head size must be {other.shape[-1]} as in {other_name}"
        raise ArgumentError(f"{name}: {expected}, got shape {tuple(tensor.shape)}")


def check_heads(query_heads: int, kv_heads: int) -> None:
    """Check that every key/value head serves the same number of query heads.

    Args:
        query_heads: H.
        kv_heads: G.

    Raises:
        ArgumentError: H is not a multiple of G.
    """
    if kv_heads < 1 or query_heads < 1 or query_heads % kv_heads:
        raise ArgumentError(f"query: heads must be a multiple of the heads of key, got H={query_heads}, G={kv_heads}")


def check_same_shape(key: Tensor, value: Tensor) -> None:
    """Check that there is one value for every key.

    Args:
        key: As checked.
        value: What was received.

    Raises:
        ArgumentError: The shapes differ.
    """
    if value.shape != key.shape:
        raise ArgumentError(f"value: must have the shape of key {tuple(key.shape)}, got {tuple(value.shape)}")


def check_limits(window: int | None, scale: float | None) -> None:
    """Check the options that need no tensor.

    Args:
        window: What was received.
        scale: What was received.

    Raises:
        ArgumentError: The window holds no key, or an option is not a number of its kind.
    """
    if window is not None:
        if isinstance(window, bool) or not isinstance(window, int):
            raise ArgumentError(f"window: must be an int or None, got {window!r}")
        if window < 1:
            raise ArgumentError(f"window: must be at least 1, the query's own key; got {window}")
    if scale is None:
        return
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale):
        raise ArgumentError(f"scale: must be a finite number or None, got {scale!r}")


def check_offsets(name: str, offsets: Tensor, total: int) -> list[int]:
    """Check cumulative sequence lengths and hand them over as plain numbers.

    Args:
        name: The argument.
        offsets: int32 or int64 (B + 1): 0, then the end of each sequence.
        total: Number of packed tokens, where the last sequence must end.

    Raises:
        ArgumentError: They do not cut the tokens into sequences.
    """
    if not isinstance(offsets, Tensor) or offsets.dtype not in {torch.int32, torch.int64} or offsets.ndim != 1:
        got = f"{offsets.dtype} {tuple(offsets.shape)}" if isinstance(offsets, Tensor) else type(offsets).__name__
        raise ArgumentError(f"{name}: must be an int32 or int64 tensor (B + 1,), got {got}")
    ends: list[int] = offsets.tolist()
    rising = all(a <= b for a, b in pairwise(ends))
    if not ends or ends[0] != 0 or ends[-1] != total or not rising:
        raise ArgumentError(f"{name}: must rise from 0 to the {total} packed tokens, got {ends}")
    return ends
