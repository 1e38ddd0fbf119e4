"""The local judge's base model: found by hub id, checked, converted once, loaded.

The hub holds Qwen2.5-Coder-1.5B-Instruct (arXiv:2409.12186) in four bits. Reading that file takes a minute, so the
weights are kept in bfloat16 in the user's cache folder; a folder appears there whole or not at all.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import ModelUnavailableError
from grader.hub import Encode, find_file, plain_encoder

if TYPE_CHECKING:
    from transformers import Qwen2Model

REPO_ID = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
FILE = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
CONVERSION = 1
READERS = ("gguf", "accelerate")  # packages that transformers reads the file with, and nothing else here needs
WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"


def base_folder() -> Path:
    """Find the converted base, downloading and converting it where this is the first time (about a minute).

    Raises:
        ModelUnavailableError: It cannot be had, or is not the file that it should be.
    """
    from platformdirs import user_cache_path

    folder = user_cache_path("grader") / "judge" / f"{SHA256[:16]}-{CONVERSION}"
    if not folder.is_dir():
        check_readers()
        convert(find_gguf(), folder)
    return folder


def check_readers() -> None:
    """Make sure that the base's file can be read, before it is downloaded.

    Raises:
        ModelUnavailableError: A package is missing; the message says how to get it.
    """
    missing = [name for name in READERS if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelUnavailableError(
            f"the local judge needs {' and '.join(missing)} to read its base: install the grader with its extra "
            f"`judge`, or run: pip install {' '.join(missing)}"
        )


def find_gguf() -> Path:
    """Find the base's file through the hub client and check it.

    Raises:
        ModelUnavailableError: The hub cannot be reached and the file is not in its cache, or its SHA-256 differs.
    """
    lack = (
        f"the local judge needs {FILE} of {REPO_ID} (1.1 GB), which is not in the hub cache and cannot be downloaded "
        f"({{}}): run `hf download {REPO_ID} {FILE}` where the hub can be reached"
    )
    return find_file(REPO_ID, FILE, SHA256, lack=lack)


def convert(gguf: Path, folder: Path, dequantise: Callable[[Path, Path], None] | None = None) -> None:
    """Write the base's weights, configuration and tokenizer into a new folder, whole or not at all.

    Two processes may convert at once; the first to finish wins and the other's work is dropped.

    Args:
        gguf: The checked file.
        folder: Must not exist yet.
        dequantise: Writes the three files from the first path into the second, a folder.

    Raises:
        ModelUnavailableError: The cache folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder.parent, ignore_cleanup_errors=True) as tmp:
            made = Path(tmp) / folder.name
            made.mkdir()
            (dequantise or dequantise_gguf)(gguf, made)
            with contextlib.suppress(OSError):  # another process was first
                made.rename(folder)
    except OSError as error:
        raise ModelUnavailableError(f"the local judge's base cannot be kept in {folder} (3.1 GB): {error}") from error
    if not folder.is_dir():
        raise ModelUnavailableError(f"the local judge's base cannot be kept in {folder}: it is not a folder")


def dequantise_gguf(gguf: Path, out: Path) -> None:
    """Read the four-bit file with transformers and write what ``load_base`` reads."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with _quiet():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
        ).model
    left_out = {"quantization_config", "_name_or_path"}
    config = {key: value for key, value in model.config.to_dict().items() if key not in left_out}
    (out / CONFIG).write_text(json.dumps({**config, "architectures": ["Qwen2Model"]}, indent=1), encoding="utf-8")
    (out / TOKENIZER).write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})


def load_base(folder: Path, device: str) -> tuple[Qwen2Model, Encode]:
    """Load a converted base in bfloat16, and its encoder.

    Args:
        folder: From ``base_folder``.
        device: ``cpu`` or ``cuda``.

    Raises:
        ModelUnavailableError: The folder is damaged.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import Qwen2Model

    try:
        encode = plain_encoder((folder / TOKENIZER).read_text(encoding="utf-8"))
        with _quiet():
            model = Qwen2Model.from_pretrained(folder, dtype=torch.bfloat16, local_files_only=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelUnavailableError(f"the local judge's base in {folder} is damaged: delete that folder") from error
    model.requires_grad_(requires_grad=False).to(torch.device(device)).train(mode=False)  # type: ignore[arg-type]
    return model, encode


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars away from anything but a terminal."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    if sys.stderr.isatty() or not shown:
        yield
        return
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # not every bar asks
            yield
    finally:
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]
