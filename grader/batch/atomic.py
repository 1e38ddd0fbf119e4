"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.errors import GraderError

_TOKEN_BYTES = 6


@contextmanager
def replace_atomically(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target`` to write; it takes the name when the block ends without an error.

    The temporary file lives in the same folder so that taking the name is one rename. After any error, an interrupt
    included, it is removed and whatever stood under the name before is untouched.

    Args:
        target: Final name; a symbolic link is followed, not replaced.

    Raises:
        GraderError: The folder is missing or cannot be written, or the name is taken by something not a plain file.
    """
    check_place(target)
    final = Path(os.path.realpath(target))
    temporary = final.with_name(f".{_shortened(final)}.{secrets.token_hex(_TOKEN_BYTES)}.part")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise GraderError(f"{target}: cannot write in {final.parent}: {error.strerror}") from error
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(final)
        if os.name == "posix":  # elsewhere a folder cannot be opened
            _flush_to_disk(final.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_place(target: Path) -> None:
    """Refuse a place where no file can take the name.

    Raises:
        GraderError: The folder is missing, or the name is taken by something not a plain file.
    """
    final = Path(os.path.realpath(target))
    if not final.parent.is_dir():
        raise GraderError(f"{target}: the folder {final.parent} does not exist; make it first")
    if final.exists() and not final.is_file():
        raise GraderError(f"{target}: exists and is not a plain file")


def clear_parts(target: Path) -> None:
    """Remove what killed runs left of ``target``; only for who holds the lock on that output."""
    final = Path(os.path.realpath(target))
    part = re.compile(rf"\.{re.escape(_shortened(final))}\.[0-9a-f]{{{2 * _TOKEN_BYTES}}}\.part")
    if _shortened(final) != final.name:
        return  # it may belong to another output whose name begins alike
    for path in final.parent.iterdir():
        if part.fullmatch(path.name):
            path.unlink(missing_ok=True)


def refuse_overwrite(source: str, target: Path) -> None:
    """Refuse to write over the very file that is being read, by whatever name or link.

    Args:
        source: Path, or ``-`` for standard input.
        target: Where the output goes.

    Raises:
        GraderError: Both are the same file.
    """
    try:
        read = os.fstat(0) if source == "-" else Path(source).stat()
        same = os.path.samestat(read, target.stat())
    except OSError:
        return  # one of them does not exist, so they are not the same
    if same and stat.S_ISREG(read.st_mode):
        raise GraderError(f"{target}: this is the file being read; write to another name")


def _shortened(final: Path) -> str:
    return final.name[:100]


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
