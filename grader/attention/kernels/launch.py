"""Calls of the kernels on tensors: dense, packed and paged."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable
from triton.tools.tensor_descriptor import TensorDescriptor

from grader.attention.kernels.backward import key_gradient_kernel, prepare_kernel, query_gradient_kernel
from grader.attention.kernels.forward import forward_kernel
from grader.attention.kernels.spans import Spans, find_spans
from grader.attention.kernels.support import interpreting, repays_hopper, suits_hopper
from grader.attention.kernels.tuning import LOG2_E, bucket, describe
from grader.attention.online import Partial
from grader.attention.visibility import Visibility

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_EVEN = 128  # a multiple of every tile's rows and columns
_PREPARE_ROWS = 32
_NO_LIMIT = 0


def attend_dense(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    out_dtype: torch.dtype = torch.float32,
    portable: bool | None = None,
) -> Partial:
    """Compute attention with the kernels; see :func:`grader.attention.attend` for the arguments.

    Args:
        query: (B, H, T, D), accepted by :func:`~grader.attention.kernels.support.refusal`; any strides.
        key: (B, G, S, D).
        value: (B, G, S, D).
        causal: Whether a query sees only keys up to its own position.
        window: Keys a query may see, itself included; at least 1.
        scale: Factor on the logits; 1/sqrt(D) by default.
        out_dtype: What the float32 sums are rounded to: ``query``'s dtype for a result, float32 for a
            part that is merged with others.
        portable: Whether to compute forwards with the kernel for any GPU, or with that for Hopper GPUs; by default
            with the faster one.

    Returns:
        Differentiable in ``out`` and ``lse``, once.

    Raises:
        ValueError: The kernel for Hopper GPUs was asked for and cannot compute this.
    """
    query, scale = positive_scale(query, scale)
    suits = suits_hopper(query)
    if portable is None:
        visibility = Visibility(query.shape[2], key.shape[2], causal, window)
        portable = not (suits and repays_hopper(query.shape[-1], visibility))
    elif not portable and not suits:
        raise ValueError(f"portable: no kernel for Hopper GPUs computes {query.dtype} {tuple(query.shape)} here")
    call = _Call(causal or window is not None, window, scale, out_dtype, None, portable)
    out, lse = _Attention.apply(query, key, value, call)
    return Partial(out, lse)


def attend_packed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ends_q: Tensor,
    ends_k: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """Compute attention of packed sequences; see :func:`grader.attention.attend_varlen`.

    Args:
        query: (N, H, D).
        key: (M, G, D).
        value: (M, G, D).
        ends_q: int32 or int64 (B + 1), as checked.
        ends_k: The same for the keys.
        causal: As in :func:`attend_dense`, inside each sequence; so are ``window`` and ``scale``.
        window: See ``causal``.
        scale: See ``causal``.

    Returns:
        (N, H, D), dtype of ``query``. Differentiable, once.
    """
    query, scale = positive_scale(query, scale)
    ends_q, ends_k = ends_q.to(query.device), ends_k.to(query.device)
    spans = find_spans(ends_q, ends_k, query.shape[0], key.shape[0], causal=causal, window=window)
    call = _Call(causal or window is not None, window, scale, query.dtype, spans, portable=True)
    rows = (x.transpose(0, 1)[None] for x in (query, key, value))
    out: Tensor = _Attention.apply(*rows, call)[0]
    return out[0].transpose(0, 1)


def positive_scale(query: Tensor, scale: float | None) -> tuple[Tensor, float]:
    """Move the sign of the scale into the queries: the kernels take maxima before they multiply by it.

    Args:
        query: (..., D).
        scale: As the caller gave it.
    """
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    if scale > 0:
        return query, scale
    return (-query, -scale) if scale < 0 else (query * 0, 1.0)


def on_device(tensor: Tensor) -> AbstractContextManager[object]:
    """Make the device of a tensor the one that kernels start on.

    Args:
        tensor: On any device.
    """
    return torch.cuda.device(tensor.device) if tensor.is_cuda else contextlib.nullcontext()


def dot_precision(dtype: torch.dtype) -> str:
    """Name how matrix products are computed; see :mod:`grader.attention.kernels.products`.

    Args:
        dtype: Of the operands. Half precisions are multiplied as they are, whatever the name.
    """
    if interpreting():
        return "ieee"
    return "split" if dtype == torch.float32 else "tf32"


@dataclass(frozen=True)
class _Call:
    """What is the same for every tile of a call."""

    limited: bool
    window: int | None
    scale: float
    out_dtype: torch.dtype
    spans: Spans | None
    portable: bool

    def flags(self, query: Tensor, inner: int) -> dict[str, object]:
        """Find what the kernels are compiled for; ``inner`` is the length of the axis that they loop over."""
        plain = not self.limited and self.spans is None
        return {
            "HEAD": query.shape[-1],
            "LIMITED": self.limited,
            "WINDOWED": self.window is not None,
            "PACKED": self.spans is not None,
            "EVEN": plain and inner % _EVEN == 0,
            "PRECISION": dot_precision(query.dtype),
        }


@cache
def _cache_bytes(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).L2_cache_size) if device.type == "cuda" else 1


def _section(query: Tensor, key: Tensor) -> int:
    """Count the query heads whose keys and values fit into half the second-level cache; at least one group."""
    head_bytes = 2 * key.shape[2] * key.shape[3] * key.element_size()
    groups = max(1, _cache_bytes(key.device) // 2 // head_bytes)
    return min(groups * (query.shape[1] // key.shape[1]), query.shape[0] * query.shape[1])


def _run_forward(query: Tensor, key: Tensor, value: Tensor, call: _Call, stats: Tensor | None) -> tuple[Tensor, Tensor]:
    """Compute out and lse; ``stats`` (2, B, H, T) is filled with each row's maximum and sum."""
    batch, heads, queries, _ = query.shape
    keys = key.shape[2]
    out = torch.empty_like(query, dtype=call.out_dtype)
    if out.stride(-1) != 1:
        out = torch.empty(query.shape, dtype=call.out_dtype, device=query.device)
    lse = torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device)
    if not keys or not query.numel():
        return out.zero_(), lse.fill_(-torch.inf)
    if not call.portable:
        from grader.attention.kernels.hopper import run_hopper

        window = None if call.window is None else _window(call, queries, keys)
        with on_device(query):
            run_hopper(
                query, key, value, out, lse,
                limited=call.limited, window=window, scale=call.scale, section=_section(query, key),
            )  # fmt: skip
        return out, lse
    spans = (call.spans.first_key, call.spans.last_key) if call.spans else (None, None)

    def grid(options: dict[str, int]) -> tuple[int]:
        return (triton.cdiv(queries, options["BLOCK_M"]) * batch * heads,)

    with on_device(query):
        forward_kernel[grid](
            *(describe(x) for x in (query, key, value)), out, lse, stats, *spans, *out.stride()[:3],
            batch * heads, heads, heads // key.shape[1], queries, keys, _window(call, queries, keys),
            call.scale * LOG2_E, _section(query, key), bucket(max(queries, keys)), **call.flags(query, keys),
        )  # fmt: skip
    return out, lse


def _run_backward(
    tensors: tuple[Tensor, Tensor, Tensor], saved: Partial, stats: Tensor | None, grads: Partial, call: _Call
) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = tensors
    (batch, heads, queries, size), (_, groups, keys, _) = query.shape, key.shape
    dq, dk, dv = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in tensors)
    if not keys or not query.numel():
        return dq.zero_(), dk.zero_(), dv.zero_()
    padded = triton.cdiv(queries, _EVEN) * _EVEN
    anchor, mean = (saved.lse.new_empty(batch * heads, padded) for _ in range(2))
    rows = (anchor, None if stats is None else torch.empty_like(anchor), mean)
    descriptors = [describe(x) for x in (query, key, value, grads.out.to(query.dtype))]
    grad = descriptors[-1].base
    descriptors += (x if x is None else TensorDescriptor(x, list(x.shape), list(x.stride()), [1, 16]) for x in rows)
    sizes = (heads // groups, queries, keys, _window(call, queries, keys), call.scale, call.scale * LOG2_E)
    long = bucket(max(queries, keys))
    spans = call.spans
    with on_device(query):
        prepare_kernel[(padded // _PREPARE_ROWS * batch * heads,)](
            saved.out, grad, saved.lse, stats, grads.lse.contiguous(), *rows, *saved.out.stride()[:3],
            *grad.stride()[:3], batch * heads, heads, queries, padded, HEAD=size, BLOCK_M=_PREPARE_ROWS,
        )  # fmt: skip
        key_gradient_kernel[lambda o: (triton.cdiv(keys, o["BLOCK_N"]) * batch * groups,)](
            *descriptors, dk, dv, *((spans.first_query, spans.last_query) if spans else (None, None)),
            batch * groups, groups, *sizes, long, **call.flags(query, queries),
        )  # fmt: skip
        query_gradient_kernel[lambda o: (triton.cdiv(queries, o["BLOCK_M"]) * batch * heads,)](
            *descriptors, dq, *((spans.first_key, spans.last_key) if spans else (None, None)),
            batch * heads, heads, *sizes, _section(query, key), long, **call.flags(query, keys),
        )  # fmt: skip
    return dq, dk, dv


def _window(call: _Call, queries: int, keys: int) -> int:
    """Window as a number that fits a kernel's 32 bits: wider than both axes it hides nothing anyway."""
    return _NO_LIMIT if call.window is None else min(call.window, queries + keys)


class _Context(Protocol):
    """What autograd hands to both passes, with the call beside it."""

    call: _Call
    needs_input_grad: tuple[bool, ...]
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor | None) -> None: ...


class _Attention(torch.autograd.Function):
    """Forward that keeps out and lse; backward that recomputes the weights from them."""

    @staticmethod
    def forward(ctx: _Context, query: Tensor, key: Tensor, value: Tensor, call: _Call) -> tuple[Tensor, Tensor]:
        # What the rounding of lse costs shows in float32 only.
        single = query.dtype == torch.float32 and any(ctx.needs_input_grad)
        stats = query.new_empty(2, *query.shape[:-1]) if single else None
        out, lse = _run_forward(query, key, value, call, stats)
        ctx.save_for_backward(query, key, value, out, lse, stats)
        ctx.call = call
        return out, lse

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, grad_out: Tensor, grad_lse: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, out, lse, stats = ctx.saved_tensors
        grads = _run_backward((query, key, value), Partial(out, lse), stats, Partial(grad_out, grad_lse), ctx.call)
        return *grads, None
