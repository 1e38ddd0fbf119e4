"""What Triton's interpreter lacks for these kernels: bfloat16 in matrix products, and NumPy 2.4.

The interpreter stores bfloat16 as 16-bit integers and multiplies those; and NumPy 2.4 no longer turns arrays of one
element into numbers, which is how the interpreter reads the bounds of a loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime import interpreter

_patch_tensor = interpreter._patch_lang_tensor  # noqa: SLF001 - Triton has no public way
_create_dot = interpreter.InterpreterBuilder.create_dot


def complete_interpreter() -> None:
    """Add what is missing; calling it again changes nothing."""
    interpreter._patch_lang_tensor = _patch_tensor_and_index  # noqa: SLF001
    interpreter.InterpreterBuilder.create_dot = _create_widened_dot


def _patch_tensor_and_index(tensor: Any, scope: Any) -> None:  # noqa: ANN401 - Triton's own, private types
    _patch_tensor(tensor, scope)
    scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))


def _create_widened_dot(builder: Any, a: Any, b: Any, *others: Any) -> Any:  # noqa: ANN401
    return _create_dot(builder, _widen(a), _widen(b), *others)


def _widen(operand: Any) -> Any:  # noqa: ANN401
    """Turn bfloat16 into float32, which holds the same numbers: sign and exponent, then a longer fraction."""
    if operand.dtype.scalar != tl.bfloat16:
        return operand
    bits = operand.data.astype(np.uint32) << 16
    return interpreter.TensorHandle(bits.view(np.float32), tl.float32)
