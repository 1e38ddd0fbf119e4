"""Clocks: medians of many runs, each from a cold second-level cache, and what the device can do at all."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

_BUDGET_S = 0.25  # of running one competitor on one problem
_FEWEST, _MOST = 10, 60
_WARM_UP = 3
_FLUSH_BYTES = 2**30  # several times any cache; clearing it takes longer than Python takes to launch a kernel


def time_s(call: Callable[[], object], device: torch.device) -> float:
    """Measure one call, as the median of many.

    On a CUDA device events bracket the call, behind the clearing of a large buffer: it empties the cache, and
    while it runs the call is queued, so that the time is the device's alone.

    Args:
        call: Starts the work.
        device: Where it runs.
    """
    for _ in range(_WARM_UP):
        call()
    return _time_cuda(call, device) if device.type == "cuda" else _time_processor(call)


def _time_processor(call: Callable[[], object]) -> float:
    times: list[float] = []
    while len(times) < _FEWEST or (sum(times) < _BUDGET_S and len(times) < _MOST):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _time_cuda(call: Callable[[], object], device: torch.device) -> float:
    flush = torch.empty(_FLUSH_BYTES, dtype=torch.int8, device=device)

    def run(count: int) -> list[float]:
        events = [(_event(), _event()) for _ in range(count)]
        for start, end in events:
            flush.zero_()
            start.record()
            call()
            end.record()
        torch.cuda.synchronize(device)
        return [start.elapsed_time(end) / 1000 for start, end in events]

    guess = statistics.median(run(_WARM_UP))
    return statistics.median(run(max(_FEWEST, min(_MOST, int(_BUDGET_S / guess)))))


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch leaves it untyped


def matmul_flops(device: torch.device) -> float:
    """Measure a matrix product of random numbers, in floating-point operations a second.

    Args:
        device: 8192 to a side in bfloat16 on CUDA, 512 in float32 elsewhere.
    """
    side, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (512, torch.float32)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2.0 * side**3 / time_s(lambda: a @ b, device)


def copy_bytes(device: torch.device) -> float:
    """Measure a copy, in bytes read and written a second.

    Args:
        device: 2 GiB on CUDA, 64 MiB elsewhere.
    """
    count = 2**31 if device.type == "cuda" else 2**26
    source, target = (torch.ones(count, dtype=torch.int8, device=device) for _ in range(2))
    return 2.0 * count / time_s(lambda: target.copy_(source), device)
