"""Submissions: the answers of a class, as a stream."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

from grader.load.faults import shown
from grader.load.rows import Row, read_rows
from grader.load.sources import Format
from grader.schema import LANGS, Lang, Submission, Unscored

MAX_ANSWER_CHARS = 20_000
MAX_ID_CHARS = 200
MAX_PICKS = 100
SUBMISSION_ID = ("submission_id", "id")
Rows = Generator[Submission | Unscored, None, None]

_COLUMNS = (SUBMISSION_ID, ("question_id",), ("answer",))
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _UnusableError(Exception):
    """Why a row cannot be graded."""


def read_submissions(source: str | Path, *, format: Format | None = None) -> Rows:  # noqa: A002
    """Read submissions in order, in memory that does not grow with the answers.

    A row that cannot be used comes as :class:`~grader.schema.Unscored` in its place, with the ids that could be
    read. So does a second row with the same id.

    The file is held open until the last row, or until the generator is closed.

    Args:
        source: Path of JSON Lines, CSV or Parquet, each also with gzip; ``-`` is standard input.
        format: Found from the suffix, on standard input from the first byte, unless given.

    Raises:
        FileFaultsError: The file cannot be used, at once; or it breaks off, after the rows before have been yielded.
    """
    return _submissions(read_rows(source, format, _COLUMNS))


def first_present(fields: Mapping[str, object], names: tuple[str, ...]) -> object:
    """Take the first of several columns that holds something."""
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def readable_id(value: object) -> str:
    """Read an id from text or a whole number; empty where it is neither, too long or holds control characters."""
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return "" if len(text) > MAX_ID_CHARS or _CONTROL.search(text) else text


def primary_subtag(value: object) -> object:
    """Cut a language tag such as ``es-ES`` or ``EN`` to its language in small letters; leave what is no text."""
    return re.split("[-_]", value.strip().lower(), maxsplit=1)[0] if isinstance(value, str) else value


def _submissions(rows: Iterator[Row]) -> Rows:
    seen: set[bytes] = set()
    for row in rows:
        submission_id = readable_id(first_present(row.fields, SUBMISSION_ID))
        question_id = readable_id(row.fields.get("question_id"))
        digest = hashlib.blake2b(submission_id.encode(), digest_size=8).digest()
        repeated = f"the submission id {shown(submission_id)} was used before" if digest in seen else ""
        try:
            yield _submission(row, submission_id, question_id, row.problem or repeated)
        except _UnusableError as error:
            yield Unscored(submission_id, question_id, f"{row.place}: {error}")
        if submission_id:
            seen.add(digest)


def _submission(row: Row, submission_id: str, question_id: str, problem: str) -> Submission:
    if problem:
        raise _UnusableError(problem)
    for name, value, received in (
        ("submission_id", submission_id, first_present(row.fields, SUBMISSION_ID)),
        ("question_id", question_id, row.fields.get("question_id")),
    ):
        if not value and received in (None, ""):
            raise _missing(name, row)
        if not value:
            raise _UnusableError(f"{name} is not a usable id; got {shown(received)}")
    if row.fields.get("answer") is None:
        raise _missing("answer", row)
    return Submission(
        submission_id=submission_id,
        question_id=question_id,
        answer=_answer(row.fields.get("answer")),
        lang=_lang(row.fields.get("lang")),
        learner_id=_learner_id(row.fields.get("learner_id")),
    )


def _missing(name: str, row: Row) -> _UnusableError:
    """Say that a field is missing, and what there is where its key is missing too."""
    names = SUBMISSION_ID if name in SUBMISSION_ID else (name,)
    known = not set(names).isdisjoint(row.fields)
    return _UnusableError(
        f"{name} is missing" + ("" if known else f"; the row has {shown(', '.join(row.fields) or None)}")
    )


def _answer(value: object) -> str | tuple[str, ...]:
    if isinstance(value, list):
        if len(value) > MAX_PICKS:
            raise _UnusableError(f"answer lists {len(value):,} choices; the limit is {MAX_PICKS}")
        picks = tuple(_text(pick) for pick in value)
        _check_length(sum(map(len, picks)))
        return picks
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _UnusableError(f"answer is not text; got {shown(value)}")
    text = str(value)
    _check_length(len(text))
    if "\0" in text:
        raise _UnusableError("answer holds a NUL character")
    if found := _SURROGATE.search(text):
        raise _UnusableError(f"answer holds a lone surrogate, U+{ord(found.group()):04X}, which is no character")
    return text


def _check_length(chars: int) -> None:
    if chars > MAX_ANSWER_CHARS:
        raise _UnusableError(f"answer has {chars:,} characters; the limit is {MAX_ANSWER_CHARS:,}")


def _lang(value: object) -> Lang | None:
    if value is None:
        return None
    name = primary_subtag(value)
    if name == "":
        return None
    for lang in LANGS:
        if name == lang:
            return lang
    raise _UnusableError(f"lang is not en or es; got {shown(value)}")


def _learner_id(value: object) -> str | None:
    if value in (None, ""):
        return None
    learner = readable_id(value)
    if not learner:
        raise _UnusableError(f"learner_id is not a usable id; got {shown(value)}")
    return learner
