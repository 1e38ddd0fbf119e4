"""The tiers' encoders without transformers, whose import takes longer than reading an answer.

Its parameters have the names of ``transformers.BertModel``, as the weights that training made have; ``grader.packed``
computes its layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grader.e5 import Shape, four_bit_embedding, read_checkpoint, read_state


class Table(nn.Module):
    """An embedding whose weights are loaded: torch's own draws them first, for which it imports its compiler."""

    def __init__(self, rows: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, hidden))

    def forward(self, ids: Tensor) -> Tensor:
        """Rows (ids, hidden)."""
        return self.weight[ids]


class Embeddings(nn.Module):
    """First states: word, position and token type, added up and normalised."""

    def __init__(self, shape: Shape, words: nn.Module) -> None:
        super().__init__()
        self.word_embeddings = words
        self.position_embeddings = Table(shape.positions, shape.hidden)
        self.token_type_embeddings = Table(shape.token_types, shape.hidden)
        self.LayerNorm = nn.LayerNorm(shape.hidden, eps=shape.epsilon)

    def forward(self, ids: Tensor, kinds: Tensor, places: Tensor) -> Tensor:
        """States (tokens, hidden) of token ids, types and positions (tokens,)."""
        total = self.word_embeddings(ids) + self.token_type_embeddings(kinds) + self.position_embeddings(places)
        states: Tensor = self.LayerNorm(total)
        return states


class SelfAttention(nn.Module):
    """Projections to queries, keys and values."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(shape.hidden, shape.hidden) for _ in range(3))


class Projected(nn.Module):
    """A projection; where it ends a step, with the normalisation after it."""

    def __init__(self, inputs: int, outputs: int, epsilon: float | None = None) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        if epsilon is not None:
            self.LayerNorm = nn.LayerNorm(outputs, eps=epsilon)


class Attention(nn.Module):
    """Attention and what follows it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self = SelfAttention(shape)
        self.output = Projected(shape.hidden, shape.hidden, shape.epsilon)


class Layer(nn.Module):
    """One layer's weights."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = Attention(shape)
        self.intermediate = Projected(shape.hidden, shape.feed_forward)
        self.output = Projected(shape.feed_forward, shape.hidden, shape.epsilon)


class Layers(nn.Module):
    """All layers, lowest first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(shape) for _ in range(shape.layers))


class Encoder(nn.Module):
    """The weights of a BERT: multilingual-e5-small, or mpnet without its bias.

    Args:
        shape: Sizes.
        words: Looks token ids (...,) up; gives (..., hidden).
    """

    def __init__(self, shape: Shape, words: nn.Module) -> None:
        super().__init__()
        self.shape = shape
        self.embeddings = Embeddings(shape, words)
        self.encoder = Layers(shape)

    @property
    def layers(self) -> list[Layer]:
        """Lowest first."""
        return [layer for layer in self.encoder.layer if isinstance(layer, Layer)]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embeddings.LayerNorm.weight.device


def build_encoder() -> Encoder:
    """Build the encoder on the CPU in float32 from its carrier package.

    Raises:
        ModelUnavailableError: The carrier is missing or damaged.
    """
    checkpoint = read_checkpoint()
    words = four_bit_embedding(checkpoint)
    with torch.device("meta"):
        encoder = Encoder(checkpoint.shape, nn.Module())
    encoder.embeddings.word_embeddings = words
    state = {name: torch.from_numpy(array) for name, array in read_state(checkpoint).items()}
    encoder.load_state_dict(state, assign=True)
    return encoder.eval()
