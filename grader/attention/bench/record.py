"""What a bench hands over: rows, the machine, ceilings; as a table and as JSON Lines."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table


@dataclass(frozen=True)
class Machine:
    """Where a bench ran.

    Args:
        device: Name of the GPU or processor.
        torch_version: Of PyTorch.
        triton_version: ``None`` where Triton is not installed.
        date: Of the run, UTC.
    """

    device: str
    torch_version: str
    triton_version: str | None
    date: str

    @staticmethod
    def of(device: torch.device) -> Machine:
        """Describe this machine.

        Args:
            device: The bench's.
        """
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
        try:
            triton = importlib.metadata.version("triton")
        except importlib.metadata.PackageNotFoundError:
            triton = None
        return Machine(name, torch.__version__, triton, dt.datetime.now(dt.UTC).date().isoformat())


@dataclass(frozen=True)
class Ceilings:
    """What the device does at most, measured in the same run.

    Args:
        matmul_tflops: Matrix product, TFLOP/s.
        copy_tbs: Copy, bytes read and written, TB/s.
    """

    matmul_tflops: float
    copy_tbs: float


@dataclass(frozen=True)
class Row:
    """One competitor on one problem.

    Args:
        section: Part of the bench.
        case: Name of the problem.
        peer: Name of the competitor.
        error: Norm of its error over the norm of the result; ``None`` where it computed nothing.
        bound: Largest error that passes.
        time_ms: Median; ``None`` where the check failed or nothing was computed.
        rate: TFLOP/s, or TB/s where decoding.
        ceiling_share: ``rate`` over the device's ceiling.
        note: Why there is no time.
    """

    section: str
    case: str
    peer: str
    error: float | None
    bound: float
    time_ms: float | None
    rate: float | None
    ceiling_share: float | None
    note: str = ""

    @property
    def problem(self) -> tuple[str, str]:
        """Section and name of the problem."""
        return self.section, self.case

    @property
    def key(self) -> tuple[str, str, str]:
        """What the row is about: problem and competitor."""
        return self.section, self.case, self.peer

    @property
    def wrong(self) -> bool:
        """Whether a result was computed that is too far from the right one."""
        return self.error is not None and self.time_ms is None


def append(path: Path, *records: Machine | Ceilings | Row) -> None:
    """Append one line of JSON: a row, or the machine and its ceilings together.

    Row by row, so that an interrupted bench leaves what it measured.

    Args:
        path: Of the file; made where it does not exist.
        records: What becomes one object.
    """
    fields: dict[str, object] = {}
    for record in records:
        fields |= dataclasses.asdict(record)
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(fields, ensure_ascii=False) + "\n")


def read(path: Path, machine: Machine) -> list[Row]:
    """Read the rows with a time that a bench measured on such a machine, whatever the day.

    Args:
        path: Of the file; without one there are no rows.
        machine: Device and versions that the rows must come from.

    Raises:
        ValueError: A line is neither a machine nor a row.
    """
    wanted = dataclasses.replace(machine, date="")
    rows: dict[tuple[str, str, str], Row] = {}
    same = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else (), start=1):
        try:
            fields = json.loads(line)
            if "device" in fields:
                names = [field.name for field in dataclasses.fields(Machine)]
                same = dataclasses.replace(Machine(*(fields[name] for name in names)), date="") == wanted
                continue
            row = Row(**fields)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path}: line {number} is not of this bench: {line[:60]}") from error
        if same and row.time_ms is not None:
            rows[row.key] = row
    return list(rows.values())


def show(machine: Machine, ceilings: Ceilings, rows: list[Row]) -> Table:
    """Lay the rows out as a table; "ours ×" is our best rate over the competitor's.

    Args:
        machine: Where the bench ran.
        ceilings: Measured there.
        rows: Measured there.
    """
    from rich.table import Table

    title = f"{machine.device} · torch {machine.torch_version} · triton {machine.triton_version or 'not installed'}"
    caption = f"ceilings: {ceilings.matmul_tflops:.3g} TFLOP/s matrix product, {ceilings.copy_tbs:.3g} TB/s copy"
    table = Table(
        "part", "problem", "who", "error", "ms", "TFLOP/s", "of ceiling", "ours ×", title=title, caption=caption
    )
    places = {row.problem: place for place, row in reversed([*enumerate(rows)])}
    for row in sorted(rows, key=lambda row: places[row.problem]):
        unit = " TB/s" if row.section == "decode" else ""
        rate = "–" if row.rate is None else f"{row.rate:.3g}{unit}"
        share = row.note if row.ceiling_share is None else f"{row.ceiling_share:.0%}"
        time = "–" if row.time_ms is None else f"{row.time_ms:.3f}"
        error = "–" if row.error is None else f"{row.error:.1e}"
        table.add_row(row.section, row.case, row.peer, error, time, rate, share, _ours_over(row, rows))
    return table


def _ours_over(row: Row, rows: list[Row]) -> str:
    same = (r for r in rows if r.problem == row.problem and r.peer.startswith("ours"))
    best = max((r.rate for r in same if r.rate is not None), default=None)
    if row.rate is None or best is None or row.peer.startswith("ours"):
        return ""
    return f"{best / row.rate:.2f}"
