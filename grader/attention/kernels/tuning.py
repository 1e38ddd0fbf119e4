"""Tile shapes to try for each kernel, and how tensors are handed to the tensor memory accelerator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor
from triton.runtime import driver
from triton.tools.tensor_descriptor import TensorDescriptor

from grader.attention.kernels.support import interpreting

if interpreting():
    from grader.attention.kernels.interpreted import complete_interpreter

    complete_interpreter()

Hook = Callable[[dict[str, Any]], None]
LOG2_E = 1.4426950408889634
_ALIGNMENT = 16  # bytes, of the addresses and strides that the accelerator reads
_BUCKETS = (128, 2048)
_MOST_REGISTERS = 200  # of a thread, for accumulators: of 255, the rest is for operands and addresses
_SQUARE = 64  # rows and columns from which on a tile keeps the matrix units busy
_FRUGAL = 3  # index of the candidate that runs anywhere


def describe(tensor: Tensor) -> TensorDescriptor:
    """Describe (B, H, T, D) for loads of tiles; the kernel's configuration sets the tile. Copies where it must.

    Args:
        tensor: Any strides; no axis empty.
    """
    strides = _strides(tensor)
    aligned = all(s > 0 and s * tensor.element_size() % _ALIGNMENT == 0 for s in strides[:-1])
    if strides[-1] != 1 or not aligned or tensor.data_ptr() % _ALIGNMENT:
        tensor = tensor.clone(memory_format=torch.contiguous_format)
        strides = _strides(tensor)
    return TensorDescriptor(tensor, list(tensor.shape), strides, [1, 1, 16, tensor.shape[-1]])


def _strides(tensor: Tensor) -> list[int]:
    """Strides, with those of axes of length 1, which may be anything, as if they lay densely."""
    strides, dense = [], 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride()), strict=True):
        strides.append(dense if size == 1 else stride)
        dense *= size
    return strides[::-1]


def bucket(length: int) -> int:
    """Lengths that share a tuned configuration: short, middling, long.

    Args:
        length: Queries or keys, whichever are more.
    """
    return sum(length > limit for limit in _BUCKETS)


@dataclass(frozen=True)
class Tuning:
    """Candidates of one kernel, and what a tile of theirs takes.

    Args:
        configs: Candidates; one while interpreting.
        accumulators: Numbers of float32 that a program sums into, from rows, columns and head size.
        operands: Numbers in shared memory, from rows, columns, head size and stages.
    """

    configs: list[triton.Config]
    accumulators: Callable[[int, int, int], int]
    operands: Callable[[int, int, int, int], int]

    def keep_fitting(self, configs: list[triton.Config], named: dict[str, Any], **options: Any) -> list[triton.Config]:  # noqa: ANN401 - what Triton passes
        """Drop candidates that cannot run or cannot win, so that tuning stays a matter of seconds.

        Args:
            configs: Candidates.
            named: Positional arguments of the kernel by name.
            options: Its other arguments.
        """
        if len(configs) == 1:
            return configs
        head, single, short = options["HEAD"], options["PRECISION"] != "tf32", named["BUCKET"] == 0
        shared_bytes = driver.active.utils.get_device_properties(torch.cuda.current_device())["max_shared_mem"]
        # Float32 is split into parts, which take registers as well.
        itemsize, most_registers = (4, _MOST_REGISTERS // 2) if single else (2, _MOST_REGISTERS)

        def fits(config: triton.Config) -> bool:
            rows, cols, warps = config.kwargs["BLOCK_M"], config.kwargs["BLOCK_N"], config.num_warps
            operand_bytes = self.operands(rows, cols, head, config.num_stages) * itemsize
            registers = self.accumulators(rows, cols, head) // (32 * warps)
            return bool(registers <= most_registers and operand_bytes <= shared_bytes)

        fitting = [config for config in configs if fits(config)]
        large = [c for c in fitting if c.kwargs["BLOCK_M"] * c.kwargs["BLOCK_N"] >= _SQUARE**2]
        small = [c for c in fitting if c.kwargs["BLOCK_M"] * c.kwargs["BLOCK_N"] <= 2 * _SQUARE**2]
        return (small if short else large) or fitting or configs[_FRUGAL : _FRUGAL + 1]


def forward_tuning() -> Tuning:
    """Candidates of the forward kernel."""
    shapes = [(128, 128, 8, 2), (128, 64, 4, 2), (64, 64, 4, 2), (64, 32, 4, 2), (128, 64, 8, 2)]
    return Tuning(
        [_config(*shape, _set_forward_blocks) for shape in _interpreted(shapes)],
        lambda rows, cols, head: rows * (head + cols),
        lambda rows, cols, head, stages: head * (rows + 2 * stages * cols),
    )


def query_gradient_tuning() -> Tuning:
    """Candidates of the kernel that computes the gradient of the queries."""
    shapes = [(128, 64, 8, 2), (128, 128, 8, 1), (64, 64, 4, 2), (64, 32, 4, 1)]
    return Tuning(
        [_config(*shape, _set_backward_blocks) for shape in _interpreted(shapes)],
        lambda rows, cols, head: rows * (head + 2 * cols),
        lambda rows, cols, head, stages: head * (2 * rows + 2 * stages * cols),
    )


def key_gradient_tuning() -> Tuning:
    """Candidates of the kernel that computes the gradients of keys and values."""
    shapes = [(64, 128, 8, 2), (128, 128, 8, 2), (64, 64, 4, 2), (32, 64, 4, 1), (32, 64, 8, 2)]
    return Tuning(
        [_config(*shape, _set_backward_blocks) for shape in _interpreted(shapes)],
        lambda rows, cols, head: cols * (2 * head + 2 * rows),
        lambda rows, cols, head, stages: head * (2 * cols + 2 * stages * rows),
    )


def _interpreted(shapes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """One small shape where nothing can be timed, so that short sequences have several tiles."""
    return [(32, 32, 4, 2)] if interpreting() else shapes


def _config(rows: int, cols: int, warps: int, stages: int, hook: Hook) -> triton.Config:
    tile = {"BLOCK_M": rows, "BLOCK_N": cols}
    return triton.Config(tile, num_warps=warps, num_stages=stages, pre_hook=hook)


def _set_forward_blocks(arguments: dict[str, Any]) -> None:
    rows, cols, head = (arguments[name] for name in ("BLOCK_M", "BLOCK_N", "HEAD"))
    arguments["q_desc"].block_shape = [1, 1, rows, head]
    arguments["k_desc"].block_shape = arguments["v_desc"].block_shape = [1, 1, cols, head]


def _set_backward_blocks(arguments: dict[str, Any]) -> None:
    _set_forward_blocks(arguments)
    arguments["grad_desc"].block_shape = arguments["q_desc"].block_shape
    for name in ("anchor_desc", "share_desc", "mean_desc"):
        if arguments[name] is not None:
            arguments[name].block_shape = [1, arguments["BLOCK_M"]]
