"""Weights that ship with the package, checked against the card beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from grader.errors import ModelUnavailableError

CARD = "card.json"

Facts = TypeVar("Facts")


class Shipped(NamedTuple):
    """A file of weights.

    Args:
        data: The file.
        digest: SHA-256 hex of it, which the card names too.
    """

    data: bytes
    digest: str


def read_shipped(
    folder: Path, tensors: str, facts: Callable[[Mapping[str, Any]], Facts], lack: str
) -> tuple[Shipped, Facts]:
    """Read a file of weights and what its card says.

    Args:
        folder: Where both are.
        tensors: Name of the weights.
        facts: Takes from the card what is needed besides the hash; what it raises of ``ValueError``, ``LookupError``
            and ``TypeError`` means that the card is damaged.
        lack: What to say where a file cannot be had; the reason and the path are put in for ``{}`` and ``{}``.

    Raises:
        ModelUnavailableError: A file is missing, damaged or not the one that the card names.
    """
    raw = _read(folder / CARD, lack)
    try:
        card = json.loads(raw)
        expected, found = str(card["sha256"]), facts(card)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelUnavailableError(f"{folder / CARD} is damaged; reinstall the grader") from error
    data = _read(folder / tensors, lack)
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected:
        raise ModelUnavailableError(
            f"{folder / tensors} has SHA-256 {digest}, expected {expected}; reinstall the grader"
        )
    return Shipped(data, digest), found


def read_fitted(path: Path, make: Callable[[Mapping[str, Any], str], Facts]) -> Facts:
    """Read a fitted rule.

    Args:
        path: Of its JSON.
        make: Takes what the file holds, and 12 hex digits of its SHA-256; what it raises of ``ValueError``,
            ``LookupError``, ``TypeError`` and ``AttributeError`` means that the file is damaged.

    Raises:
        ModelUnavailableError: The file is missing or damaged.
    """
    try:
        data = path.read_bytes()
        return make(json.loads(data), hashlib.sha256(data).hexdigest()[:12])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelUnavailableError(f"the fitted rule {path} is missing or damaged; reinstall the grader") from error


def _read(path: Path, lack: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelUnavailableError(lack.format(error.strerror, path)) from error
