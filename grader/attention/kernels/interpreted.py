"""What Triton's interpreter lacks for these kernels: bfloat16 in matrix products, sums in any order, and NumPy 2.4.

The interpreter stores bfloat16 as 16-bit integers and multiplies those. Its matrix products are the processor's
library's, which on some processors rounds A B otherwise than the transposed product of B and A, as no tensor core does;
here they are summed in float64 and rounded once, so that the same numbers come out everywhere. And NumPy 2.4 no longer
turns arrays of one element into numbers, which is how the interpreter reads the bounds of a loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime import interpreter

_patch_tensor = interpreter._patch_lang_tensor  # noqa: SLF001 - Triton has no public way


def complete_interpreter() -> None:
    """Add what is missing; calling it again changes nothing."""
    interpreter._patch_lang_tensor = _patch_tensor_and_index  # noqa: SLF001
    interpreter.InterpreterBuilder.create_dot = _create_dot


def _patch_tensor_and_index(tensor: Any, scope: Any) -> None:  # noqa: ANN401 - Triton's own, private types
    _patch_tensor(tensor, scope)
    scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))


def _create_dot(builder: Any, a: Any, b: Any, start: Any, *others: Any) -> Any:  # noqa: ANN401
    del builder, others  # precisions that the interpreter does not imitate
    product = np.matmul(_widen(a), _widen(b)) + start.data
    return interpreter.TensorHandle(product.astype(start.data.dtype), start.dtype.scalar)


def _widen(operand: Any) -> np.ndarray:  # noqa: ANN401
    """Turn numbers into float64; bfloat16's are the upper half of a float32's bits."""
    data = operand.data
    if operand.dtype.scalar == tl.bfloat16:
        data = (data.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(data, np.float64)
