"""Where the embedded tier's models compute, and in which precision: two environment variables say so.

``GRADER_DEVICE=cuda`` moves them to a GPU. ``GRADER_PRECISION=bfloat16`` halves their arithmetic where the hardware
multiplies bfloat16 (AVX-512 BF16 or AMX, any recent GPU); probabilities then move by up to a few hundredths, and an
answer between two verdicts may fall on the other side. Receipts name what differs from float32 on the processor.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
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
    def dtype(self) -> torch.dtype:
        """The precision as torch has it."""
        import torch

        return torch.bfloat16 if self.precision == BFLOAT16 else torch.float32


def find_placement() -> Placement:
    """Read the environment.

    Raises:
        ModelUnavailableError: It names what there is not, or CUDA where torch finds no device.
    """
    device, precision = os.environ.get(DEVICE) or CPU, os.environ.get(PRECISION) or FLOAT32
    if device not in {CPU, CUDA}:
        raise ModelUnavailableError(f"{DEVICE} must be {CPU} or {CUDA}, got {device!r}")
    if precision not in {FLOAT32, BFLOAT16}:
        raise ModelUnavailableError(f"{PRECISION} must be {FLOAT32} or {BFLOAT16}, got {precision!r}")
    if device == CUDA:
        import torch

        if not torch.cuda.is_available():
            raise ModelUnavailableError(f"{DEVICE}={CUDA}, but torch {torch.__version__} finds no CUDA device")
    return Placement(device, precision)
