"""Grade records: an outcome as a mapping in the published field order, and back.

JSON Lines, CSV and Parquet all carry these fields; a record that was written reads back as the same outcome.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

from grader.schema import (
    LANGS,
    CriterionGrade,
    Evidence,
    Grade,
    JudgeNote,
    Lang,
    MisconceptionGrade,
    Outcome,
    Unscored,
    Verdict,
)

GRADE_FIELDS = (
    "submission_id",
    "question_id",
    "status",
    "verdict",
    "points",
    "max_points",
    "score",
    "confidence",
    "needs_review",
    "criteria",
    "misconceptions",
    "feedback",
    "lang",
    "receipt",
)
UNSCORED_FIELDS = ("submission_id", "question_id", "status", "reason")
ALL_FIELDS = (*GRADE_FIELDS, "reason", "judge")

Record = dict[str, object]

# C1 controls, bidirectional and zero-width controls, line separators, lone surrogates, tags: legal inside a JSON
# string but they reorder or break what a person or a line reader sees. C0 is escaped by json itself.
_HIDDEN = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def to_record(outcome: Outcome) -> Record:
    """Lay an outcome out as plain JSON values, in the published field order; ``judge`` only where one was asked."""
    if isinstance(outcome, Unscored):
        return {name: getattr(outcome, name) for name in UNSCORED_FIELDS}
    record: Record = {name: getattr(outcome, name) for name in GRADE_FIELDS}
    record["verdict"] = outcome.verdict.value
    for name in ("points", "max_points", "score", "confidence"):
        record[name] = float(getattr(outcome, name))
    record["criteria"] = [
        {
            "id": criterion.id,
            "met": criterion.met,
            "points": float(criterion.points),
            "probability": float(criterion.probability),
            "evidence": _evidence_record(criterion.evidence),
        }
        for criterion in outcome.criteria
    ]
    record["misconceptions"] = [
        {"id": held.id, "probability": float(held.probability), "evidence": _evidence_record(held.evidence)}
        for held in outcome.misconceptions
    ]
    if outcome.judge is not None:
        record["judge"] = {"name": outcome.judge.name, "status": outcome.judge.status, "reason": outcome.judge.reason}
    return record


def from_record(record: Mapping[str, object]) -> Outcome:
    """Read an outcome back.

    Args:
        record: Plain JSON values; unknown keys are ignored.

    Raises:
        ValueError: A field is missing or is not what it should be; the message names it and quotes the value.
    """
    status = _text(record, "status")
    if status == "unscored":
        return Unscored(_text(record, "submission_id"), _text(record, "question_id"), _text(record, "reason"))
    if status != "graded":
        raise ValueError(f"status: {status!r} is neither 'graded' nor 'unscored'")
    return Grade(
        submission_id=_text(record, "submission_id"),
        question_id=_text(record, "question_id"),
        verdict=_verdict(record),
        points=_number(record, "points"),
        max_points=_number(record, "max_points"),
        score=_number(record, "score", high=1.0),
        confidence=_number(record, "confidence", high=1.0),
        needs_review=_flag(record, "needs_review"),
        criteria=tuple(_criterion(item) for item in _items(record, "criteria")),
        misconceptions=tuple(_misconception(item) for item in _items(record, "misconceptions")),
        feedback=_text(record, "feedback"),
        lang=_lang(record),
        receipt=_text(record, "receipt"),
        judge=_judge(record),
    )


def dump_json(value: object) -> str:
    """Write plain JSON values as one line that is safe to store and to look at.

    Letters stay readable; what would hide or reorder text on a screen, split the line or refuse to encode is
    written as a JSON escape, so a reader still gets the same value.
    """
    return _HIDDEN.sub(_escape, json.dumps(value, ensure_ascii=False, allow_nan=False))


def _escape(match: re.Match[str]) -> str:
    hidden = match.group()
    return f"\\u{ord(hidden):04x}" if ord(hidden) < 0x10000 else json.dumps(hidden)[1:-1]  # noqa: PLR2004 -- end of the basic plane


def _evidence_record(evidence: Evidence | None) -> Record | None:
    if evidence is None:
        return None
    return {"text": evidence.text, "start": evidence.start, "end": evidence.end}


def _text(record: Mapping[str, object], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name}: {value!r} is not a text")  # noqa: TRY004 -- one error type for a bad record
    return value


def _number(record: Mapping[str, object], name: str, *, high: float = float("inf")) -> float:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        limit = "0 or more" if high == float("inf") else f"between 0 and {high:g}"
        raise ValueError(f"{name}: {value!r} is not a number {limit}")
    return float(value)


def _flag(record: Mapping[str, object], name: str) -> bool:
    value = record.get(name)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: {value!r} is not true or false")  # noqa: TRY004 -- one error type for a bad record
    return value


def _verdict(record: Mapping[str, object]) -> Verdict:
    value = record.get("verdict")
    for verdict in Verdict:
        if value == verdict.value:
            return verdict
    raise ValueError(f"verdict: {value!r} is none of {', '.join(Verdict)}")


def _lang(record: Mapping[str, object]) -> Lang:
    value = record.get("lang")
    for lang in LANGS:
        if value == lang:
            return lang
    raise ValueError(f"lang: {value!r} is none of {', '.join(LANGS)}")


def _items(record: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    value = record.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{name}: {value!r} is not a list of records")
    return cast("Sequence[Mapping[str, object]]", value)


def _criterion(item: Mapping[str, object]) -> CriterionGrade:
    return CriterionGrade(
        id=_text(item, "id"),
        met=_flag(item, "met"),
        points=_number(item, "points"),
        probability=_number(item, "probability", high=1.0),
        evidence=_evidence(item),
    )


def _misconception(item: Mapping[str, object]) -> MisconceptionGrade:
    return MisconceptionGrade(_text(item, "id"), _number(item, "probability", high=1.0), _evidence(item))


def _judge(record: Mapping[str, object]) -> JudgeNote | None:
    value = record.get("judge")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"judge: {value!r} is not a record")  # noqa: TRY004 -- one error type for a bad record
    status = _text(value, "status")
    if status == "judged":
        return JudgeNote(_text(value, "name"), "judged", None)
    if status != "unscored":
        raise ValueError(f"judge: {status!r} is neither 'judged' nor 'unscored'")
    return JudgeNote(_text(value, "name"), "unscored", _text(value, "reason"))


def _evidence(item: Mapping[str, object]) -> Evidence | None:
    value = item.get("evidence")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"evidence: {value!r} is not a record")  # noqa: TRY004 -- one error type for a bad record
    return Evidence(_text(value, "text"), int(_number(value, "start")), int(_number(value, "end")))
