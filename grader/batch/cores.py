"""How many cores a run may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of processor time in a period, or max


def usable_cores() -> int:
    """Cores that this process may run on, at least one: its affinity, and a container's quota where there is one."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cores = os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text(encoding="ascii").split()
        allowed = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return cores
    return max(1, min(cores, allowed))


def use_cores() -> None:
    """Let torch compute on all usable cores, unless ``OMP_NUM_THREADS`` says how many."""
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(usable_cores())
