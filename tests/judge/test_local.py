"""The judge on this machine, with a model of two random layers over bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from safetensors.torch import save_file

from grader.errors import ModelUnavailableError
from grader.judge import JudgeFailure, LocalJudge
from grader.judge.adapter import Adapter, build_head, load_adapter, merge
from grader.judge.head import JudgeHead
from grader.judge.layout import LAYOUT_VERSION
from grader.judge.local import WORDS, identify
from grader.judge.packing import pack, share_out

QUESTION, ANSWER = "Why does ice float?", "It is less dense than water."
STATEMENTS = ("Ice is less dense.", "Ice sinks because it is cold.", "Water.")


def encode(texts: Sequence[str]) -> list[list[int]]:
    return [list(text.encode()) for text in texts]


@pytest.fixture(scope="module")
def model():
    from transformers import Qwen2Config, Qwen2Model

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=256, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, initializer_range=0.3,
    )  # fmt: skip
    return Qwen2Model(config).eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(1)
    return JudgeHead(32).eval().requires_grad_(requires_grad=False)


@pytest.fixture
def judge(model, head):
    return LocalJudge(model, encode, head, prefaces={}, identity="test")


def alone(model, head, question: str, answer: str, statement: str) -> torch.Tensor:
    """Read one statement as one plain sequence, with nothing shared."""
    text = f"Question: {question}\nStudent: {answer}\nStatement: {statement}\nVerdict:"
    states = model(input_ids=torch.tensor([list(text.encode())]), use_cache=False).last_hidden_state
    return head(states[:, -1]).softmax(-1)[0]


def test_statements_read_together_are_read_as_if_alone(judge, model, head):
    for statement, p in zip(STATEMENTS, judge.read(QUESTION, ANSWER, STATEMENTS, "en"), strict=True):
        torch.testing.assert_close(torch.tensor(p), alone(model, head, QUESTION, ANSWER, statement))


@pytest.mark.parametrize("preface", ["", "Some examples.\n\n"])
def test_on_our_attention_it_reads_the_same(model, head, preface):
    prefaces = {"en": list(preface.encode())}
    sdpa = LocalJudge(model, encode, head, prefaces=prefaces, identity="test")
    ours = LocalJudge(copy.deepcopy(model), encode, head, prefaces=prefaces, identity="test", attention="ours")
    read = sdpa.read(QUESTION, ANSWER, STATEMENTS, "en")
    assert model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(torch.tensor(ours.read(QUESTION, ANSWER, STATEMENTS, "en")), torch.tensor(read))


def test_the_identity_names_our_attention_and_no_other():
    assert identify(None, "cpu", "ours") == identify(None, "cpu", "sdpa") + ":attention-ours"


def test_probabilities_sum_to_one_and_differ(judge):
    read = judge.read(QUESTION, ANSWER, STATEMENTS, "en")
    assert [sum(p) for p in read] == pytest.approx([1.0] * 3)
    assert len(set(read)) == 3


def test_the_same_question_gives_the_same_bits(judge):
    first = judge.read(QUESTION, ANSWER, STATEMENTS, "en")
    judge.read("Another?", "Something else.", STATEMENTS[:1], "en")
    assert judge.read(QUESTION, ANSWER, STATEMENTS, "es") == first


def test_many_statements_take_several_passes(judge, model, head):
    statements = [f"Statement number {number} of a long rubric." * 3 for number in range(24)]
    read = judge.read(QUESTION, ANSWER, statements, "en")
    torch.testing.assert_close(torch.tensor(read[-1]), alone(model, head, QUESTION, ANSWER, statements[-1]))


def test_no_statements_give_no_probabilities(judge):
    assert judge.read(QUESTION, ANSWER, (), "en") == []


@pytest.mark.parametrize("answer", ["", "\n", "<|im_end|>", "é" * 5000, "\ud800"])
def test_any_answer_is_read(judge, answer):
    assert len(judge.read(QUESTION, answer, STATEMENTS, "en")) == 3


def test_what_is_not_a_number_is_a_failure(model):
    judge = LocalJudge(model, encode, lambda states: states[:, :5] * torch.nan, prefaces={}, identity="test")
    assert judge.read(QUESTION, ANSWER, STATEMENTS, "en") == JudgeFailure("the local judge's output was not a number")


def test_worked_examples_are_read_once_and_change_nothing_later(model):
    words = list(WORDS.values())
    judge = LocalJudge.untrained(
        model, lambda texts: [[words.index(t)] if t in words else list(t.encode()) for t in texts], identity="test"
    )
    first = judge.read(QUESTION, ANSWER, STATEMENTS, "en")
    spanish = judge.read(QUESTION, ANSWER, STATEMENTS, "es")
    assert judge.read(QUESTION, ANSWER, STATEMENTS, "en") == first
    assert spanish != first


def test_worked_examples_kept_in_the_cache_read_as_one_text(model, head):
    preface = list(b"Some examples.\n\n")
    judge = LocalJudge(model, encode, head, prefaces={"en": preface}, identity="test")
    text = f"Question: {QUESTION}\nStudent: {ANSWER}\nStatement: {STATEMENTS[1]}\nVerdict:"
    states = model(input_ids=torch.tensor([[*preface, *text.encode()]]), use_cache=False).last_hidden_state
    read = judge.read(QUESTION, ANSWER, STATEMENTS, "en")
    torch.testing.assert_close(torch.tensor(read[1]), head(states[:, -1]).softmax(-1)[0])


def test_words_that_begin_alike_cannot_be_chosen_between(model):
    with pytest.raises(ValueError, match="first tokens must differ"):
        LocalJudge.untrained(model, encode, identity="test")  # every word begins with a space here


def test_an_ending_sees_the_beginning_and_itself_only():
    packed = pack([1, 2], [[3, 4], [5]], cached=1, dtype=torch.float32)
    seen = (packed.mask[0, 0] == 0).int().tolist()
    assert seen == [[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 1]]
    assert packed.positions.tolist() == [[1, 2, 3, 4, 3]]
    assert packed.last.tolist() == [3, 4]
    ends_q, ends_k = packed.ends_q.tolist(), packed.ends_k.tolist()
    for part, (start, stop) in enumerate(pairwise(ends_q)):
        keys = packed.keys[ends_k[part] : ends_k[part + 1]].tolist()
        assert keys == [place for place, visible in enumerate(seen[stop - 1]) if visible]
        assert keys[len(keys) - (stop - start) :] == [place + 1 for place in range(start, stop)]


def test_an_empty_ending_is_the_callers_mistake():
    with pytest.raises(ValueError, match="needs a token"):
        pack([1], [[2], []], cached=0, dtype=torch.float32)


def test_endings_are_shared_out_in_order():
    assert list(share_out([[1], [2, 2], [3, 3, 3], [4]], 3)) == [[[1], [2, 2]], [[3, 3, 3]], [[4]]]
    assert list(share_out([], 3)) == []


def write_adapter(folder, tensors, **changes: object) -> None:
    halves = list(tensors.items())
    for index, part in enumerate((halves[:3], halves[3:]), 1):
        save_file(dict(part), folder / f"adapter-{index}-of-2.safetensors")
    (folder / "adapter.json").write_text(json.dumps({"layout": LAYOUT_VERSION, "rank": 2, "alpha": 4, **changes}))


@pytest.fixture
def tensors(head) -> dict[str, torch.Tensor]:
    name = "layers.1.mlp.down_proj"
    update = {f"{name}.a": torch.randn(2, 48).half(), f"{name}.b": torch.randn(32, 2).half()}
    return {**update, **{f"head.{key}": value.half() for key, value in head.state_dict().items()}}


def test_an_adapter_is_read_whole_and_added(model, tensors, tmp_path):
    write_adapter(tmp_path, tensors)
    adapter = load_adapter(tmp_path)
    assert (adapter.scale, set(adapter.tensors)) == (2.0, set(tensors))
    changed = copy.deepcopy(model)
    merge(changed, adapter)
    name = "layers.1.mlp.down_proj"
    update = 2 * tensors[f"{name}.b"].float() @ tensors[f"{name}.a"].float()
    weight = model.get_parameter(f"{name}.weight")
    torch.testing.assert_close(changed.get_parameter(f"{name}.weight"), weight + update)
    torch.testing.assert_close(build_head(adapter, 32, "cpu").out.bias, tensors["head.out.bias"].float())


def test_a_missing_adapter_is_said(tmp_path):
    with pytest.raises(ModelUnavailableError, match="missing"):
        load_adapter(tmp_path)


def test_an_adapter_that_lacks_a_part_is_damaged(tensors, tmp_path):
    write_adapter(tmp_path, tensors)
    (tmp_path / "adapter-1-of-2.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match="damaged"):
        load_adapter(tmp_path)


@pytest.mark.parametrize("changes", [{"rank": 0}, {"rank": "x"}, {"layout": None}])
def test_an_adapter_with_senseless_facts_is_damaged(tensors, tmp_path, changes):
    write_adapter(tmp_path, tensors, **changes)
    with pytest.raises(ModelUnavailableError, match="damaged"):
        load_adapter(tmp_path)


def test_an_adapter_with_cut_off_tensors_is_damaged(tensors, tmp_path):
    write_adapter(tmp_path, tensors)
    (tmp_path / "adapter-2-of-2.safetensors").write_bytes(b"\x10")
    with pytest.raises(ModelUnavailableError, match="damaged"):
        load_adapter(tmp_path)


def test_an_adapter_for_another_layout_is_refused(tensors, tmp_path):
    write_adapter(tmp_path, tensors, layout=LAYOUT_VERSION + 1)
    with pytest.raises(ModelUnavailableError, match="layout"):
        load_adapter(tmp_path)


@pytest.mark.parametrize("layer", ["layers.9.mlp.down_proj", "layers.0.mlp.up_proj"])
def test_an_adapter_of_another_base_is_refused(model, layer):
    tensors = {f"{layer}.a": torch.zeros(2, 48), f"{layer}.b": torch.zeros(32, 2)}
    with pytest.raises(ModelUnavailableError, match="does not fit"):
        merge(copy.deepcopy(model), Adapter(tensors, 1.0, ""))
    with pytest.raises(ModelUnavailableError, match="classifier"):
        build_head(Adapter(tensors, 1.0, ""), 32, "cpu")
