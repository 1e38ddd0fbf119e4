"""What is measured: shapes, the work in them, and random tensors for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Section = Literal["decode", "packed", "backward", "forward"]
SECTIONS: tuple[Section, ...] = ("decode", "packed", "backward", "forward")
"""The quickest first, as a bench may be cut short."""

_BACKWARD_WORK = 2.5  # products of the backward pass over those of the forward pass: five for two


@dataclass(frozen=True)
class Case:
    """One problem, of bfloat16 on a CUDA device and float32 elsewhere.

    Args:
        section: Part of the bench; decides who competes and what counts as work.
        batch: B, sequences.
        heads: H.
        groups: G.
        length: S, and T but where decoding; the longest sequence where packed.
        size: D.
        causal: Whether a query sees only keys up to its own position.
        window: Keys a query may see.
    """

    section: Section
    batch: int
    heads: int
    groups: int
    length: int
    size: int
    causal: bool = False
    window: int | None = None

    @property
    def name(self) -> str:
        """How tables and files call it."""
        short = f"{self.length // 1024}k" if self.length % 1024 == 0 else str(self.length)
        if self.section == "decode":
            return f"{self.batch} × {short}"
        limit = f" window {self.window}" if self.window else " causal" if self.causal else ""
        if self.section == "packed":
            return f"{self.batch} sequences of 8–{short}{limit}"
        return f"{self.size}, {short}{limit}"

    @property
    def queries(self) -> int:
        """T."""
        return 1 if self.section == "decode" else self.length

    def work(self, lengths: list[int] | None, itemsize: int) -> float:
        """Floating-point operations that the problem needs, or bytes to read where decoding.

        Args:
            lengths: Of packed sequences.
            itemsize: Bytes of a number.
        """
        if self.section == "decode":
            return 2.0 * self.batch * self.groups * self.length * self.size * itemsize
        if lengths is not None:
            return 4.0 * self.heads * self.size * sum(n * n for n in lengths)
        pairs = self.length**2
        if self.causal or self.window:
            width = min(self.window or self.length, self.length)
            pairs = width * (width + 1) // 2 + (self.length - width) * width
        forward = 4.0 * self.batch * self.heads * self.size * pairs
        return forward * _BACKWARD_WORK if self.section == "backward" else forward


def choose_cases(*, quick: bool, cuda: bool) -> list[Case]:
    """List the problems in the order of the tables.

    Args:
        quick: Only the shortest of each kind.
        cuda: Whether for a GPU; a processor gets problems that it can do.
    """
    if not cuda:
        return [
            Case("forward", 1, 8, 2, 256, 64),
            Case("forward", 1, 8, 2, 256, 64, causal=True),
            Case("backward", 1, 8, 2, 256, 64, causal=True),
            Case("decode", 2, 8, 2, 1024, 64),
            Case("packed", 16, 4, 4, 128, 32),
        ]
    lengths = (1024,) if quick else (1024, 4096, 16384)
    cases = [
        Case("forward", 16384 // n, 32, 8, n, size, causal)
        for size in (64, 128)
        for n in lengths
        for causal in (False, True)
    ]
    cases += [Case("forward", 32768 // n, 32, 8, n, 128, window=1024) for n in ((8192,) if quick else (8192, 32768))]
    cases += [
        Case("backward", 16384 // n, 32, 8, n, size, causal)
        for size in (64, 128)
        for n in (lengths[:1] if quick else (4096,))
        for causal in (False, True)
    ]
    shapes = ((1, 32768),) if quick else ((1, 32768), (16, 8192), (64, 4096))
    cases += [Case("decode", batch, 32, 8, n, 128) for batch, n in shapes]
    cases += [Case("packed", batch, 12, 12, 128, 32) for batch in ((256,) if quick else (64, 1024))]
    return cases


@dataclass(frozen=True)
class Operands:
    """Tensors of a problem.

    Args:
        query: (B, H, T, D).
        key: (B, G, S, D).
        value: (B, G, S, D).
        grad: Of the output, (B, H, T, D).
        lengths: Of packed sequences, each padded to S; ``None`` where all are whole.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    grad: Tensor
    lengths: list[int] | None


def draw(case: Case, device: torch.device) -> Operands:
    """Draw normal tensors and, where packed, uniform lengths, from a seed.

    Args:
        case: The problem.
        device: Where to.
    """
    generator = torch.Generator(device).manual_seed(0)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    many = (case.batch, case.heads, case.queries, case.size)
    few = (case.batch, case.groups, case.length, case.size)
    query, key, value, grad = (
        torch.randn(s, generator=generator, device=device, dtype=dtype) for s in (many, few, few, many)
    )
    lengths = None
    if case.section == "packed":
        numbers = torch.Generator().manual_seed(0)
        lengths = torch.randint(8, case.length + 1, (case.batch,), generator=numbers).tolist()
    return Operands(query, key, value, grad, lengths)
