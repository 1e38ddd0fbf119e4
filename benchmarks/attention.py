"""How fast attention runs beside the best other kernels: ``grader attention bench`` into this folder's results.

    python benchmarks/attention.py            # options are those of the command; --resume goes on
    python benchmarks/attention.py --plot     # draws docs/attention.svg from the results

Appends to ``benchmarks/results/attention.jsonl``: the machine with its ceilings, then a line for each competitor on
each problem. The plot shows the forward pass on the machine of the last run, each bar the latest time of its kind.
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path

from grader.attention.bench import Machine, Row, read

RESULTS = Path(__file__).parent / "results/attention.jsonl"
PLOT = Path(__file__).parents[1] / "docs/attention.svg"
COLOURS = {
    "ours, Hopper": "#2f6fde",
    "ours, any GPU": "#86aef5",
    "cuDNN (SDPA)": "#2e9e5b",
    "flash-attn-4": "#7a63c7",
    "FlexAttention": "#d99a1c",
    "flash-2 (SDPA)": "#9aa3b0",
}
_WIDTH, _LEFT, _TOP = 720, 152, 58
_BAR, _GAP = 9, 10


def last_machine(path: Path) -> tuple[Machine, float]:
    """The machine of the last run in a file, and the rate of its matrix product, TFLOP/s."""
    found = [line for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if "device" in line]
    last = found[-1]
    machine = Machine(*(last[name] for name in ("device", "torch_version", "triton_version", "date")))
    return machine, last["matmul_tflops"]


def draw(machine: Machine, ceiling: float, rows: list[Row]) -> str:
    """Draw one group of bars a problem, one bar a competitor, and the ceiling as a line."""
    peers = [name for name in COLOURS if any(row.peer == name for row in rows)]
    rates: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.rate is not None and row.peer in peers:
            rates.setdefault(row.case, {})[row.peer] = row.rate
    scale = (_WIDTH - _LEFT - 60) / ceiling
    parts = [_text(8, 18, f"Attention forward, bfloat16, 32 query and 8 key/value heads · {machine.device}", "title")]
    place = 8.0
    for name in peers:
        parts.append(f'<rect x="{place:.0f}" y="30" width="10" height="10" fill="{COLOURS[name]}"/>')
        parts.append(_text(place + 14, 39, name))
        place += 34 + 6.6 * len(name)
    y = _TOP
    for case, found in rates.items():
        parts.append(_text(_LEFT - 8, y + len(found) * _BAR / 2 + 4, case, anchor="end"))
        for name in (peer for peer in peers if peer in found):
            width = found[name] * scale
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 1}" fill="{COLOURS[name]}"/>')
            parts.append(_text(_LEFT + width + 4, y + _BAR - 1, f"{found[name]:.0f}", "small"))
            y += _BAR
        y += _GAP
    line = _LEFT + ceiling * scale
    parts.append(f'<path d="M{line:.1f} {_TOP - 6}V{y - _GAP + 6}" stroke="#cf4040" stroke-dasharray="4 4"/>')
    parts.append(_text(line, y + 12, f"matrix product {ceiling:.0f} TFLOP/s", "small", anchor="end"))
    height = y + 22
    style = "text{font:12px system-ui,sans-serif;fill:#1c1f24}.title{font-weight:600}.small{font-size:9px}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' height="{height}"><title>Attention forward: TFLOP/s of each kernel, by head size and length</title>'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    label = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{label}>{escape(text)}</text>'


if __name__ == "__main__":
    if sys.argv[1:] == ["--plot"]:
        machine, ceiling = last_machine(RESULTS)
        forward = [row for row in read(RESULTS, machine) if row.section == "forward"]
        PLOT.write_text(draw(machine, ceiling, forward), encoding="utf-8")
    else:
        from grader.cli import app

        app(["attention", "bench", "--out", str(RESULTS), *sys.argv[1:]])
