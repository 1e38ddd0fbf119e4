"""Matrix products with the accuracy of their operands: tensor cores take halves, so float32 goes in three pieces.

A float32 is the sum of three bfloat16s, and six of the nine products of such pieces matter. Tensor cores round each
partial sum towards zero; Triton's own ``bf16x6`` adds the large product to the sum of the small ones there, and so
loses half a unit in the last place every time, always the same way. Here the two are summed apart and meet in an
ordinary addition. That also makes logits the same in both passes, whichever operand comes first.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def product(a, b, PRECISION: tl.constexpr):
    """Multiply (M, K) by (K, N) into float32; a ``PRECISION`` of "split" multiplies float32 by its pieces."""
    if PRECISION == "split":
        a0, a1, a2 = _split(a)
        b0, b1, b2 = _split(b)
        small = tl.dot(a1, b1)
        small = tl.dot(a2, b0, small)
        small = tl.dot(a0, b2, small)
        small = tl.dot(a1, b0, small)
        small = tl.dot(a0, b1, small)
        # Subtracted, as Triton turns a product and an addition into a product that starts from the other term. What
        # is left of an infinity behind its first piece is NaN; the first piece says it all.
        result = tl.dot(a0, b0) - tl.where(small == small, -small, 0.0)  # noqa: PLR0124 - how a kernel asks for NaN
    else:
        result = tl.dot(a, b, input_precision=PRECISION)
    return result


@triton.jit
def add_product(a, b, acc, PRECISION: tl.constexpr):
    """Add the product of (M, K) and (K, N) to ``acc``."""
    if PRECISION == "split":
        acc += product(a, b, PRECISION)
    else:
        acc = tl.dot(a, b, acc, input_precision=PRECISION)
    return acc


@triton.jit
def _split(x):
    """Cut float32 into three bfloat16s, large to small, that sum to it."""
    first = x.to(tl.bfloat16)
    rest = x - first.to(tl.float32)
    second = rest.to(tl.bfloat16)
    return first, second, (rest - second.to(tl.float32)).to(tl.bfloat16)
