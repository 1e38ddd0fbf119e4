"""Errors that a caller can cause and mend.

Every one of them prints as a single clear message; the command line turns them into exit code 2.
"""

from __future__ import annotations

from dataclasses import dataclass


class GraderError(Exception):
    """A caller's mistake, worded so that the caller can mend it."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a file, with its place.

    Args:
        path: File as the caller named it.
        line: 1-based line, or ``None`` where the fault belongs to the whole file.
        field: Dotted path inside the document, such as ``questions[2].answer``; may be empty.
        message: What is wrong, quoting the value received.
    """

    path: str
    line: int | None
    field: str
    message: str

    def __str__(self) -> str:
        """Render as ``path:line: field: message``, leaving out what is absent."""
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


class FileFaultsError(GraderError):
    """A quiz, rubric or submissions file that cannot be used; carries every fault found."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        """Keep the faults and print one a line."""
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class ModelUnavailableError(GraderError):
    """A model that was named cannot be loaded; the message says how to get it."""
