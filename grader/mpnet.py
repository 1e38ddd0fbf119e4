"""The accurate tier's model: MPNet (Song et al., arXiv:2004.09297) from the model hub, with what training added to it.

The base is found by hub id at one revision and its files are checked; low-rank updates and the classifier ship in
``grader/weights/mpnet``. Its layers are those of a BERT, so ``grader.encoder`` holds their weights and
``grader.packed`` computes them; besides, every attention score has a bias by how far apart the two tokens stand.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grader.e5 import Shape
from grader.errors import ModelUnavailableError
from grader.hub import Encode, find_file, plain_encoder
from grader.judge.adapter import dequantise
from grader.shipped import read_shipped

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from grader.encoder import Encoder
    from grader.pair_head import PairHead

REPO_ID = "sentence-transformers/all-mpnet-base-v2"
REVISION = "e8c3b32edf5434bc2275fc9bab85f82640a19130"
TENSORS, TOKENIZER = "model.safetensors", "tokenizer.json"
SHA256 = {
    TENSORS: "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    TOKENIZER: "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
}
WEIGHTS = Path(__file__).parent / "weights" / "mpnet"
ADAPTER = "adapter.safetensors"
EPSILON = 1e-5
FIRST_PLACE = 2  # row of the position table that a text's first token has
NEAR, FARTHEST = 8, 15  # distances that have a bucket each, and the last bucket of either direction
PARTS = {
    "attention.attn.q.": "attention.self.query.",
    "attention.attn.k.": "attention.self.key.",
    "attention.attn.v.": "attention.self.value.",
    "attention.attn.o.": "attention.output.dense.",
    "attention.LayerNorm.": "attention.output.LayerNorm.",
}
"""What the base's file calls a part of a layer -> what ``grader.encoder`` does."""
BIAS = "encoder.relative_attention_bias.weight"
HEAD = "head."


@dataclass(frozen=True)
class Mpnet:
    """The model in float32 on the processor.

    Args:
        encoder: With what training added.
        bias: (heads, 2 · reach + 1), as ``grader.packed.PackedEncoder`` takes it.
        head: The classifier.
        encode: Texts to token ids without special tokens.
        revision: What identifies the weights in a receipt.
    """

    encoder: Encoder
    bias: Tensor
    head: PairHead
    encode: Encode
    revision: str


@dataclass(frozen=True)
class Added:
    """What training added.

    Args:
        tensors: ``encoder.layer.0.attention.attn.q.a`` (rank, in) and ``.b`` (out, rank), named as in the base, and
            ``head.…``.
        scale: An update counts this many times.
        digest: SHA-256 hex that the file and the scale decide.
    """

    tensors: Mapping[str, Tensor]
    scale: float
    digest: str


def read_mpnet() -> Mpnet:
    """Build the model anew from the hub's files and the package's own.

    Raises:
        ModelUnavailableError: A file cannot be had, or is not the one that it should be.
    """
    from safetensors.torch import load_file

    added = read_added()
    tensors, tokenizer = find_base(TENSORS), find_base(TOKENIZER)
    return build_mpnet(load_file(tensors), added, plain_encoder(tokenizer.read_text(encoding="utf-8")))


def build_mpnet(base: Mapping[str, Tensor], added: Added, encode: Encode) -> Mpnet:
    """Put the parts together.

    Args:
        base: Tensors of an MPNet of any size, by the names that transformers gives them.
        added: Of the same size.
        encode: Of its tokenizer.

    Raises:
        ModelUnavailableError: The parts do not fit one another.
    """
    from grader.pair_head import PairHead

    try:
        encoder, bias = build_encoder(merged(base, added))
        head = PairHead(encoder.shape.hidden)
        parts = {name: tensor.float() for name, tensor in added.tensors.items() if name.startswith(HEAD)}
        head.load_state_dict({name.removeprefix(HEAD): tensor for name, tensor in parts.items()})
    except (KeyError, RuntimeError) as error:
        raise ModelUnavailableError(f"{WEIGHTS / ADAPTER} does not fit {REPO_ID}; reinstall the grader") from error
    return Mpnet(encoder, bias, head.eval(), encode, f"mpnet:{SHA256[TENSORS][:12]}+{added.digest[:12]}")


def read_added() -> Added:
    """Read what training added.

    Raises:
        ModelUnavailableError: A file is missing, damaged or not the one that the card names.
    """
    from safetensors.torch import load

    weights, scale = read_shipped(
        WEIGHTS,
        ADAPTER,
        _finite_scale,
        "the accurate tier's weights cannot be had ({}): {}; reinstall the grader, or use --tier embedded",
    )
    digest = hashlib.sha256(f"{weights.digest} {scale}".encode()).hexdigest()
    return Added(dequantise(load(weights.data)), scale, digest)


def _finite_scale(card: Mapping[str, Any]) -> float:
    scale = float(card["scale"])
    if not math.isfinite(scale):
        raise ValueError(scale)
    return scale


def find_base(name: str) -> Path:
    """Find one of the base's files through the hub client and check it.

    Raises:
        ModelUnavailableError: The hub cannot be reached and the file is not in its cache, or its SHA-256 differs.
    """
    lack = (
        f"the accurate tier needs {name} of {REPO_ID} (its weights are 440 MB), which is not in the hub cache and "
        f"cannot be downloaded ({{}}): run `hf download {REPO_ID} {TENSORS} {TOKENIZER} --revision {REVISION}` "
        "where the hub can be reached, or use the embedded tier"
    )
    return find_file(REPO_ID, name, SHA256[name], lack=lack, revision=REVISION)


def merged(base: Mapping[str, Tensor], added: Added) -> dict[str, Tensor]:
    """Add the updates to the matrices that they belong to, in float32.

    Raises:
        KeyError: The base has no such matrix.
        RuntimeError: It has another shape.
    """
    out = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in base.items()}
    for name, wide in added.tensors.items():
        layer, _, part = name.rpartition(".")
        if part == "b":
            update = wide.float() @ added.tensors[f"{layer}.a"].float()
            out[f"{layer}.weight"] = out[f"{layer}.weight"].add(update, alpha=added.scale)
    return out


def build_encoder(state: Mapping[str, Tensor]) -> tuple[Encoder, Tensor]:
    """Build the encoder, and its bias (heads, 2 · positions + 1).

    Args:
        state: By the names that transformers' MPNetModel gives them; of any size.
    """
    import torch

    from grader.encoder import Encoder, Table

    words, places = state["embeddings.word_embeddings.weight"], state["embeddings.position_embeddings.weight"]
    layers = {name.split(".")[2] for name in state if name.startswith("encoder.layer.")}
    shape = Shape(
        hidden=words.shape[1],
        layers=len(layers),
        heads=state[BIAS].shape[1],
        feed_forward=len(state["encoder.layer.0.intermediate.dense.weight"]),
        vocabulary=len(words),
        positions=len(places) - FIRST_PLACE,
        token_types=1,
        epsilon=EPSILON,
    )
    known = {
        "embeddings.word_embeddings.weight": words,
        "embeddings.position_embeddings.weight": places[FIRST_PLACE:],
        "embeddings.token_type_embeddings.weight": words.new_zeros(1, shape.hidden),
    }
    known |= {name: tensor for name, tensor in state.items() if name.startswith("embeddings.LayerNorm.")}
    known |= {_renamed(name): tensor for name, tensor in state.items() if name.startswith("encoder.layer.")}
    with torch.device("meta"):
        encoder = Encoder(shape, Table(shape.vocabulary, shape.hidden))
    encoder.load_state_dict(known, assign=True)
    distances = np.arange(-shape.positions, shape.positions + 1)
    return encoder.eval(), state[BIAS][torch.from_numpy(buckets(distances))].t().contiguous()


def _renamed(name: str) -> str:
    for theirs, ours in PARTS.items():
        name = name.replace(theirs, ours)
    return name


def buckets(distances: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which bias belongs to a distance: each up to 7 has its own, from 8 on every doubling has two, up to 128.

    Args:
        distances: Of the key behind the query; below zero where it stands before it.
    """
    far = np.abs(distances)
    doublings = np.floor(np.log2((far / NEAR).clip(1) ** 2)).astype(np.int64)
    found: NDArray[np.int64] = np.where(far < NEAR, far, np.minimum(NEAR + doublings, FARTHEST))
    return found + np.where(distances > 0, FARTHEST + 1, 0)
