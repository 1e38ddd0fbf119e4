"""Gold labels: what a person decided about each submission."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from grader.errors import Fault, FileFaultsError
from grader.load.faults import shown, suggestion
from grader.load.rows import Row, read_rows
from grader.load.sources import Format
from grader.load.submissions import SUBMISSION_ID, first_present, primary_subtag, readable_id
from grader.schema import LANGS, GoldLabel, Lang, ThreeWay, TwoWay, Verdict

MAX_FAULTS = 200
"""A labels file with more faults than this is not a labels file; the rest of it is left unread."""

MAX_NAMED = 8  # columns that a message names

Label = TypeVar("Label", bound=str)

_VERDICT = ("verdict", "label_5way")
_GIVEN = (*_VERDICT, "label_3way", "label_2way", "score", "points")
_FIVE_WAY: Mapping[str, Verdict] = {verdict.value: verdict for verdict in Verdict} | {
    "partially_correct_incomplete": Verdict.PARTIAL  # the name in the SemEval-2013 files
}
_THREE_WAY: Mapping[str, ThreeWay] = {
    "correct": "correct",
    "contradictory": "contradictory",
    "incorrect": "incorrect",
}
_TWO_WAY: Mapping[str, TwoWay] = {"correct": "correct", "incorrect": "incorrect"}
_LANGS: Mapping[str, Lang] = {lang: lang for lang in LANGS}


class _LabelError(Exception):
    """What is wrong in a row: the field and the message."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read_labels(source: str | Path, *, format: Format | None = None) -> tuple[GoldLabel, ...]:  # noqa: A002
    """Read gold labels; a label file is the instructor's own, so every fault in it is an error.

    A row without any label is kept: it was not labelled.

    Args:
        source: Path of JSON Lines, CSV or Parquet, each also with gzip; ``-`` is standard input.
        format: Found from the suffix, on standard input from the first byte, unless given.

    Raises:
        FileFaultsError: With every fault, or the first :data:`MAX_FAULTS`.
    """
    labels: list[GoldLabel] = []
    faults: list[Fault] = []
    lines: dict[str, int] = {}
    last = None
    for last in read_rows(source, format, (SUBMISSION_ID,)):
        try:
            label = _label(last, lines)
        except _LabelError as error:
            faults.append(Fault(last.name, last.line, error.field, str(error)))
            if len(faults) == MAX_FAULTS:
                break
            continue
        lines[label.submission_id] = last.line
        labels.append(label)
    if labels and last is not None and not faults and not any(map(_says_something, labels)):
        found = ", ".join(map(shown, list(last.fields)[:MAX_NAMED]))
        faults.append(Fault(last.name, None, "", f"no row has any of {', '.join(_GIVEN)}; the last one has {found}"))
    if faults:
        raise FileFaultsError(tuple(faults))
    return tuple(labels)


def _says_something(label: GoldLabel) -> bool:
    return any(value is not None for value in (label.verdict, label.label_2way, label.score, label.points))


def _label(row: Row, lines: Mapping[str, int]) -> GoldLabel:
    if row.problem:
        raise _LabelError("", row.problem)
    fields = row.fields
    submission_id = _id(SUBMISSION_ID, fields)
    if submission_id in lines:
        message = f"{shown(submission_id)} was labelled before, on {row.unit} {lines[submission_id]}"
        raise _LabelError("submission_id", message)
    verdict = _one_of(_FIVE_WAY, _VERDICT, fields)
    label_3way = _one_of(_THREE_WAY, ("label_3way",), fields) or _three_way(verdict)
    label_2way = _one_of(_TWO_WAY, ("label_2way",), fields) or _two_way(label_3way)
    return GoldLabel(
        submission_id=submission_id,
        question_id=_id(("question_id",), fields) if first_present(fields, ("question_id",)) is not None else None,
        lang=_one_of(_LANGS, ("lang",), {"lang": primary_subtag(fields.get("lang"))}),
        verdict=verdict,
        label_3way=label_3way,
        label_2way=label_2way,
        score=_number("score", fields),
        points=_number("points", fields),
        criteria_met=_ids("criteria_met", fields),
        misconceptions=_ids("misconceptions", fields),
    )


def _three_way(verdict: Verdict | None) -> ThreeWay | None:
    return None if verdict is None else _THREE_WAY.get(verdict.value, "incorrect")


def _two_way(label: ThreeWay | None) -> TwoWay | None:
    return None if label is None else _TWO_WAY.get(label, "incorrect")


def _one_of(known: Mapping[str, Label], names: tuple[str, ...], fields: Mapping[str, object]) -> Label | None:
    value = first_present(fields, names)
    if value is None:
        return None
    word = value.strip() if isinstance(value, str) else ""
    if word not in known:
        message = f"expected one of {', '.join(known)}; got {shown(value)}{suggestion(word, known)}"
        raise _LabelError(next(name for name in names if name in fields), message)
    return known[word]


def _id(names: tuple[str, ...], fields: Mapping[str, object]) -> str:
    value = first_present(fields, names)
    name = readable_id(value)
    if not name:
        raise _LabelError(names[0], "is missing" if value is None else f"is not a usable id; got {shown(value)}")
    return name


def _number(name: str, fields: Mapping[str, object]) -> float | None:
    value = first_present(fields, (name,))
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, (str, int, float)) else float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise _LabelError(name, f"expected a number of at least 0; got {shown(value)}")
    return number


def _ids(name: str, fields: Mapping[str, object]) -> tuple[str, ...] | None:
    """Read ids from a list, or from a cell such as ``["a", "b"]`` or ``a; b``."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else re.findall(r"[^;,\s]+", value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, list) or not all(map(readable_id, value)):
        raise _LabelError(name, f"expected a list of ids; got {shown(fields[name])}")
    return tuple(map(readable_id, value))
