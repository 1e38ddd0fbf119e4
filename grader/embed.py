"""Texts to unit vectors, for finding which of a learner's own words carry a point.

The embedding is multilingual-e5-small (Wang et al., arXiv:2402.05672) as it comes, in English and Spanish alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from grader.e5 import BOS, EOS
from grader.model_attention import Attention
from grader.placement import Placement, find_placement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grader.e5 import E5Tokenizer
    from grader.encoder import Encoder

PREFIX = "query: "  # the model's own mark for texts that are compared with each other
MAX_TOKENS = 256


class Embedder:
    """Encodes texts, many at once (``grader.packed``), and yet a vector depends on its text alone.

    Args:
        model: The encoder.
        tokenizer: Of the encoder.
        attention: What it runs on.
        placement: Where it computes, and how precisely.
    """

    def __init__(
        self,
        model: Encoder,
        tokenizer: E5Tokenizer,
        attention: Attention = "sdpa",
        placement: Placement = Placement(),  # noqa: B008 -- frozen
    ) -> None:
        self._model, self._tokenizer, self._attention, self._products = model, tokenizer, attention, placement.products
        self._pack()

    def to(self, device: str) -> Embedder:
        """Move the weights, on the way to a GPU or back."""
        self._model.to(device)
        self._pack()
        return self

    def _pack(self) -> None:
        from grader.packed import PackedEncoder

        self._packed = PackedEncoder(self._model, self._attention, self._products)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (texts, 384); texts over 256 tokens are cut.

        Args:
            texts: Any number, in any order.

        Raises:
            torch.OutOfMemoryError: A GPU's memory does not suffice for one text.
        """
        from grader.packing import batches
        from grader.parallel import fair_share, in_parallel

        out = np.zeros((len(texts), self._model.shape.hidden), dtype=np.float32)
        ids = self._tokenizer.ids([PREFIX + text for text in texts])
        rows = [[BOS, *tokens[: MAX_TOKENS - 2], EOS] for tokens in ids]
        costs = [len(row) for row in rows]
        chunks = batches(costs, fair_share(sum(costs), self._packed.batch_tokens))
        done = in_parallel(self._encode, [[rows[i] for i in chunk] for chunk in chunks])
        for chunk, vectors in zip(chunks, done, strict=True):
            out[chunk] = vectors
        return out

    def _encode(self, rows: list[list[int]]) -> list[NDArray[np.float32]]:
        import torch

        from grader.packing import Packing

        packed = self._packed
        packing = Packing([len(row) for row in rows], packed.device)
        states = packed.run(packed.embed(rows, packing), range(len(packed.layers)), packing)
        everything = torch.ones(packing.tokens, dtype=torch.bool, device=packed.device)
        means = packing.means(states, everything)
        return list(torch.nn.functional.normalize(means, dim=1).float().cpu().numpy())


def load_embedder(attention: Attention = "sdpa") -> Embedder:
    """Load the embedded tier's encoder from its carrier package, once for each attention.

    It computes where ``grader.placement`` says.

    Args:
        attention: What it runs on.

    Raises:
        ModelUnavailableError: The carrier is missing or damaged.
    """
    return _load(attention, find_placement())


@cache
def _load(attention: Attention, placement: Placement) -> Embedder:
    from grader.e5 import load_tokenizer
    from grader.encoder import build_encoder

    return Embedder(build_encoder().to(placement.device), load_tokenizer(), attention, placement)
