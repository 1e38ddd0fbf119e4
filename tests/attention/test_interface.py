"""Models of transformers give the same on this attention as on PyTorch's, padded and packed."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from grader.attention import ArgumentError, ImplUnavailableError, attend
from grader.attention.interface import NAME, attend_layer, encode_packed, padding_mask, use_attention

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "vocab_size": 60,
    "pad_token_id": 0,
}
# Hidden states are near 1; two layers of float32 products over at most 48 terms leave some dozen roundings.
CLOSE = {"rtol": 0, "atol": 64 * torch.finfo(torch.float32).eps}


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(1, 60, (4, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    mask[2, 1:] = 0
    return ids * mask, mask


def _model(kind: type[PreTrainedModel], config: type[PreTrainedConfig], **sizes: int) -> PreTrainedModel:
    torch.manual_seed(0)
    return kind(config(**SIZES, **sizes)).eval()


ENCODERS = [(BertModel, BertConfig), (XLMRobertaModel, XLMRobertaConfig)]


@pytest.mark.parametrize(("kind", "config"), ENCODERS)
@torch.no_grad()
def test_an_encoder_gives_the_same_padded_and_packed(batch, kind, config):
    model = _model(kind, config)
    ids, mask = batch
    theirs = model(ids, attention_mask=mask).last_hidden_state
    use_attention(model)
    torch.testing.assert_close(model(ids, attention_mask=mask).last_hidden_state, theirs, **CLOSE)
    packed = encode_packed(model, ids, mask)
    tokens = mask.bool()
    torch.testing.assert_close(packed[tokens], theirs[tokens], **CLOSE)
    assert not packed[~tokens].any()


@torch.no_grad()
def test_padding_on_the_left_and_token_types_are_kept(batch):
    model = _model(BertModel, BertConfig)
    ids, mask = (x.flip(1) for x in batch)
    types = (ids % 2) * mask
    theirs = model(ids, attention_mask=mask, token_type_ids=types).last_hidden_state
    use_attention(model)
    packed = encode_packed(model, ids, mask, types)
    torch.testing.assert_close(packed[mask.bool()], theirs[mask.bool()], **CLOSE)


@pytest.mark.parametrize("padding", ["none", "right", "left"])
@torch.no_grad()
def test_a_decoder_gives_the_same_at_once_and_from_its_cache(batch, padding):
    model = _model(Qwen2Model, Qwen2Config, num_key_value_heads=2)
    ids, mask = batch
    if padding == "none":
        mask = torch.ones_like(mask)
    elif padding == "left":
        ids, mask = ids.flip(1), mask.flip(1)
    theirs = model(ids, attention_mask=mask).last_hidden_state[mask.bool()]
    use_attention(model)
    torch.testing.assert_close(model(ids, attention_mask=mask).last_hidden_state[mask.bool()], theirs, **CLOSE)
    if padding != "right":
        start = model(ids[:, :-2], attention_mask=mask[:, :-2], use_cache=True)
        end = model(ids[:, -2:], attention_mask=mask, cache=start.cache).last_hidden_state
        whole = torch.empty(*ids.shape, 32)
        whole[:, :-2], whole[:, -2:] = start.last_hidden_state, end
        torch.testing.assert_close(whole[mask.bool()], theirs, **CLOSE)


def test_gradients_reach_the_weights(batch):
    ids, mask = batch
    grads = []
    for ours in (False, True):
        model = _model(BertModel, BertConfig)
        if ours:
            use_attention(model)
        model(ids, attention_mask=mask).last_hidden_state[mask.bool()].square().sum().backward()
        grads.append(model.encoder.layer[0].attention.self.key.weight.grad)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-4)


def test_a_model_with_attention_of_its_own_is_refused():
    with pytest.raises(ImplUnavailableError, match="model: MPNetModel does not look its attention up"):
        use_attention(_model(MPNetModel, MPNetConfig))


def test_packing_is_refused_where_it_would_be_wrong(batch):
    ids, mask = batch
    model = _model(BertModel, BertConfig)
    with pytest.raises(ArgumentError, match="model: must run on attention 'grader', got 'sdpa'"):
        encode_packed(model, ids, mask)
    use_attention(model)
    with pytest.raises(ArgumentError, match=r"attention_mask: must have shape \(4, 12\), got \(4, 11\)"):
        encode_packed(model, ids, mask[:, 1:])
    decoder = _model(Qwen2Model, Qwen2Config, num_key_value_heads=2)
    use_attention(decoder)
    with pytest.raises(ImplUnavailableError, match="packing knows bert, roberta and xlm-roberta; got 'qwen2'"):
        encode_packed(decoder, ids, mask)


def test_options_that_would_change_the_result_are_refused():
    tensors = [torch.zeros(1, 2, 3, 4)] * 3
    for options, message in (
        ({"softcap": 30.0}, "does not compute softcap"),
        ({"s_aux": torch.zeros(2)}, "does not compute s_aux"),
        ({"dropout": 0.1}, "does not compute dropout=0.1"),
        ({"output_attentions": True}, "does not compute output_attentions"),
    ):
        with pytest.raises(ArgumentError, match=f"attention '{NAME}': {message}"):
            attend_layer(torch.nn.Module(), *tensors, None, **options)
    with pytest.raises(ArgumentError, match="attention_mask: must be boolean"):
        attend_layer(torch.nn.Module(), *tensors, torch.zeros(1, 1, 3, 3))
    ends = torch.tensor([0, 3])
    with pytest.raises(ArgumentError, match="query: packed sequences come as a batch of 1, got 2"):
        attend_layer(torch.nn.Module(), *[torch.zeros(2, 2, 3, 4)] * 3, None, cu_seq_lens_q=ends, is_causal=False)


def test_packed_sequences_may_share_keys():
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(1, 4, 3, 8, generator=generator)
    key, value = torch.randn(2, 1, 2, 5, 8, generator=generator)
    ends = {"cu_seq_lens_q": torch.tensor([0, 1, 3]), "cu_seq_lens_k": torch.tensor([0, 3, 7])}
    seen = ([0, 1, 2], [0, 1, 3, 4])
    packed, _ = attend_layer(
        torch.nn.Module(), query, key, value, None, is_causal=True, key_index=torch.tensor(seen[0] + seen[1]), **ends
    )
    for rows, keys in zip((slice(0, 1), slice(1, 3)), seen, strict=True):
        alone = attend(query[:, :, rows], key[:, :, keys], value[:, :, keys], causal=True)
        assert torch.equal(packed[:, rows], alone.transpose(1, 2))


def test_masks_that_are_neither_bidirectional_nor_causal_to_the_end_are_refused():
    with pytest.raises(ArgumentError, match="masks must be bidirectional or causal, got"):
        padding_mask(q_length=3, kv_length=3, mask_function=lambda *_: True)
    with pytest.raises(ArgumentError, match="queries end at 3, keys at 8"):
        padding_mask(q_length=3, kv_length=8)
    assert padding_mask(q_length=3, kv_length=3, attention_mask=torch.ones(2, 3, dtype=torch.bool)) is None
