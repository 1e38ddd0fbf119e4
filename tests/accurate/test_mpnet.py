"""Where the accurate tier's second model comes from, and what is said where it cannot be had."""

from __future__ import annotations

import hashlib
import json

import huggingface_hub
import pytest
import torch
from accurate_fakes import TOKENIZER, encode, random_updates, tiny_model
from safetensors.torch import save

from grader import mpnet
from grader.errors import ModelUnavailableError
from grader.mpnet import ADAPTER, build_mpnet, find_base, read_added, read_mpnet
from grader.shipped import CARD

training = pytest.importorskip("training.card", reason="the training code comes with the checkout only")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """What training added to the tiny model, in place of what ships."""
    added = random_updates(tiny_model())
    tensors = {}
    for name, tensor in added.tensors.items():
        if name.startswith("head."):
            tensors[name] = tensor.half()
        else:
            tensors[name], tensors[f"{name}.scale"] = training.quantise(tensor)
    data = save(tensors)
    (tmp_path / ADAPTER).write_bytes(data)
    (tmp_path / CARD).write_text(json.dumps({"sha256": hashlib.sha256(data).hexdigest(), "scale": 2.0}))
    monkeypatch.setattr(mpnet, "WEIGHTS", tmp_path)
    return tmp_path


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub that has the tiny model's files, which are the right ones."""
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / mpnet.TENSORS).write_bytes(save(dict(tiny_model().state_dict())))
    (folder / mpnet.TOKENIZER).write_text(TOKENIZER, encoding="utf-8")
    asked = []

    def download(repo: str, name: str, *, revision: str) -> str:
        asked.append((repo, name, revision))
        return str(folder / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    monkeypatch.setattr(mpnet, "SHA256", digests)
    return folder, asked


def test_the_model_is_built_from_the_hub_and_the_package(shipped, hub):
    model = read_mpnet()
    assert {name for _, name, _ in hub[1]} == {mpnet.TENSORS, mpnet.TOKENIZER}
    assert {(repo, revision) for repo, _, revision in hub[1]} == {(mpnet.REPO_ID, mpnet.REVISION)}
    card = json.loads((shipped / CARD).read_text())
    digest = hashlib.sha256(f"{card['sha256']} {card['scale']}".encode()).hexdigest()
    assert model.revision == f"mpnet:{mpnet.SHA256[mpnet.TENSORS][:12]}+{digest[:12]}"
    exact = build_mpnet(tiny_model().state_dict(), random_updates(tiny_model()), encode)
    for (name, one), two in zip(model.encoder.named_parameters(), exact.encoder.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=2e-3, rtol=1e-2, msg=name)  # eight bits


@pytest.mark.usefixtures("shipped")
def test_a_file_of_the_hub_that_is_another_is_refused(hub):
    folder, _ = hub
    (folder / mpnet.TENSORS).write_bytes(b"other")
    with pytest.raises(ModelUnavailableError, match=r"has SHA-256 .*, expected .*: delete it and download it again"):
        read_mpnet()


def test_without_a_hub_it_is_said_how_to_get_the_model(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(ModelUnavailableError) as error:
        find_base(mpnet.TENSORS)
    assert f"hf download {mpnet.REPO_ID} {mpnet.TENSORS} {mpnet.TOKENIZER} --revision {mpnet.REVISION}" in str(
        error.value
    )
    assert "or use the embedded tier" in str(error.value)


@pytest.mark.parametrize("name", [ADAPTER, CARD])
def test_what_ships_absent_is_said(shipped, name):
    (shipped / name).unlink()
    with pytest.raises(ModelUnavailableError, match=f"{name}; reinstall the grader, or use --tier embedded"):
        read_added()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"sha256": "0"}',
        '{"sha256": "0", "scale": "x"}',
        '{"sha256": "0", "scale": NaN}',
        "[" * 100_000,
    ],
)
def test_a_damaged_card_is_said(shipped, text):
    (shipped / CARD).write_text(text)
    with pytest.raises(ModelUnavailableError, match=r"card\.json is damaged; reinstall the grader"):
        read_added()


def test_an_altered_adapter_is_said(shipped):
    data = bytearray((shipped / ADAPTER).read_bytes())
    data[-1] ^= 1
    (shipped / ADAPTER).write_bytes(data)
    with pytest.raises(ModelUnavailableError, match=r"adapter\.safetensors has SHA-256 .*; reinstall the grader"):
        read_added()


@pytest.mark.parametrize("lacking", ["encoder.layer.2.output.dense.weight", "encoder.layer.0.attention.attn.q.bias"])
def test_parts_that_do_not_fit_are_said(lacking):
    base = {name: tensor for name, tensor in tiny_model().state_dict().items() if name != lacking}
    with pytest.raises(ModelUnavailableError, match="does not fit"):
        build_mpnet(base, random_updates(tiny_model()), encode)
