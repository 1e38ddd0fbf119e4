"""An MPNet with random weights, small enough to build anew for each test, and a tokenizer of a few words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from pair_cases import WORDS

from grader.hub import plain_encoder
from grader.mpnet import Added
from grader.pair_head import PairHead

if TYPE_CHECKING:
    from transformers import MPNetModel

SPECIAL = ("<s>", "<pad>", "</s>", "[UNK]")
TOKENIZER = json.dumps(
    {
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {
            "strategy": {"Fixed": 8},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 1,
            "pad_type_id": 0,
            "pad_token": "<pad>",
        },
        "added_tokens": [
            {
                "id": place,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for place, token in enumerate(SPECIAL)
        ],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: place for place, word in enumerate((*SPECIAL, *WORDS))},
            "unk_token": "[UNK]",
        },
    }
)
encode = plain_encoder(TOKENIZER)
HIDDEN, HEADS, RANK = 32, 4, 4


def tiny_model(seed: int = 0) -> MPNetModel:
    """Three layers whose attention and biases are far from even."""
    from transformers import MPNetConfig, MPNetModel

    torch.manual_seed(seed)
    config = MPNetConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=HIDDEN,
        num_hidden_layers=3,
        num_attention_heads=HEADS,
        intermediate_size=48,
        max_position_embeddings=514,
        layer_norm_eps=1e-5,
    )
    model = MPNetModel(config, add_pooling_layer=False).eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def random_updates(model: MPNetModel, seed: int = 1) -> Added:
    """Updates of some matrices, and a classifier."""
    torch.manual_seed(seed)
    tensors = {f"head.{name}": tensor for name, tensor in PairHead(HIDDEN).state_dict().items()}
    for name, matrix in model.state_dict().items():
        if name.startswith("encoder.layer.") and matrix.ndim == 2:
            layer = name.removesuffix(".weight")
            tensors[f"{layer}.a"] = torch.randn(RANK, matrix.shape[1]) * 0.1
            tensors[f"{layer}.b"] = torch.randn(matrix.shape[0], RANK) * 0.1
    return Added(tensors, 2.0, "0" * 64)
