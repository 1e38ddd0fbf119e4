"""What the kernels can compute, told without importing Triton."""

from __future__ import annotations

import importlib.util
import os

import torch
from torch import Tensor

from grader.attention.visibility import Visibility

HEAD_SIZES = (32, 64, 128, 256)
DTYPES = (torch.float16, torch.bfloat16, torch.float32)
WIDEST_SINGLE = 128
"""Widest head of float32: tiles of wider ones fill the shared memory of most GPUs."""

OLDEST = (8, 0)
"""Compute capability from which on bfloat16 has matrix units."""

HOPPER = (9, 0)
HOPPER_HEAD_SIZES = (64, 128)
HOPPER_FEWEST = 128
"""Queries from which on the Hopper kernel can be used: its two consumers have 64 rows each to fill."""

HOPPER_FEWEST_KEYS = {64: 768, 128: 512}
"""Keys that a query must see on average, by head size, for the Hopper kernel to be faster; NOTES.md has the times."""


def interpreting() -> bool:
    """Whether Triton runs its kernels on the processor; it decides when a kernel's module is imported."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in {"1", "true", "on", "yes", "y"}


def suits_hopper(query: Tensor) -> bool:
    """Whether the forward kernel written for Hopper GPUs computes attention of these queries.

    Args:
        query: (B, H, T, D), accepted by :func:`refusal`.
    """
    if interpreting() or torch.cuda.get_device_capability(query.device) != HOPPER:
        return False
    half = query.dtype in {torch.float16, torch.bfloat16}
    return half and query.shape[-1] in HOPPER_HEAD_SIZES and query.shape[2] >= HOPPER_FEWEST


def repays_hopper(size: int, visibility: Visibility) -> bool:
    """Whether a program of the Hopper kernel has enough to do to win back its start and end.

    Args:
        size: D, one of ``HOPPER_HEAD_SIZES``.
        visibility: Which keys each query sees.
    """
    return visibility.pairs >= HOPPER_FEWEST_KEYS[size] * visibility.queries


def refusal(query: Tensor) -> str | None:
    """Say why the kernels cannot compute attention of these queries; ``None`` where they can.

    Args:
        query: (..., D), as checked; keys and values are alike.
    """
    if query.dtype not in DTYPES:
        return f"dtype must be float16, bfloat16 or float32, got {query.dtype}"
    if query.shape[-1] not in HEAD_SIZES:
        return f"head size must be one of {', '.join(map(str, HEAD_SIZES))}; got {query.shape[-1]}"
    if query.dtype == torch.float32 and query.shape[-1] > WIDEST_SINGLE:
        return f"head size of float32 must be at most {WIDEST_SINGLE}, got {query.shape[-1]}"
    return _missing(query)


def _missing(query: Tensor) -> str | None:
    if importlib.util.find_spec("triton") is None:
        return "the package triton is not installed"
    if interpreting():
        return None
    if query.device.type != "cuda":
        return f"tensors must be on a CUDA device, or TRITON_INTERPRET=1 be set; got {query.device}"
    capability = torch.cuda.get_device_capability(query.device)
    if capability < OLDEST:
        return f"compute capability must be at least 8.0, got {capability[0]}.{capability[1]}"
    return None
