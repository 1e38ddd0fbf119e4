"""Text files that are generated, kept beside their source, and checked against it."""

from __future__ import annotations

from pathlib import Path

from grader.errors import Fault, GraderError


def write_generated(path: Path, text: str) -> Path:
    """Write a generated file, with the folders that it needs, and return its path.

    Raises:
        GraderError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise GraderError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def find_drift(path: Path, text: str, origin: str) -> Fault | None:
    """Compare a generated file with what it should say now; ``None`` where they agree.

    Args:
        path: The file.
        text: What it should say.
        origin: What it is generated from, for the message.
    """
    try:
        found = path.read_bytes().decode("utf-8", errors="replace")
    except OSError:
        return Fault(str(path), None, "", f"is missing: write it from {origin}")
    if found == text:
        return None
    lines, wanted = found.split("\n"), text.split("\n")
    pairs = enumerate(zip(lines, wanted, strict=False), start=1)
    line = next((number for number, (one, other) in pairs if one != other), min(len(lines), len(wanted)) + 1)
    return Fault(str(path), line, "", f"differs from {origin}: write it again")
