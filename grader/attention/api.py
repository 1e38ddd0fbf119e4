"""The one interface to attention: checks what it is given, picks an implementation, says what it cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from grader.attention.kernels.support import refusal
from grader.attention.online import Partial
from grader.attention.reference import attend_reference
from grader.attention.tiled import attend_source, attend_tiled
from grader.attention.validate import (
    ArgumentError,
    ImplUnavailableError,
    check_alike,
    check_heads,
    check_limits,
    check_offsets,
    check_operands,
    check_tensor,
)

if TYPE_CHECKING:
    from grader.attention.blocks import PagedSequence
    from grader.attention.paged import Pages

Impl = Literal["auto", "reference", "tiled", "triton"]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Compute softmax attention; the heads of key and value decide between MHA, GQA and MQA.

    Queries and keys are aligned at the end: with ``causal``, query t sees the keys up to
    t + S - T, so that the last query sees the last key, as decoding with a cache needs. A query
    that sees no key (T > S) gets zeros, as does one whose logits are all ``-inf``.

    Args:
        query: (B, H, T, D), float16, bfloat16, float32 or float64.
        key: (B, G, S, D), G dividing H; query head h reads head h // (H / G).
        value: (B, G, S, D).
        causal: Whether a query sees only keys up to its own position.
        window: Keys a query may see, itself included, counted backwards from it; at least 1 and
            as wide as one likes. Implies ``causal``.
        scale: Factor on the logits; 1/sqrt(D) by default.
        impl: ``reference`` (the formula in float64), ``tiled`` (FlashAttention's loop), ``triton`` (GPU
            kernels), or ``auto``: the fastest that supports the arguments; their results differ by round-off.

    Returns:
        (B, H, T, D), dtype of ``query``. Differentiable.

    Raises:
        ArgumentError: An argument is unusable; the message names it and quotes its value.
        ImplUnavailableError: ``impl`` cannot do what was asked.
    """
    part = _attend(query, key, value, causal=causal, window=window, scale=scale, impl=impl, rounded=True)
    return part.out.to(query.dtype)


def attend_partial(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    impl: Impl = "auto",
) -> Partial:
    """Compute attention over some of the keys, to be merged with the rest.

    Args:
        query: As in :func:`attend`.
        key: As in :func:`attend`.
        value: As in :func:`attend`.
        causal: As in :func:`attend`; alignment is with the last of these keys.
        window: As in :func:`attend`.
        scale: As in :func:`attend`.
        impl: As in :func:`attend`.

    Returns:
        Output and log-sum-exp in the precision of the sums, for
        :func:`~grader.attention.online.merge`.

    Raises:
        ArgumentError: An argument is unusable.
        ImplUnavailableError: ``impl`` cannot do what was asked.
    """
    return _attend(query, key, value, causal=causal, window=window, scale=scale, impl=impl, rounded=False)


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool,
    window: int | None,
    scale: float | None,
    impl: Impl,
    rounded: bool,
) -> Partial:
    """Check and compute; ``rounded`` says that the caller needs no more than ``query``'s dtype."""
    check_operands(query, key, value, ("BHTD", "BGSD"))
    check_limits(window, scale)
    chosen = _choose(impl, query)
    if chosen == "triton":
        from grader.attention.kernels.calls import attend_contiguous

        return attend_contiguous(
            query,
            key,
            value,
            causal=causal,
            window=window,
            scale=scale,
            out_dtype=query.dtype if rounded else torch.float32,
        )
    compute = attend_reference if chosen == "reference" else attend_tiled
    return compute(query, key, value, causal=causal, window=window, scale=scale)


def attend_varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor | None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Compute attention of sequences of different lengths, packed one behind the other without padding.

    Args:
        query: (N, H, D), the N tokens of all sequences.
        key: (M, G, D).
        value: (M, G, D).
        cu_seqlens_q: int32 or int64 (B + 1): 0, then the end of each sequence in ``query``.
        cu_seqlens_k: The same for ``key``; by default that of ``query``.
        causal: As in :func:`attend`, inside each sequence.
        window: As in :func:`attend`.
        scale: As in :func:`attend`.
        impl: As in :func:`attend`.

    Returns:
        (N, H, D), dtype of ``query``. Differentiable.

    Raises:
        ArgumentError: An argument is unusable.
        ImplUnavailableError: ``impl`` cannot do what was asked.
    """
    check_operands(query, key, value, ("NHD", "MGD"))
    ends_q = check_offsets("cu_seqlens_q", cu_seqlens_q, query.shape[0])
    name, offsets = ("cu_seqlens_q", cu_seqlens_q) if cu_seqlens_k is None else ("cu_seqlens_k", cu_seqlens_k)
    ends_k = check_offsets(name, offsets, key.shape[0])
    if len(ends_k) != len(ends_q):
        raise ArgumentError(f"cu_seqlens_k: must end {len(ends_q) - 1} sequences as cu_seqlens_q does, got {ends_k}")
    check_limits(window, scale)
    if _choose(impl, query) == "triton":
        from grader.attention.kernels.calls import attend_packed

        return attend_packed(query, key, value, cu_seqlens_q, offsets, causal=causal, window=window, scale=scale)
    outs = [query[:0]]
    for i in range(len(ends_q) - 1):
        rows, cols = slice(*ends_q[i : i + 2]), slice(*ends_k[i : i + 2])
        one = (x.transpose(0, 1)[None] for x in (query[rows], key[cols], value[cols]))
        out = attend(*one, causal=causal, window=window, scale=scale, impl=impl)
        outs.append(out[0].transpose(0, 1))
    return torch.cat(outs)


def attend_paged(
    query: Tensor,
    pages: Pages,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Compute attention over a paged cache.

    For the same keys ``tiled`` gives what it gives in :func:`attend`, bit for bit.

    Inference only. Sequences may differ in length; each aligns its last key with the last query.

    Args:
        query: (B, H, T, D), one row a sequence of ``pages``.
        pages: From :meth:`grader.attention.PagedCache.pages`.
        causal: As in :func:`attend`.
        window: As in :func:`attend`.
        scale: As in :func:`attend`.
        impl: As in :func:`attend`.

    Returns:
        (B, H, T, D), dtype of ``query``.

    Raises:
        ArgumentError: An argument is unusable, or ``query`` asks for a gradient.
        FreedBlockError: A sequence has given up blocks since ``pages`` was made.
        ImplUnavailableError: ``impl`` cannot do what was asked.
    """
    check_tensor("query", query, "BHTD")
    check_alike("query", query, "the cache", pages.cache.pool.key)
    check_heads(query.shape[1], pages.cache.pool.key.shape[1])
    check_limits(window, scale)
    if query.shape[0] != len(pages.sequences):
        message = f"batch must be {len(pages.sequences)}, the sequences of pages; got shape {tuple(query.shape)}"
        raise ArgumentError(f"query: {message}")
    if query.requires_grad and torch.is_grad_enabled():
        raise ArgumentError("query: a cache has no gradient, call under torch.no_grad(); got requires_grad=True")
    pages.check_current()
    chosen = _choose(impl, query)
    if chosen == "triton":
        from grader.attention.kernels.calls import attend_pages

        return attend_pages(query, pages, causal=causal, window=window, scale=scale)
    compute = _gather_and_attend if chosen == "reference" else attend_source
    out = torch.empty_like(query)
    for b, sequence in enumerate(pages.sequences):
        out[b] = compute(query[b], sequence, causal=causal, window=window, scale=scale).out
    return out


def _gather_and_attend(
    query: Tensor, sequence: PagedSequence, *, causal: bool, window: int | None, scale: float | None
) -> Partial:
    key, value = sequence.load(0, sequence.length, query.dtype)
    part = attend_reference(query[None], key[None], value[None], causal=causal, window=window, scale=scale)
    return Partial(part.out[0], part.lse[0])


def _choose(impl: str, query: Tensor) -> Literal["reference", "tiled", "triton"]:
    if impl not in get_args(Impl):
        raise ImplUnavailableError(f"impl: must be one of {', '.join(get_args(Impl))}; got {impl!r}")
    if impl == "auto":
        return "triton" if query.is_cuda and refusal(query) is None else "tiled"
    if impl == "triton" and (reason := refusal(query)) is not None:
        raise ImplUnavailableError(f"impl: 'triton' cannot compute this: {reason}")
    return "triton" if impl == "triton" else "reference" if impl == "reference" else "tiled"
