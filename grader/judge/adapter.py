"""What training added to the base: low-rank updates and the classifier, in ``grader/weights/judge``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import ModelUnavailableError
from grader.judge.layout import LAYOUT_VERSION

if TYPE_CHECKING:
    from torch import Tensor, nn

    from grader.judge.head import JudgeHead

FACTS, CARD, SHARDS = "adapter.json", "card.json", "adapter-*-of-*.safetensors"


@dataclass(frozen=True)
class Adapter:
    """Trained tensors by name.

    Args:
        tensors: ``layers.0.self_attn.q_proj.a`` (rank, in) and ``.b`` (out, rank), relative to the base; ``head.…``;
            in float16 or float32.
        scale: An update counts this many times: alpha / rank.
        digest: SHA-256 hex of the files.
    """

    tensors: Mapping[str, Tensor]
    scale: float
    digest: str


def load_adapter(folder: Path) -> Adapter:
    """Read an adapter.

    Raises:
        ModelUnavailableError: A file is missing or damaged, or was made for another layout of the text.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not (folder / FACTS).is_file():
        raise ModelUnavailableError(
            f"the local judge's adapter is missing from {folder}: install the grader again, or ask the same model "
            f"without it: --judge prompt"
        )
    damaged = f"the judge's adapter in {folder} is damaged: install the grader again"
    try:
        raw = (folder / FACTS).read_bytes()
        facts = json.loads(raw)
        layout, scale = int(facts["layout"]), float(facts["alpha"]) / float(facts["rank"])
        files = {path.name: path.read_bytes() for path in sorted(folder.glob(SHARDS))}
        hashes = {name: hashlib.sha256(file).hexdigest() for name, file in files.items()}
        tensors = dequantise({name: tensor for file in files.values() for name, tensor in load(file).items()})
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ZeroDivisionError, SafetensorError) as error:
        raise ModelUnavailableError(damaged) from error
    if layout != LAYOUT_VERSION:
        raise ModelUnavailableError(f"the judge's adapter in {folder} reads layout {layout}, not {LAYOUT_VERSION}")
    whole = {f"adapter-{index}-of-{len(files)}.safetensors" for index in range(1, len(files) + 1)}
    if set(files) != whole or facts.get("sha256", hashes) != hashes:
        raise ModelUnavailableError(damaged)
    digest = hashlib.sha256("".join([hashlib.sha256(raw).hexdigest(), *hashes.values()]).encode()).hexdigest()
    return Adapter(tensors, scale, digest)


def dequantise(saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn eight-bit matrices back into numbers.

    Args:
        saved: A matrix of eight-bit integers has one factor a row, float16, under its name and ``.scale``; every
            other tensor is kept as it is.

    Raises:
        KeyError: A matrix has no factors.
        RuntimeError: It has not one for each row.
    """
    import torch

    eight = {name for name, tensor in saved.items() if tensor.dtype == torch.int8}
    scales = {f"{name}.scale" for name in eight}
    return {
        name: tensor.float() * saved[f"{name}.scale"].float().reshape(len(tensor), 1) if name in eight else tensor
        for name, tensor in saved.items()
        if name not in scales
    }


def merge(model: nn.Module, adapter: Adapter) -> None:
    """Add every update to the weight it belongs to, in float32, in place.

    Raises:
        ModelUnavailableError: The adapter names a layer that the model does not have, or one of another shape.
    """
    import torch

    layers = {name.removesuffix(".a") for name in adapter.tensors if name.endswith(".a")}
    with torch.no_grad():
        for layer in sorted(layers):
            try:
                weight = model.get_parameter(f"{layer}.weight")
                a, b = (adapter.tensors[f"{layer}.{part}"].to(weight.device, torch.float32) for part in "ab")
                weight.copy_(weight.float().addmm_(b, a, alpha=adapter.scale))
            except (AttributeError, KeyError, RuntimeError) as error:
                raise ModelUnavailableError(f"the judge's adapter does not fit its base at {layer!r}") from error


def build_head(adapter: Adapter, hidden: int, device: str) -> JudgeHead:
    """Build the classifier in float32.

    Args:
        adapter: Holds its tensors.
        hidden: Width of the base's states.
        device: ``cpu`` or ``cuda``.

    Raises:
        ModelUnavailableError: Its tensors are missing or of another shape.
    """
    from grader.judge.head import JudgeHead

    head = JudgeHead(hidden)
    tensors = {n.removeprefix("head."): t.float() for n, t in adapter.tensors.items() if n.startswith("head.")}
    try:
        head.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelUnavailableError(f"the judge's classifier does not fit its base: {error}") from error
    return head.to(device).eval().requires_grad_(requires_grad=False)
