"""Submission and label files as streams of bytes: files, standard input, gzip of either.

Memory stays flat whatever a file holds: nothing is read beyond one line, and a line has a limit.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, get_args

from grader.errors import Fault, FileFaultsError
from grader.load.faults import shown, suggestion

Format = Literal["jsonl", "csv", "parquet"]

MAX_LINE_BYTES = 4_000_000

_SUFFIXES: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_GZIP_MAGIC = b"\x1f\x8b"
_BOMS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Source:
    """An open file of rows.

    Args:
        name: As the caller named it.
        stream: Its bytes, decompressed.
        format: How the rows are written.
    """

    name: str
    stream: io.BufferedReader | gzip.GzipFile
    format: Format


@contextmanager
def open_source(source: str | Path, file_format: Format | None) -> Iterator[Source]:
    """Open a file, or standard input where the source is ``-``.

    Args:
        source: Path, or ``-``.
        file_format: How the rows are written; found from the suffix unless given, on standard input from the
            first byte.

    Raises:
        FileFaultsError: The source cannot be opened, or its format is not known.
    """
    name = "<stdin>" if str(source) == "-" else str(source)
    if file_format is not None and file_format not in get_args(Format):
        refuse(name, f"the format {shown(file_format)} is not one of {', '.join(get_args(Format))}")
    if "\0" in name:
        refuse(name.replace("\0", "\\0"), "is not a path")
    with ExitStack() as stack, damage_as_fault(name, None):
        if name == "<stdin>":
            raw: io.BufferedReader = sys.stdin.buffer  # type: ignore[assignment]
        else:
            known = file_format or _format_of(Path(source), name)
            raw = stack.enter_context(Path(source).open("rb"))
        zipped = raw.peek(2)[:2] == _GZIP_MAGIC
        if name.endswith(".gz") and not zipped:
            refuse(name, "is not gzip, though its name ends in .gz")
        stream = stack.enter_context(gzip.GzipFile(fileobj=raw)) if zipped else raw
        start = stream.peek(64)[:64]
        if start.startswith(_BOMS):
            refuse(name, "is UTF-16; save it as UTF-8", line=1)
        if name == "<stdin>":
            known = file_format or ("jsonl" if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "csv")
        yield Source(name, stream, known)


def read_lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Read lines with their numbers from 1; the first loses its byte-order mark.

    Raises:
        FileFaultsError: A line is too long, or the file breaks off; the lines before it have been read.
    """
    number = 0
    while True:
        with damage_as_fault(source.name, number + 1):
            line = source.stream.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        number += 1
        if len(line) > MAX_LINE_BYTES:
            refuse(source.name, f"the line is longer than {MAX_LINE_BYTES:,} bytes", line=number)
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


@contextmanager
def damage_as_fault(name: str, line: int | None) -> Iterator[None]:
    """Turn what reading a file may raise into a fault with its place."""
    try:
        yield
    except (EOFError, zlib.error) as error:
        raise FileFaultsError((Fault(name, line, "", f"the gzip data is damaged or cut short: {error}"),)) from error
    except OSError as error:
        raise FileFaultsError((Fault(name, line, "", f"cannot be read: {error.strerror or error}"),)) from error


def refuse(name: str, message: str, *, line: int | None = None) -> NoReturn:
    """Give up on a file.

    Raises:
        FileFaultsError: Always.
    """
    raise FileFaultsError((Fault(name, line, "", message),))


def _format_of(path: Path, name: str) -> Format:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in _SUFFIXES:
        names = ", ".join(_SUFFIXES)
        hint = suggestion(suffix, _SUFFIXES)
        refuse(name, f"the suffix {shown(suffix)} is not known: expected {names}, each also with .gz{hint}")
    return _SUFFIXES[suffix]
