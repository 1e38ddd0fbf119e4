"""Who competes: this package's implementations and other people's kernels, each as a call without arguments."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from grader.attention.api import Impl, attend, attend_varlen
from grader.attention.bench.cases import Case, Operands
from grader.attention.kernels.support import HOPPER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class NotApplicableError(Exception):
    """A competitor that cannot do a problem, with the reason."""


@dataclass(frozen=True)
class Peer:
    """A competitor.

    Args:
        name: In tables; ours begin with "ours".
        prepare: Turns a problem into a call that returns (B, H, T, D), or (N, H, D) where packed.
        slow: Whether it compiles for seconds on every problem.
    """

    name: str
    prepare: Callable[[Case, Operands], Callable[[], Tensor]]
    slow: bool = False


def choose_peers(case: Case, device: torch.device) -> Iterator[Peer]:
    """List who competes on a problem, ours first.

    Args:
        case: The problem.
        device: Where it runs.
    """
    if device.type != "cuda":
        names: tuple[Impl, ...] = ("tiled", "reference")
        yield from (Peer(f"ours, {name}", functools.partial(_ours, name)) for name in names)
        yield Peer("SDPA", _sdpa_padded if case.section == "packed" else functools.partial(_sdpa, None))
    elif case.section == "packed":
        yield Peer("ours", _ours_packed)
        yield Peer("ours, arguments checked", functools.partial(_ours, "triton"))
        yield Peer("SDPA, padded", _sdpa_padded)
    else:
        if case.section == "decode":
            yield from (Peer(f"ours, paged by {size}", functools.partial(_ours_paged, size)) for size in (16, 64))
        contiguous = "ours, contiguous" if case.section == "decode" else "ours"
        yield Peer(contiguous, functools.partial(_ours, "triton"))
        if case.section == "forward" and torch.cuda.get_device_capability(device) == HOPPER:
            yield Peer("ours, Hopper", functools.partial(_ours_by, portable=False))
            yield Peer("ours, any GPU", functools.partial(_ours_by, portable=True))
        yield Peer("flash-2 (SDPA)", functools.partial(_sdpa, SDPBackend.FLASH_ATTENTION))
        yield Peer("cuDNN (SDPA)", functools.partial(_sdpa, SDPBackend.CUDNN_ATTENTION))
        yield Peer("FlexAttention", _flex, slow=True)
        yield Peer("flash-attn-4", _flash4)


def pack(padded: Tensor, lengths: list[int]) -> Tensor:
    """Drop the padding: (B, H, T, D) to (N, H, D).

    Args:
        padded: Each sequence from position 0.
        lengths: Of the sequences.
    """
    return torch.cat([row[:, :n].transpose(0, 1) for row, n in zip(padded, lengths, strict=True)])


def ends(lengths: list[int], device: torch.device) -> Tensor:
    """Cumulate lengths: int32 (B + 1).

    Args:
        lengths: Of the sequences.
        device: Where to.
    """
    return torch.tensor([0, *lengths], device=device).cumsum(0).int()


def _ours(impl: Impl, case: Case, x: Operands) -> Callable[[], Tensor]:
    if x.lengths is not None:
        query, key, value = (pack(t, x.lengths) for t in (x.query, x.key, x.value))
        offsets = ends(x.lengths, x.query.device)
        return lambda: attend_varlen(query, key, value, offsets, impl=impl)
    return lambda: attend(x.query, x.key, x.value, causal=case.causal, window=case.window, impl=impl)


def _ours_packed(_case: Case, x: Operands) -> Callable[[], Tensor]:
    from grader.attention.kernels.launch import attend_packed

    if x.lengths is None:
        raise NotApplicableError("sequences are whole")
    query, key, value = (pack(t, x.lengths) for t in (x.query, x.key, x.value))
    offsets = ends(x.lengths, x.query.device)
    return lambda: attend_packed(query, key, value, offsets, offsets)


def _ours_by(case: Case, x: Operands, *, portable: bool) -> Callable[[], Tensor]:
    from grader.attention.kernels.launch import attend_dense

    return lambda: (
        attend_dense(
            x.query, x.key, x.value, causal=case.causal, window=case.window, out_dtype=x.query.dtype, portable=portable
        ).out
    )


def _ours_paged(block_size: int, case: Case, x: Operands) -> Callable[[], Tensor]:
    from grader.attention.kernels.paged import Blocks, decode

    per_sequence = case.length // block_size
    count = case.batch * per_sequence
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).to(x.key.device)

    def scatter(contiguous: Tensor) -> Tensor:
        pool = torch.empty(count, case.groups, block_size, case.size, dtype=contiguous.dtype, device=contiguous.device)
        pages = contiguous.reshape(case.batch, case.groups, per_sequence, block_size, case.size)
        pool[order] = pages.transpose(1, 2).flatten(0, 1)
        return pool

    key, value = scatter(x.key), scatter(x.value)
    lengths = torch.full((case.batch,), case.length, dtype=torch.int32, device=key.device)
    blocks = Blocks(order.view(case.batch, per_sequence).int(), lengths, case.length)
    return lambda: decode(x.query, key, value, blocks, out_dtype=x.query.dtype).out


def _sdpa(backend: SDPBackend | None, case: Case, x: Operands) -> Callable[[], Tensor]:
    if case.window is not None:
        raise NotApplicableError("has no window")

    def call() -> Tensor:
        return scaled_dot_product_attention(x.query, x.key, x.value, is_causal=case.causal, enable_gqa=True)

    if backend is None:
        return call
    with_backend: Callable[[], Tensor] = sdpa_kernel(backend)(call)
    return with_backend


def _sdpa_padded(case: Case, x: Operands) -> Callable[[], Tensor]:
    if x.lengths is None:
        raise NotApplicableError("sequences are whole")
    lengths = x.lengths
    real = torch.arange(case.length, device=x.query.device) < torch.tensor(lengths, device=x.query.device)[:, None]
    mask = real[:, None, None, :]
    return lambda: scaled_dot_product_attention(x.query, x.key, x.value, attn_mask=mask, enable_gqa=True)


def _flex(case: Case, x: Operands) -> Callable[[], Tensor]:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    torch._dynamo.reset()  # noqa: SLF001 - what PyTorch itself tells benchmarks to call
    window = case.window or case.length

    def visible(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (query - key < window)

    mask = None
    if case.causal or case.window:
        mask = create_block_mask(visible, None, None, case.length, case.length, device=x.query.device)
    compiled = torch.compile(flex_attention, dynamic=False)
    return lambda: compiled(x.query, x.key, x.value, block_mask=mask, enable_gqa=True)


def _flash4(case: Case, x: Operands) -> Callable[[], Tensor]:
    try:
        flash_attn_func = importlib.import_module("flash_attn.cute").flash_attn_func
    except ImportError as error:
        raise NotApplicableError("not installed") from error
    by_token = [t.transpose(1, 2).contiguous() for t in (x.query, x.key, x.value)]
    window = (None, None) if case.window is None else (case.window - 1, 0)

    def call() -> Tensor:
        result = flash_attn_func(*by_token, causal=case.causal, window_size=window)
        out: Tensor = result[0] if isinstance(result, tuple) else result
        return out.transpose(1, 2)

    return call
