"""The line about the machine that every result carries."""

from __future__ import annotations

import datetime as dt
import platform
from pathlib import Path

import torch


def machine() -> dict[str, object]:
    """Processor, threads, torch and date."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return {"cpu": cpu, "threads": torch.get_num_threads(), "torch": torch.__version__, "date": today}
