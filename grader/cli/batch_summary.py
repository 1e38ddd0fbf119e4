"""What a batch did, told at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.cli.console import messages, print_json
from grader.plain import clean_line

if TYPE_CHECKING:
    from grader.batch import Tally


def print_summary(tally: Tally, *, as_json: bool) -> None:
    """Print counts and speed: a table on standard error, or JSON on standard output."""
    if as_json:
        print_json(_summary(tally))
    else:
        _print_table(tally)


def _summary(tally: Tally) -> dict[str, object]:
    return {
        "rows": tally.rows,
        "graded": tally.graded,
        "verdicts": {verdict.value: rows for verdict, rows in tally.verdicts.most_common()},
        "unscored": tally.unscored,
        "reasons": dict(tally.reasons.top()),
        "needs_review": tally.needs_review,
        "mean_score": tally.mean_score,
        "load_s": round(tally.load_s, 3),
        "grade_s": round(tally.grade_s, 3),
        "answers_per_s": tally.answers_per_s,
    }


def _print_table(tally: Tally) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    lines: list[tuple[str, str]] = [("rows", f"{tally.rows:,}"), ("graded", f"{tally.graded:,}")]
    lines += [(f"  {verdict.value}", f"{rows:,}") for verdict, rows in tally.verdicts.most_common()]
    lines += [("unscored", f"{tally.unscored:,}")]
    lines += [(f"  {clean_line(reason, limit=70)}", f"{rows:,}") for reason, rows in tally.reasons.top()]
    lines += [("needs review", f"{tally.needs_review:,}")]
    if tally.mean_score is not None:
        lines += [("mean score", f"{tally.mean_score:.3f}")]
    if tally.answers_per_s is not None:
        lines += [("answers a second", f"{tally.answers_per_s:,.1f}")]
    for name, value in lines:
        table.add_row(Text(name), Text(value))
    messages().print(table)
