"""Inline SVG plots: no script, no font, no network; colours come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from grader.plain import clean_line
from grader.report.agreement import VERDICTS, ReliabilityBin, RiskPoint
from grader.schema import Verdict

_WIDTH = 420
_HEIGHT = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 36


def score_histogram(counts: Sequence[int]) -> str:
    """Draw bars of answers by score, equally wide bins from 0 to 1."""
    tallest = max([*counts, 1])
    slot = _plot_width() / len(counts)
    bars = []
    for index, count in enumerate(counts):
        height = _plot_height() * count / tallest
        low, high = index / len(counts), (index + 1) / len(counts)
        bars.append(
            f'<rect class="bar" x="{_LEFT + index * slot + 1:.1f}" y="{_TOP + _plot_height() - height:.1f}"'
            f' width="{slot - 2:.1f}" height="{height:.1f}"><title>{low:.1f} to {high:.1f}: {count}</title></rect>'
        )
    return _frame("Answers by score", "".join(bars), across="score", upward="answers", top=str(tallest))


def verdict_bars(rows: Sequence[tuple[str, Mapping[Verdict, int]]]) -> str:
    """Draw one stacked bar a question, its verdicts as shares.

    Args:
        rows: Name and counts of each question with at least one answer.
    """
    left, line, width = 130, 26, 500
    parts = []
    for place, (name, counts) in enumerate(rows):
        top, total, at = 4 + place * line, sum(counts.values()), float(left)
        label = escape(clean_line(name, limit=18))
        parts.append(f'<text class="label" x="{left - 8}" y="{top + 14}" text-anchor="end">{label}</text>')
        for verdict in VERDICTS:
            count = counts.get(verdict, 0)
            if count:
                share = (width - left - 8) * count / total
                note = f"{verdict.value}: {count} of {total}"
                parts.append(
                    f'<rect class="{verdict.value}" x="{at:.1f}" y="{top}" width="{share:.1f}" height="{line - 6}">'
                    f"<title>{note}</title></rect>"
                )
                at += share
    return _svg("Verdicts by question", width, 8 + line * len(rows), "".join(parts))


def reliability_plot(bins: Sequence[ReliabilityBin]) -> str:
    """Draw accuracy against confidence; a well calibrated grader follows the diagonal."""
    largest = max([found.count for found in bins], default=1)
    parts = [f'<line class="guide" x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1):.1f}"/>']
    parts += [
        f'<circle class="point" cx="{_x(found.confidence):.1f}" cy="{_y(found.accuracy):.1f}"'
        f' r="{3 + 9 * (found.count / largest) ** 0.5:.1f}"><title>confidence {found.confidence:.2f},'
        f" accuracy {found.accuracy:.2f}, {found.count} answers</title></circle>"
        for found in bins
    ]
    return _frame("Reliability", "".join(parts), across="confidence", upward="accuracy", top="1")


def risk_plot(curve: Sequence[RiskPoint]) -> str:
    """Draw the share of wrong verdicts among the most confident answers."""
    points = " ".join(f"{_x(point.coverage):.1f},{_y(point.risk):.1f}" for point in curve)
    line = f'<polyline class="curve" points="{points}"/>'
    return _frame("Risk by coverage", line, across="coverage, most confident first", upward="risk", top="1")


def _plot_width() -> float:
    return _WIDTH - _LEFT - _RIGHT


def _plot_height() -> float:
    return _HEIGHT - _TOP - _BOTTOM


def _x(share: float) -> float:
    return _LEFT + _plot_width() * share


def _y(share: float) -> float:
    return _TOP + _plot_height() * (1 - share)


def _frame(title: str, inside: str, *, across: str, upward: str, top: str) -> str:
    """Put axes from 0 to 1 across and 0 to ``top`` upward around a plot."""
    base = _y(0)
    middle = _TOP + _plot_height() / 2
    axes = (
        f'<path class="axis" d="M{_LEFT} {_TOP}V{base:.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text class="tick" x="{_LEFT}" y="{base + 14:.1f}" text-anchor="middle">0</text>'
        f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{base + 14:.1f}" text-anchor="end">1</text>'
        f'<text class="tick" x="{_LEFT - 5}" y="{_TOP + 8}" text-anchor="end">{escape(top)}</text>'
        f'<text class="label" x="{_LEFT + _plot_width() / 2:.1f}" y="{base + 28:.1f}"'
        f' text-anchor="middle">{escape(across)}</text>'
        f'<text class="label" x="14" y="{middle:.1f}" text-anchor="middle"'
        f' transform="rotate(-90 14 {middle:.1f})">{escape(upward)}</text>'
    )
    return _svg(title, _WIDTH, _HEIGHT, axes + inside)


def _svg(title: str, width: int, height: int, inside: str) -> str:
    name = escape(title)
    return (
        f'<svg role="img" aria-label="{name}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{name}</title>{inside}</svg>"
    )
