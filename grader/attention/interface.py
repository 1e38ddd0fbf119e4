"""Lets models of transformers run on this package's attention.

``use_attention(model)`` switches every attention layer; ``encode_packed(model, input_ids, mask)`` then
runs it on the tokens alone, without computing anything on padding.

A model whose attention this package cannot express is refused, never quietly computed otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import bidirectional_mask_function, causal_mask_function

from grader.attention.api import attend, attend_varlen
from grader.attention.validate import ArgumentError, ImplUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

NAME = "grader"
"""What ``attn_implementation`` calls this package's attention."""

# Options of transformers that change the result and that this package does not compute.
_FOREIGN = ("softcap", "s_aux", "position_bias", "sliding_window", "output_attentions")


def register_attention() -> str:
    """Make this package's attention known to transformers; calling it again changes nothing.

    Returns:
        The name to pass as ``attn_implementation``.
    """
    AttentionInterface.register(NAME, attend_layer)
    AttentionMaskInterface.register(NAME, padding_mask)
    return NAME


def use_attention(model: PreTrainedModel) -> None:
    """Switch every attention layer of a model to this package's attention.

    Args:
        model: An encoder or decoder that looks its attention up in transformers' AttentionInterface.

    Raises:
        ImplUnavailableError: The model has attention of its own that cannot be replaced, as MPNet has.
    """
    name = register_attention()
    model.set_attn_implementation(name)
    if model.config._attn_implementation != name:  # noqa: SLF001 - transformers has no public way to ask
        kind = type(model).__name__
        raise ImplUnavailableError(f"model: {kind} does not look its attention up in AttentionInterface")


def encode_packed(
    model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
) -> Tensor:
    """Run an encoder on the tokens alone, packed one sequence behind the other, without padding.

    Args:
        model: A bare BERT, RoBERTa or XLM-RoBERTa encoder after :func:`use_attention`.
        input_ids: Integer (B, T).
        attention_mask: (B, T), nonzero at tokens.
        token_type_ids: Integer (B, T); zeros by default.

    Returns:
        Last hidden state (B, T, hidden), zero at padding.

    Raises:
        ArgumentError: The shapes differ, or the model does not run on this package's attention.
        ImplUnavailableError: The positions that the model numbers its tokens with are not known.
    """
    if attention_mask.shape != input_ids.shape:
        expected = tuple(input_ids.shape)
        raise ArgumentError(f"attention_mask: must have shape {expected}, got {tuple(attention_mask.shape)}")
    config = model.config
    if config._attn_implementation != NAME:  # noqa: SLF001 - transformers has no public way to ask
        raise ArgumentError(f"model: must run on attention {NAME!r}, got {config._attn_implementation!r}")  # noqa: SLF001
    mask = attention_mask.bool()
    offsets = _offsets(mask)
    types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
    hidden: Tensor = model(
        input_ids=input_ids[mask][None],
        token_type_ids=types[mask][None],
        position_ids=_positions(model, mask)[mask][None],
        cu_seq_lens_q=offsets,
        cu_seq_lens_k=offsets,
    ).last_hidden_state[0]
    out = hidden.new_zeros(*mask.shape, hidden.shape[-1])
    out[mask] = hidden
    return out


def attend_layer(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    cu_seq_lens_q: Tensor | None = None,
    cu_seq_lens_k: Tensor | None = None,
    key_index: Tensor | None = None,
    **options: object,
) -> tuple[Tensor, None]:
    """Compute one attention layer; called by transformers.

    Args:
        module: The layer.
        query: (B, H, T, D).
        key: (B, G, S, D).
        value: (B, G, S, D).
        attention_mask: What :func:`padding_mask` made: boolean (B, S), true at tokens; or ``None``.
        dropout: Must be 0.
        scaling: Factor on the logits.
        is_causal: Whether a query sees only keys up to its own position; the layer knows by default.
        cu_seq_lens_q: Where B = 1 holds packed sequences: 0, then the end of each.
        cu_seq_lens_k: The same for the keys.
        key_index: Where packed sequences share keys: integer (M,), which of the S keys each of them sees, sequence
            after sequence, cut at ``cu_seq_lens_k``.
        options: Others of transformers.

    Returns:
        (B, T, H, D), and no attention weights: they never exist all at once.

    Raises:
        ArgumentError: An option asks for something that this attention does not compute.
    """
    foreign = [name for name in _FOREIGN if options.get(name) is not None and options[name] is not False]
    if dropout or foreign:
        raise ArgumentError(f"attention {NAME!r}: does not compute {', '.join(foreign) or f'dropout={dropout}'}")
    # A layer that does not say is causal: the rule of transformers' own interfaces.
    causal = bool(getattr(module, "is_causal", True)) if is_causal is None else is_causal
    by_token = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    if attention_mask is not None:
        return _attend_padded(*by_token, attention_mask, causal=causal, scale=scaling), None
    if cu_seq_lens_q is None:
        return attend(query, key, value, causal=causal, scale=scaling).transpose(1, 2).contiguous(), None
    if query.shape[0] != 1:
        raise ArgumentError(f"query: packed sequences come as a batch of 1, got {query.shape[0]}")
    query, key, value = (x[0] for x in by_token)
    if key_index is not None:
        key, value = key[key_index], value[key_index]
    out = attend_varlen(query, key, value, cu_seq_lens_q, cu_seq_lens_k, causal=causal, scale=scaling)
    return out[None], None


def padding_mask(
    *,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: Callable[..., object] = causal_mask_function,
    attention_mask: Tensor | None = None,
    **_: object,
) -> Tensor | None:
    """Keep a padding mask as it is, (B, S): nothing of size (T, S) is made; called by transformers.

    Args:
        q_length: T.
        kv_length: S.
        q_offset: Position of the first query.
        kv_offset: Position of the first key.
        mask_function: Which keys a query sees, beside padding.
        attention_mask: Boolean (B, S), true at tokens.

    Returns:
        ``None`` where nothing is padded.

    Raises:
        ArgumentError: The mask is neither bidirectional nor causal up to the last key.
    """
    if mask_function not in (bidirectional_mask_function, causal_mask_function):
        raise ArgumentError(f"attention {NAME!r}: masks must be bidirectional or causal, got {mask_function}")
    if mask_function is causal_mask_function and q_offset + q_length != kv_offset + kv_length:
        end = f"queries end at {q_offset + q_length}, keys at {kv_offset + kv_length}"
        raise ArgumentError(f"attention {NAME!r}: the last query must see the last key, got {end}")
    if attention_mask is None or attention_mask.all():
        return None
    if attention_mask.ndim != 2 or attention_mask.shape[1] != kv_length:  # noqa: PLR2004 - batch and keys
        expected = f"(B, {kv_length})"
        raise ArgumentError(f"attention_mask: must have shape {expected}, got {tuple(attention_mask.shape)}")
    return attention_mask


def _attend_padded(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, *, causal: bool, scale: float | None
) -> Tensor:
    """Compute a padded batch, (B, T, H, D) against (B, S, G, D), without touching padded keys."""
    if mask.dtype != torch.bool or mask.shape != key.shape[:2]:
        got = f"{mask.dtype} {tuple(mask.shape)}"
        raise ArgumentError(f"attention_mask: must be boolean {tuple(key.shape[:2])}, got {got}")
    # Causal queries are the last keys and align with them only without padding between; others see every key.
    rows = mask[:, key.shape[1] - query.shape[1] :] if causal else mask.new_ones(query.shape[:2])
    out = query.new_zeros(query.shape)
    out[rows] = attend_varlen(
        query[rows], key[mask], value[mask], _offsets(rows), _offsets(mask), causal=causal, scale=scale
    )
    return out


def _offsets(mask: Tensor) -> Tensor:
    """Find where the tokens of each row end when all rows are packed: int32 (B + 1)."""
    ends = mask.sum(1).cumsum(0)
    return torch.cat([ends.new_zeros(1), ends]).int()


def _positions(model: PreTrainedModel, mask: Tensor) -> Tensor:
    """Number the tokens of a padded batch as the model itself would, (B, T)."""
    kind = model.config.model_type
    if kind == "bert":
        return torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
    if kind in {"roberta", "xlm-roberta"}:
        return mask.cumsum(1) + int(model.config.pad_token_id)
    raise ImplUnavailableError(f"model: packing knows bert, roberta and xlm-roberta; got {kind!r}")
