"""Low-rank updates of frozen linear layers (arXiv:2106.09685)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

SCALE = 2.0  # an update counts so many times: alpha over rank


class LoRA(nn.Module):
    """A frozen linear layer plus a trained low-rank update.

    Args:
        base: The layer; its parameters are left as they are.
        rank: Of the update.
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply layer and update to (..., in_features); the product of the update is summed where it is computed."""
        rows = x.reshape(-1, x.shape[-1])
        narrow = F.linear(rows, self.a.to(x.dtype))
        update = self.b.to(x.dtype).t() * SCALE
        return torch.addmm(self.base(rows), narrow, update).view(*x.shape[:-1], -1)


def add_lora(root: nn.Module, rank: int, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Put an update on every linear layer.

    Args:
        root: Changed in place.
        rank: Of every update.
        wanted: Takes the name of the module that holds a layer; says whether its layers get one.
    """
    for name, module in list(root.named_modules()):
        for child, layer in list(module.named_children()):
            if isinstance(layer, nn.Linear) and wanted(name):
                setattr(module, child, LoRA(layer, rank))
