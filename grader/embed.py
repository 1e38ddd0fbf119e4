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

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import BertModel

    from grader.e5 import E5Tokenizer

PREFIX = "query: "  # the model's own mark for texts that are compared with each other
MAX_TOKENS = 256


class Embedder:
    """Encodes texts one by one, so that a vector depends on its text alone.

    Args:
        model: The encoder.
        tokenizer: Of the encoder.
    """

    def __init__(self, model: BertModel, tokenizer: E5Tokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer

    def to(self, device: str) -> Embedder:
        """Move the weights, on the way to a GPU or back."""
        self._model.to(device)  # type: ignore[arg-type]  # transformers types its wrapper of this badly
        return self

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (texts, 384); texts over 256 tokens are cut.

        Args:
            texts: Any number, in any order.
        """
        import torch

        out = np.zeros((len(texts), self._model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for index, tokens in enumerate(self._tokenizer.ids([PREFIX + text for text in texts])):
                row = [BOS, *tokens[: MAX_TOKENS - 2], EOS]
                states = self._model(input_ids=torch.tensor([row], device=self._model.device)).last_hidden_state[0]
                out[index] = torch.nn.functional.normalize(states.mean(0), dim=0).cpu().numpy()
        return out


def load_embedder(attention: Attention = "sdpa") -> Embedder:
    """Load the embedded tier's encoder from its carrier package, once for each attention.

    Args:
        attention: What it runs on.

    Raises:
        ModelUnavailableError: The carrier is missing or damaged.
    """
    return _load(attention)


@cache
def _load(attention: Attention) -> Embedder:
    from grader.e5 import build_model, load_tokenizer

    model = build_model()
    if attention == "ours":
        from grader.attention.interface import use_attention

        use_attention(model)
    return Embedder(model, load_tokenizer())
