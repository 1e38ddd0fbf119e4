"""What a result must be before its time counts: near that of float64, on a sample of heads and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from grader.attention.bench.peers import pack
from grader.attention.reference import attend_reference

if TYPE_CHECKING:
    from grader.attention.bench.cases import Case, Operands

_ROWS = 64  # queries of each sample; the logits of more would not fit beside the tensors
_UNITS = {"forward": 1.0, "decode": 1.0, "packed": 1.0, "backward": 2.0}


def bound(case: Case, dtype: torch.dtype) -> float:
    """Largest error that passes, over the norm of the result: one rounding of weights and result, twice backwards.

    Args:
        case: The problem.
        dtype: Of its tensors; float32 sums thousands of rounded terms.
    """
    return _UNITS[case.section] * torch.finfo(dtype).eps * (1 if dtype == torch.bfloat16 else 16)


def forward_error(case: Case, x: Operands, out: Tensor) -> float:
    """Compare the heads of the last sequence's last group, in the first, middle and last queries.

    Args:
        case: The problem.
        x: Its tensors.
        out: (B, H, T, D).
    """
    members = case.heads // case.groups
    query, ours = x.query[-1:, -members:], out[-1:, -members:].double()
    key, value = x.key[-1:, -1:], x.value[-1:, -1:]
    limited = case.causal or case.window is not None
    errors = []
    for start in sorted({0, max(0, case.queries // 2 - 7), max(0, case.queries - _ROWS)}):
        stop = min(start + _ROWS, case.queries)
        seen = stop + case.length - case.queries if limited else case.length
        rows = query[:, :, start:stop], key[:, :, :seen], value[:, :, :seen]
        exact = attend_reference(*rows, causal=case.causal, window=case.window).out
        errors.append(relative_error(ours[:, :, start:stop], exact))
    return max(errors)


def packed_error(x: Operands, out: Tensor, lengths: list[int]) -> float:
    """Compare every token of the first sequences.

    Args:
        x: The problem's tensors.
        out: (N, H, D), or (B, H, T, D) where a competitor pads.
        lengths: Of the sequences.
    """
    some = lengths[:16]
    ours = pack(out, lengths) if out.ndim == x.query.ndim else out
    exact = [
        attend_reference(*(t[b : b + 1, :, :n] for t in (x.query, x.key, x.value))).out[0].transpose(0, 1)
        for b, n in enumerate(some)
    ]
    return relative_error(ours[: sum(some)], torch.cat(exact))


def backward_error(case: Case, x: Operands, grads: tuple[Tensor, ...]) -> float:
    """Compare the gradients of the last sequence's last group.

    Args:
        case: The problem.
        x: Its tensors.
        grads: Of query, key and value.
    """
    members = case.heads // case.groups
    slices = (x.query[-1:, -members:], x.key[-1:, -1:], x.value[-1:, -1:])
    exact = [t.detach().double().requires_grad_() for t in slices]
    with torch.enable_grad():
        out = attend_reference(*exact, causal=case.causal, window=case.window).out
    truth = torch.autograd.grad(out, exact, x.grad[-1:, -members:].double())
    ours = (grads[0][-1:, -members:], grads[1][-1:, -1:], grads[2][-1:, -1:])
    return max(relative_error(a, b) for a, b in zip(ours, truth, strict=True))


def relative_error(ours: Tensor, exact: Tensor) -> float:
    """Norm of the error over the norm of the result; NaN passes no comparison.

    Args:
        ours: What was computed.
        exact: What should have been.
    """
    return float((ours.double() - exact).norm() / exact.norm())
