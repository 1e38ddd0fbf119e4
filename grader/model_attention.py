"""Which attention the grader's models run on: PyTorch's (``sdpa``), or that of ``grader.attention`` (``ours``).

The pair model has layers of its own and calls one of these two functions; the other models look their attention up
in transformers, where ``grader.attention.interface`` stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Attention = Literal["sdpa", "ours"]


def attend_masked(query: Tensor, key: Tensor, value: Tensor, real: Tensor) -> Tensor:
    """Compute attention over padded keys with PyTorch's kernel.

    Args:
        query: (B, H, T, D).
        key: (B, H, S, D).
        value: (B, H, S, D).
        real: (B, S) true where a key is not padding.

    Returns:
        (B, T, H, D).
    """
    from torch.nn import functional

    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None, :])
    return mixed.transpose(1, 2)


def attend_packed(query: Tensor, key: Tensor, value: Tensor, real: Tensor) -> Tensor:
    """Compute the same with ``grader.attention``: the real keys packed, so that no mask is needed.

    Every query of a row sees every real key of it; on the CPU by tiles, on a CUDA device by the Triton kernels.

    Args:
        query: As in :func:`attend_masked`.
        key: As in :func:`attend_masked`.
        value: As in :func:`attend_masked`.
        real: As in :func:`attend_masked`.

    Returns:
        (B, T, H, D).
    """
    import torch

    from grader.attention import attend_varlen

    rows, heads, length, size = query.shape
    ends_q = torch.arange(rows + 1, dtype=torch.int32, device=query.device) * length
    ends_k = torch.nn.functional.pad(real.sum(1).cumsum(0), (1, 0)).int()
    queries = query.transpose(1, 2).flatten(0, 1)
    mixed = attend_varlen(queries, key.transpose(1, 2)[real], value.transpose(1, 2)[real], ends_q, ends_k)
    return mixed.view(rows, length, heads, size)
