"""The accurate tier's second model: what transformers' MPNet computes, and the same bits whatever it is read with."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from accurate_fakes import encode, random_updates, tiny_model
from pair_cases import cases_of_many_lengths, some_text
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from grader import packed
from grader.accurate import CrossReader, load_cross_reader
from grader.entail import Case
from grader.mpnet import REPO_ID, REVISION, TENSORS, Mpnet, buckets, build_mpnet
from grader.pair_head import PairHead, mean_state
from grader.pair_layout import ANSWER, STATEMENT, lay_out_answer, lay_out_statement
from grader.placement import Placement

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return cases_of_many_lengths(longest=220)


def build() -> Mpnet:
    model = tiny_model()
    return build_mpnet(model.state_dict(), random_updates(model), encode)


@pytest.fixture(scope="module")
def reader() -> CrossReader:
    """A tiny one, in float32."""
    return CrossReader(build())


def expected(case: Case) -> np.ndarray:
    """What transformers makes of a case, one pair at a time, and the classifier of training of that."""
    model = tiny_model()
    added = random_updates(model)
    with torch.no_grad():
        for name, b in added.tensors.items():
            if name.endswith(".b"):
                layer = name.removesuffix(".b")
                model.get_parameter(f"{layer}.weight").add_(added.scale * b @ added.tensors[f"{layer}.a"])
        head = PairHead(32).eval()
        head.load_state_dict({n.removeprefix("head."): t for n, t in added.tensors.items() if n.startswith("head.")})
        rows = []
        question, answer = encode([case.question, case.answer])
        for statement in encode(case.statements):
            (left, kinds), (right, more) = lay_out_statement(statement, question), lay_out_answer(answer)
            states = model(input_ids=torch.tensor([left + right])).last_hidden_state
            parts = torch.tensor([kinds + more])
            means = (mean_state(states, parts == part) for part in (STATEMENT, ANSWER))
            rows.append(head(*means, states[:, len(left)]).softmax(-1)[0].numpy())
    return np.stack(rows)


def test_it_reads_what_transformers_reads(reader, cases):
    for case in cases:
        assert np.abs(reader.read(*case) - expected(case)).max() < 1e-5  # rounded to six decimals


def test_a_reading_is_the_same_bits_whatever_it_is_read_with(reader, cases):
    together = reader.read_all(cases)
    backwards = reader.read_all(cases[::-1])[::-1]
    for case, *found in zip(cases, together, backwards, strict=True):
        alone = reader.read(*case)
        assert alone.shape == (len(case.statements), 5)
        assert all(alone.tobytes() == rows.tobytes() for rows in found)


@pytest.mark.parametrize("tokens", [1, 100, 100_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_reading_is_the_same_bits_in_batches_of_any_size(reader, cases, monkeypatch, tokens, threads):
    whole = np.concatenate(reader.read_all(cases))
    torch.set_num_threads(threads)
    monkeypatch.setattr(packed, "CPU_TOKENS", tokens)
    assert np.concatenate(reader.read_all(cases)).tobytes() == whole.tobytes()
    assert torch.get_num_threads() == threads


def test_nothing_to_read_is_nothing(reader):
    assert reader.read_all([]) == []


def test_where_two_tokens_stand_matters(reader):
    """The bias by distance and the positions are there: words in another order are another text."""
    one, other = (
        reader.read("row the running maximum", "", ["the row"]),
        reader.read("maximum running the row", "", ["the row"]),
    )
    assert np.abs(one - other).max() > 1e-4


def test_distances_fall_into_the_buckets_of_transformers():
    distances = np.arange(-600, 601)
    theirs = MPNetEncoder.relative_position_bucket(torch.from_numpy(distances))
    assert buckets(distances).tolist() == theirs.tolist()


def test_in_bfloat16_a_probability_hardly_moves_and_the_receipt_says_so(reader, cases):
    coarse = CrossReader(build(), Placement(precision="bfloat16"))
    moved = np.abs(np.concatenate(coarse.read_all(cases)) - np.concatenate(reader.read_all(cases)))
    assert 0 < moved.max() < 0.1  # random weights of this size round worse than trained ones
    assert coarse.revision == f"{reader.revision}+bfloat16"


def test_special_tokens_in_a_text_are_ordinary_characters():
    (ids,) = encode(["the</s> row"])
    assert 2 not in ids
    assert len(encode([some_text(400, 0)])[0]) == 400


@pytest.mark.gpu
def test_on_cuda_it_reads_the_same(reader, cases):
    theirs = CrossReader(build(), Placement(device="cuda"))
    assert np.abs(np.concatenate(theirs.read_all(cases)) - np.concatenate(reader.read_all(cases))).max() < 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("single_precision")
def test_the_model_that_ships_reads_and_is_the_same_bits_in_any_batch():
    from huggingface_hub import try_to_load_from_cache

    if not isinstance(try_to_load_from_cache(REPO_ID, TENSORS, revision=REVISION), str):
        in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
        (pytest.fail if in_ci else pytest.skip)(f"{REPO_ID} is not in the hub cache: hf download {REPO_ID}")
    found = load_cross_reader()
    statement = "Each tile rescales the running sum, so the result is exact."
    texts = ("Rescaling the sum makes it exact.", "It is only an approximation.", "I like turtles.")
    cases = [Case(text, "Is tiled attention exact?", [statement, "It is fast."]) for text in texts]
    together = found.read_all(cases)
    assert all(found.read(*case).tobytes() == rows.tobytes() for case, rows in zip(cases, together, strict=True))
    assert together[0][0][0] > max(together[1][0][0], together[2][0][0])
