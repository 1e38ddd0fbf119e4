"""A judge's updates in eight bits: small files, a bounded error, and nothing lost on the way."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load, save_file

from grader.errors import ModelUnavailableError
from grader.judge.adapter import load_adapter
from grader.judge.layout import LAYOUT_VERSION
from training.card import command, quantise
from training.export_judge import compress, error, export, pack


@pytest.fixture
def run_folder(tmp_path):
    """A run with two updates, one of them with a row of nothing."""
    torch.manual_seed(0)
    tensors = {
        "layers.0.mlp.up_proj.a": torch.randn(4, 96) / 10,
        "layers.0.mlp.up_proj.b": torch.randn(64, 4) * 1e-3,
        "layers.1.mlp.up_proj.a": torch.randn(4, 96) / 10,
        "layers.1.mlp.up_proj.b": torch.randn(64, 4) * torch.logspace(-5, 1, 64)[:, None],
        "head.out.bias": torch.randn(5),
    }
    tensors["layers.0.mlp.up_proj.b"][3] = 0
    folder = tmp_path / "run"
    folder.mkdir()
    save_file({name: tensor.half() for name, tensor in tensors.items()}, folder / "adapter-1-of-1.safetensors")
    facts = {"layout": LAYOUT_VERSION, "rank": 4, "alpha": 8, "args": {"seed": 1}}
    (folder / "adapter.json").write_text(json.dumps(facts))
    return folder


def test_a_round_trip_errs_by_half_a_step_of_its_row(run_folder, tmp_path):
    export(run_folder, tmp_path / "out")
    before, after = load_adapter(run_folder), load_adapter(tmp_path / "out")
    assert set(after.tensors) == set(before.tensors)
    assert after.scale == before.scale
    for name, exact in before.tensors.items():
        kept = after.tensors[name]
        if name.startswith("head."):
            assert torch.equal(kept, exact)
            continue
        # half a step of 1/127, and what rounding the step itself to float16 (2^-25 at the least) adds over 127 of them
        step = exact.float().abs().amax(dim=1, keepdim=True) / 127
        assert ((kept - exact.float()).abs() <= 0.5 * step * (1 + 2**-10) + 127 * torch.maximum(
            step * 2**-11, torch.tensor(2.0**-25)
        )).all()  # fmt: skip


def test_the_error_of_an_update_is_small_and_told(run_folder, tmp_path):
    export(run_folder, tmp_path / "out")
    assert 0 < error(run_folder, tmp_path / "out") < 0.01


def test_a_row_of_nothing_stays_nothing():
    eight, scale = quantise(torch.zeros(2, 3))
    assert torch.equal(eight.float() * scale.float(), torch.zeros(2, 3))


def test_files_are_cut_where_they_would_grow_too_large():
    tensors = {str(index): torch.zeros(10, 10, dtype=torch.int8) for index in range(7)}
    files = pack(tensors, limit=300)
    assert [len(load(file)) for file in files] == [3, 3, 1]
    assert [list(load(file)) for file in pack({"a": torch.zeros(900)}, limit=300)] == [["a"]]


def test_matrices_take_a_byte_a_number(run_folder):
    small = compress(load_adapter(run_folder).tensors)
    assert small["layers.0.mlp.up_proj.a"].dtype == torch.int8
    assert small["layers.0.mlp.up_proj.a.scale"].dtype == torch.float16
    assert small["head.out.bias"].dtype == torch.float16


@pytest.mark.parametrize("damage", ["scale", "short", "hash"])
def test_a_damaged_export_is_noticed(run_folder, tmp_path, damage):
    out = tmp_path / "out"
    export(run_folder, out)
    file = out / "adapter-1-of-1.safetensors"
    tensors = load(file.read_bytes())
    name = "layers.0.mlp.up_proj.b.scale"
    if damage == "scale":
        del tensors[name]
    else:
        tensors[name] = tensors[name][:-1] if damage == "short" else tensors[name] * 2
    save_file(tensors, file)
    if damage != "hash":  # even files whose hashes nobody wrote down
        facts = json.loads((out / "adapter.json").read_text())
        del facts["sha256"]
        (out / "adapter.json").write_text(json.dumps(facts))
    with pytest.raises(ModelUnavailableError, match="damaged"):
        load_adapter(out)


def test_the_card_words_the_command_without_its_places():
    args = {"pairs": "p", "out": "o", "rank": 16, "tiny": False, "checkpoint": True, "model": ""}
    assert command("training.x", args, {"pairs", "out"}) == "python -m training.x --rank 16 --checkpoint"
