"""Where the tiers' models compute, and in which precision: two environment variables say so.

``GRADER_DEVICE=cuda`` moves them to a GPU. Products and attention are computed in bfloat16 where the hardware
multiplies it (AVX-512 BF16 or AMX, a GPU), which takes half the time, and in float32 elsewhere; ``GRADER_PRECISION``
says otherwise. In bfloat16 a probability moves by at most .02, and an answer between two verdicts may fall on the other
side. Receipts name what differs from float32 on the processor.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from grader.errors import ModelUnavailableError

if TYPE_CHECKING:
    import torch

DEVICE, PRECISION = "GRADER_DEVICE", "GRADER_PRECISION"
CPU, CUDA = "cpu", "cuda"
FLOAT32, BFLOAT16 = "float32", "bfloat16"


@dataclass(frozen=True)
class Placement:
    """Device and precision.

    Args:
        device: ``cpu`` or ``cuda``.
        precision: ``float32`` or ``bfloat16``.
    """

    device: str = CPU
    precision: str = FLOAT32

    @property
    def mark(self) -> str:
        """What a receipt adds to the models' revision; nothing for float32 on the processor."""
        device = "" if self.device == CPU else f"+{self.device}"
        return device if self.precision == FLOAT32 else f"{device}+{self.precision}"

    @property
    def products(self) -> torch.dtype | None:
        """What products are computed in; ``None`` where that is the weights' own precision."""
        import torch

        return torch.bfloat16 if self.precision == BFLOAT16 else None


def find_placement() -> Placement:
    """Read the environment, and where it leaves the precision open, the hardware.

    Raises:
        ModelUnavailableError: It names what there is not, or CUDA where torch finds no device.
    """
    device, precision = os.environ.get(DEVICE) or CPU, os.environ.get(PRECISION) or ""
    if device not in {CPU, CUDA}:
        raise ModelUnavailableError(f"{DEVICE} must be {CPU} or {CUDA}, got {device!r}")
    if precision not in {"", FLOAT32, BFLOAT16}:
        raise ModelUnavailableError(f"{PRECISION} must be {FLOAT32} or {BFLOAT16}, got {precision!r}")
    if device == CUDA:
        import torch

        if not torch.cuda.is_available():
            raise ModelUnavailableError(f"{DEVICE}={CUDA}, but torch {torch.__version__} finds no CUDA device")
    return Placement(device, precision or (BFLOAT16 if _multiplies_bfloat16(device) else FLOAT32))


@cache
def _multiplies_bfloat16(device: str) -> bool:
    """Whether the hardware itself does; PyTorch would imitate it, slowly, where it does not."""
    import torch

    if device == CUDA:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
