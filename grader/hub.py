"""Files from the model hub, checked, and tokenizers that take no text for a command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.errors import ModelUnavailableError

Encode = Callable[[Sequence[str]], list[list[int]]]
"""Texts to token ids, none of them special."""


def find_file(repo: str, name: str, sha256: str, *, lack: str, revision: str | None = None) -> Path:
    """Find a file through the hub client, downloading it where it is not in the hub cache, and check it.

    Args:
        repo: Hub id.
        name: Of the file there.
        sha256: That it must have.
        lack: What to say where it cannot be had; the kind of failure is put in for ``{}``.
        revision: Commit; the newest unless given.

    Raises:
        ModelUnavailableError: The hub cannot be reached and the file is not in its cache, or its SHA-256 differs.
    """
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(repo, name, revision=revision))
    except Exception as error:  # a network fails in many ways, and the client's errors have no common kind
        raise ModelUnavailableError(lack.format(type(error).__name__)) from error
    check_sha256(path, sha256)
    return path


def check_sha256(path: Path, expected: str) -> None:
    """Compare a file with the hash that it should have.

    Raises:
        ModelUnavailableError: It differs.
    """
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise ModelUnavailableError(
            f"{path.resolve()} has SHA-256 {actual}, expected {expected}: delete it and download it again"
        )


def plain_encoder(tokenizer_json: str) -> Encode:
    """Build an encoder of whole texts that reads ``</s>``, ``<|im_end|>`` and their like as ordinary characters.

    Args:
        tokenizer_json: A ``tokenizers`` file's content; its added tokens, truncation and padding are left out.
    """
    from tokenizers import Tokenizer

    specification = {**json.loads(tokenizer_json), "added_tokens": [], "truncation": None, "padding": None}
    tokenizer = Tokenizer.from_str(json.dumps(specification))

    def encode(texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    return encode
