"""What training saves is what the judge loads."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from grader.judge import LocalJudge
from grader.judge.adapter import build_head, load_adapter, merge
from grader.judge.layout import LAYOUT_VERSION, Layout, encode_texts

train_judge = pytest.importorskip("training.train_judge", reason="the training code comes with the checkout only")
from training.lora import LoRA, add_lora  # noqa: E402 -- after importorskip


def test_a_saved_adapter_gives_the_probabilities_that_training_saw(tmp_path):
    torch.manual_seed(0)
    body, encode = train_judge.tiny_body()
    body = body.float().eval()
    base = copy.deepcopy(body)
    add_lora(body, 4)
    model = train_judge.JudgeModel(body).eval()
    with torch.no_grad():
        for part in body.modules():
            if isinstance(part, LoRA):
                part.a.copy_(part.a.half())
                part.b.copy_(torch.randn_like(part.b).half())
        for parameter in model.head.parameters():
            parameter.copy_(torch.randn_like(parameter).half())
    body.requires_grad_(requires_grad=False)
    for name, parameter in body.named_parameters():
        parameter.requires_grad = name.endswith((".a", ".b"))
    train_judge.save(model, tmp_path, {"layout": LAYOUT_VERSION, "rank": 4, "alpha": 8})

    layout = Layout.of(encode)
    asked, said, held = encode_texts(encode, ["Why?", "Because it is cold.", "A point."])
    items = [([*layout.prefix(asked, said), *layout.suffix(held)],)]
    with torch.no_grad():
        expected = model(*train_judge.collate(items, "cpu")).softmax(-1)[0]

    adapter = load_adapter(tmp_path)
    merge(base, adapter)
    judge = LocalJudge(base, encode, build_head(adapter, 64, "cpu"), prefaces={}, identity="test")
    (read,) = judge.read("Why?", "Because it is cold.", ["A point."], "en")
    torch.testing.assert_close(torch.tensor(read), expected, atol=1e-4, rtol=1e-3)
    assert not math.isclose(read[0], 0.2, abs_tol=1e-3)
