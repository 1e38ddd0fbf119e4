"""Which attention the grader's models run on: PyTorch's (``sdpa``), or that of ``grader.attention`` (``ours``).

The embedded tier's models have layers of their own (``grader.packed``) that call one of these two functions; the judge
looks its attention up in transformers, where ``grader.attention.interface`` stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from grader.packing import Packing

Attention = Literal["sdpa", "ours"]


def attend_sdpa(
    packing: Packing, query: Tensor, key: Tensor, value: Tensor, masks: Sequence[Tensor] | None = None
) -> Tensor:
    """Compute attention inside each of many packed texts with PyTorch's kernel, texts of one shape together.

    Args:
        packing: Where the texts lie, and what each attends to.
        query: (tokens, heads, D).
        key: (offset + tokens, heads, D).
        value: Likewise.
        masks: For each of the packing's groups what is added to its scores (B, heads, T, S); without, a key counts
            unless it is padding.

    Returns:
        (tokens, heads · D).
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    outs = []
    for place, group in enumerate(packing.groups):
        rows = (query, group.queries), (key, group.keys), (value, group.keys)
        q, k, v = (states[places].transpose(1, 2) for states, places in rows)
        mask = group.real[:, None, None] if masks is None else masks[place]
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        outs.append(mixed.transpose(1, 2).flatten(2).flatten(0, 1))
    return torch.cat(outs)[packing.unpad]


def attend_ours(packing: Packing, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute the same with ``grader.attention``: no padding; on the CPU by tiles, on CUDA by the Triton kernels.

    Args:
        packing: As in :func:`attend_sdpa`.
        query: As in :func:`attend_sdpa`.
        key: As in :func:`attend_sdpa`.
        value: As in :func:`attend_sdpa`.

    Returns:
        (tokens, heads · D).
    """
    from grader.attention import attend_varlen

    ends_q, ends_k, chosen = packing.ends
    return attend_varlen(query, key[chosen], value[chosen], ends_q, ends_k).flatten(1)
