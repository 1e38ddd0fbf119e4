"""What training saves, exported, gives the probabilities that training saw."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from accurate_fakes import encode, tiny_model
from safetensors.torch import save_file

from grader import mpnet
from grader.accurate import CrossReader
from grader.mpnet import build_mpnet, read_added

train_pair = pytest.importorskip("training.train_pair", reason="the training code comes with the checkout only")
from training import export_accurate  # noqa: E402 -- after importorskip
from training.lora import LoRA  # noqa: E402

TEXTS = ("the running maximum is rescaled", "is the row exactly rescaled", "la caché no crece")


@pytest.fixture
def run(tmp_path):
    """A run of the tiny model whose every update is far from nothing, and the model."""
    torch.manual_seed(3)
    model = train_pair.PairModel(tiny_model(), 0, prefix=False)
    train_pair.adapt(model, "lora", 4)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, LoRA):
                part.b.copy_(torch.randn_like(part.b) * 0.1)
    kept = {name: p for name, p in model.named_parameters() if p.requires_grad}
    save_file({name: p.detach().half().contiguous() for name, p in kept.items()}, tmp_path / "state.safetensors")
    report = {"args": {"base": mpnet.REPO_ID, "holdout": "dev", "rank": 4}, "report": {}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    return tmp_path, model.eval()


def test_an_exported_run_gives_the_probabilities_that_training_saw(run, tmp_path, monkeypatch):
    folder, model = run
    (tmp_path / "pairs").write_text("")
    paths = ["--pairs", str(tmp_path / "pairs"), "--shared", str(tmp_path), "--out", str(tmp_path / "mpnet")]
    monkeypatch.setattr(sys, "argv", ["export_accurate", str(folder), *paths])
    export_accurate.main()
    monkeypatch.setattr(mpnet, "WEIGHTS", tmp_path / "mpnet")
    reader = CrossReader(build_mpnet(tiny_model().state_dict(), read_added(), encode))

    statement, question, answer = encode(TEXTS)
    items = [train_pair.pack(statement, question, answer), train_pair.pack(question, [], statement)]
    with torch.no_grad():
        expected = model(*train_pair.collate(items, "cpu")).softmax(-1).numpy()
    read = [reader.read(TEXTS[2], TEXTS[1], [TEXTS[0]]), reader.read(TEXTS[0], "", [TEXTS[1]])]
    assert np.abs(np.concatenate(read) - expected).max() < 2e-3
    assert np.abs(expected - 0.2).max() > 0.02


def test_a_run_on_another_base_is_not_exported(run, monkeypatch):
    folder, _ = run
    (folder / "report.json").write_text(json.dumps({"args": {"base": "e5"}, "report": {}}))
    monkeypatch.setattr(sys, "argv", ["export_accurate", str(folder), "--pairs", "p", "--shared", "s", "--out", "o"])
    with pytest.raises(SystemExit, match="was trained on e5"):
        export_accurate.main()


def test_whole_matrices_are_not_exported():
    with pytest.raises(SystemExit, match="--method lora"):
        export_accurate.adapter({"encoder.encoder.layer.0.output.dense.weight": torch.zeros(2, 2)})
