"""Files of calibrations: written whole, read with every fault named."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader.doubt.calibration import Basis, Calibration, Doubt, Labelled, Part
from grader.errors import Fault, FileFaultsError, GraderError
from grader.schema import Lang

SHIPPED = Path(__file__).parents[1] / "weights" / "calibration.json"
MAX_BYTES = 16_000_000
_MAX_FAULTS, _SHOWN = 20, 60

_Share = Annotated[float, Field(ge=0, le=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    grader: Annotated[str, Field(min_length=1, max_length=100)]
    basis: Basis
    lang: Lang
    slope: Annotated[float, Field(gt=0, le=1000)]
    offset: Annotated[float, Field(ge=-1000, le=1000)]
    origin: Annotated[str, Field(max_length=1000)]
    questions: Annotated[int, Field(ge=0)]
    right: list[_Share]
    wrong: list[_Share]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    calibration: Literal[1]
    parts: list[_Entry]


def load_doubt(grader: str, path: str | Path | None = None) -> Doubt:
    """Load the calibration of one tier and judge; what a judge does not change holds as for the tier alone.

    Args:
        grader: Its name, such as ``embedded`` or ``embedded+local``.
        path: File that comes before what ships; what neither knows has no calibration.

    Raises:
        GraderError: The file cannot be used, or the one named does not know this grader.
    """
    named = {} if path is None else read_doubts(path)
    names = tuple(dict.fromkeys((grader.partition("+")[0], grader)))
    if path is not None and not any(name in named for name in names):
        raise GraderError(f"{path}: calibrates {', '.join(sorted(named)) or 'nothing'}, not {grader}")
    known = [doubts[name] for doubts in (_shipped(), named) for name in names if name in doubts]
    return Doubt(grader, {part: found for doubt in known for part, found in doubt.parts.items()})


def read_doubts(path: str | Path) -> dict[str, Doubt]:
    """Read every calibration of a file, by the grader's name.

    Raises:
        FileFaultsError: The file cannot be read or is not a calibration; with each fault and its field.
    """
    found: dict[str, dict[Part, Calibration]] = defaultdict(dict)
    for index, entry in enumerate(_parse(path).parts):
        part: Part = entry.basis, entry.lang
        if part in found[entry.grader]:
            _refuse(path, f"parts[{index}]", f"{entry.grader[:_SHOWN]!r} {' '.join(part)} stands there twice")
        labelled = [Labelled(c, True) for c in entry.right] + [Labelled(c, False) for c in entry.wrong]
        found[entry.grader][part] = Calibration(
            entry.slope, entry.offset, entry.origin, entry.questions, tuple(labelled)
        )
    return {grader: Doubt(grader, parts) for grader, parts in found.items()}


def dump_doubts(doubts: Iterable[Doubt]) -> str:
    """Write calibrations as JSON; promises are made anew where they are asked for."""
    parts = [
        {
            "grader": doubt.grader,
            "basis": basis,
            "lang": lang,
            "slope": found.slope,
            "offset": found.offset,
            "origin": found.origin,
            "questions": found.questions,
            "right": _confidences(found, right=True),
            "wrong": _confidences(found, right=False),
        }
        for doubt in sorted(doubts, key=lambda doubt: doubt.grader)
        for (basis, lang), found in sorted(doubt.parts.items())
    ]
    return json.dumps({"calibration": 1, "parts": parts}, ensure_ascii=True, allow_nan=False) + "\n"


def _confidences(found: Calibration, *, right: bool) -> list[float]:
    return sorted((round(answer.confidence, 4) for answer in found.labelled if answer.right is right), reverse=True)


@cache
def _shipped() -> Mapping[str, Doubt]:
    return read_doubts(SHIPPED)


def _parse(path: str | Path) -> _File:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        _refuse(path, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(data) > MAX_BYTES:
        _refuse(path, "", f"is larger than {MAX_BYTES:,} bytes")
    try:
        return _File.model_validate_json(data)
    except ValidationError as error:
        faults = [
            Fault(str(path), None, _place(details["loc"]), f"{details['msg']}; got {_shown(details['input'])}")
            for details in error.errors(include_url=False)[:_MAX_FAULTS]
        ]
        raise FileFaultsError(tuple(faults)) from error


def _place(loc: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _refuse(path: str | Path, field: str, message: str) -> NoReturn:
    raise FileFaultsError((Fault(str(path), None, field, message),))
