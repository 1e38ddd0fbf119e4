"""The pair model's weights: files that ship with the package, checked, and put on the carrier's encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.shipped import read_shipped

if TYPE_CHECKING:
    from torch import Tensor

    from grader.encoder import Encoder
    from grader.pair_head import PairHead

WEIGHTS = Path(__file__).parent / "weights" / "pair-e5"
TENSORS = "pair.safetensors"


@dataclass(frozen=True)
class PairWeights:
    """What training made, in float32 on the processor.

    Args:
        encoder: With what training changed.
        head: The classifier.
        apart: Lower layers that read the answer alone.
        revision: What identifies the weights in a receipt.
    """

    encoder: Encoder
    head: PairHead
    apart: int
    revision: str


def read_pair_weights() -> PairWeights:
    """Build the model anew from the carrier's encoder and the package's own files.

    Raises:
        ModelUnavailableError: A file is missing or not the one that the card names.
    """
    from safetensors.torch import load

    from grader.e5 import SHA256
    from grader.encoder import build_encoder
    from grader.pair_head import PairHead

    weights, (hidden, apart) = read_shipped(
        WEIGHTS,
        TENSORS,
        lambda card: (int(card["hidden"]), int(card["apart"])),
        "the embedded tier's weights cannot be had ({}): {}; reinstall the grader",
    )
    saved = load(weights.data)
    encoder, head = build_encoder(), PairHead(hidden)
    head.load_state_dict(
        {name.removeprefix("head."): t.float() for name, t in saved.items() if name.startswith("head.")}
    )
    _add_deltas(encoder, saved)
    return PairWeights(encoder, head.eval(), apart, f"{SHA256[:12]}+{weights.digest[:12]}")


def _add_deltas(encoder: Encoder, saved: dict[str, Tensor]) -> None:
    """Add what training changed; a matrix in eight bits comes with a scale for each row."""
    import torch

    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            delta = saved.get(f"encoder.{name}")
            if delta is not None:
                scale = saved.get(f"encoder.{name}.scale")
                parameter.add_(delta.float() if scale is None else delta.float() * scale.float())
