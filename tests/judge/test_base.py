"""Where the local judge's base comes from."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from grader.errors import ModelUnavailableError
from grader.judge import base


def make(_: Path, out: Path) -> None:
    (out / "model.safetensors").write_text("weights")


def test_a_converted_base_appears_whole(tmp_path):
    folder = tmp_path / "cache" / "judge" / "base"
    base.convert(tmp_path / "x.gguf", folder, make)
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_conversion_that_fails_leaves_nothing(tmp_path):
    def fail(_: Path, out: Path) -> None:
        (out / "model.safetensors").write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(ModelUnavailableError, match="no space left"):
        base.convert(tmp_path / "x.gguf", tmp_path / "judge" / "base", fail)
    assert list((tmp_path / "judge").iterdir()) == []


def test_the_first_of_two_conversions_stays(tmp_path):
    folder = tmp_path / "judge" / "base"

    def beaten(_: Path, out: Path) -> None:
        base.convert(tmp_path / "x.gguf", folder, make)
        (out / "model.safetensors").write_text("mine")

    base.convert(tmp_path / "x.gguf", folder, beaten)
    assert (folder / "model.safetensors").read_text() == "weights"
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ModelUnavailableError, match="cannot be kept"):
        base.convert(tmp_path / "x.gguf", tmp_path / "judge" / "base", make)


def test_a_file_in_the_place_of_the_cache_is_said(tmp_path):
    (tmp_path / "judge").write_text("")
    with pytest.raises(ModelUnavailableError, match="cannot be kept"):
        base.convert(tmp_path / "x.gguf", tmp_path / "judge" / "base", make)


def test_a_converted_base_is_not_looked_for_again(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(base, "find_gguf", lambda: pytest.fail("looked for the file"))
    folder = tmp_path / "judge" / f"{base.SHA256[:16]}-{base.CONVERSION}"
    folder.mkdir(parents=True)
    assert base.base_folder() == folder


def test_without_its_extra_nothing_is_downloaded_and_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(base, "find_gguf", lambda: pytest.fail("looked for the file"))
    monkeypatch.setattr(base.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelUnavailableError, match=r"`judge`, or run: pip install gguf accelerate$"):
        base.base_folder()


def test_a_model_that_cannot_be_had_says_how_to_get_it(monkeypatch):
    def missing(*_: str, **__: object) -> str:
        raise RuntimeError("a proxy said no")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", missing)
    with pytest.raises(ModelUnavailableError, match=r"hf download Qwen/Qwen2\.5-Coder-1\.5B-Instruct-GGUF"):
        base.find_gguf()


def test_a_file_with_another_hash_is_refused(tmp_path, monkeypatch):
    path = tmp_path / base.FILE
    path.write_text("something else")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: str(path))
    with pytest.raises(ModelUnavailableError, match="has SHA-256"):
        base.find_gguf()


@pytest.mark.parametrize("damage", ["missing", "tokenizer", "weights"])
def test_a_damaged_base_is_said(tmp_path, damage):
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    if damage != "missing":
        good = Tokenizer(BPE(vocab={"a": 0}, merges=[])).to_str()
        (tmp_path / "tokenizer.json").write_text("{" if damage == "tokenizer" else good)
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2"}))
        (tmp_path / "model.safetensors").write_bytes(b"\x00")
    with pytest.raises(ModelUnavailableError, match="damaged: delete that folder"):
        base.load_base(tmp_path, "cpu")


def test_a_written_base_is_read_back(tmp_path):
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from transformers import Qwen2Config, Qwen2Model

    config = Qwen2Config(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                         num_attention_heads=2, num_key_value_heads=1)  # fmt: skip
    written = Qwen2Model(config).to(torch.bfloat16)
    save_file(written.state_dict(), tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps({**config.to_dict(), "architectures": ["Qwen2Model"]}))
    (tmp_path / "tokenizer.json").write_text(Tokenizer(BPE(vocab={"a": 0, "b": 1}, merges=[])).to_str())
    model, encode = base.load_base(tmp_path, "cpu")
    assert encode(["ba"]) == [[1, 0]]
    assert not model.training
    for name, tensor in written.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
