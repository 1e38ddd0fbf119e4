"""Texts to unit vectors, for finding which of a learner's own words carry a point.

The embedding is multilingual-e5-small (Wang et al., arXiv:2402.05672) as it comes, in English and Spanish alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np


if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import BertModel

    from grader.e5 import E5Tokenizer

PREFIX = "query: "  # the model's own mark for texts that are compared with each other
MAX_TOKENS = 256
STEP = 32
ROWS = 8


class Embedder:
    """Encodes texts; a vector depends on its text alone, not on the batch.

    Args:
        model: The encoder.
        tokenizer: Of the encoder.
    """

    def __init__(self, model: BertModel, tokenizer: E5Tokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (texts, 384); texts over 256 tokens are cut.

        Args:
            texts: Any number, in any order.
        """
        import torch

        rows = [[0, *ids[: MAX_TOKENS - 2], 2] for ids in self._tokenizer.ids([PREFIX + text for text in texts])]
        out = np.zeros((len(rows), self._model.config.hidden_size), dtype=np.float32)
        groups: dict[int, list[int]] = {}
        for index, ids in enumerate(rows):
            groups.setdefault(-(-len(ids) // STEP) * STEP, []).append(index)
        with torch.inference_mode():
            for width, members in groups.items():
                for start in range(0, len(members), ROWS):
                    chunk = members[start : start + ROWS]
                    filled = [*chunk, *[chunk[-1]] * (ROWS - len(chunk))]
                    ids = torch.tensor([rows[i] + [1] * (width - len(rows[i])) for i in filled])
                    mask = (ids != 1).long()
                    states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
                    means = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
                    out[chunk] = torch.nn.functional.normalize(means, dim=-1).numpy()[: len(chunk)]
        return out


@cache
def load_embedder() -> Embedder:
    """Load the embedded tier's encoder from its carrier package.

    Raises:
        ModelUnavailableError: The carrier is missing or damaged.
    """
    from grader.e5 import E5Tokenizer, build_model

    return Embedder(build_model(), E5Tokenizer())
