"""The public interface: packed sequences, the choice of implementation, and what it tells a caller who errs."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import attention
from grader.attention import ArgumentError, ImplUnavailableError, attend, attend_varlen

LENGTHS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4)


def _ends(lengths: list[int]) -> torch.Tensor:
    return torch.tensor([0, *torch.tensor(lengths, dtype=torch.long).cumsum(0).tolist()], dtype=torch.int32)


@settings(max_examples=30, deadline=None)
@given(
    lengths=LENGTHS,
    limits=st.sampled_from([{}, {"causal": True}, {"window": 3}]),
    impl=st.sampled_from(["auto", "reference", "tiled"]),
)
def test_packed_sequences_are_those_computed_one_by_one(draw, lengths, limits, impl):
    queries, keys = [t for t, _ in lengths], [s for _, s in lengths]
    query, key, value = draw((sum(queries), 4, 8), (sum(keys), 2, 8), (sum(keys), 2, 8), dtype=torch.float32)
    packed = attend_varlen(query, key, value, _ends(queries), _ends(keys), **limits, impl=impl)
    assert packed.shape == query.shape
    rows = [x.split(n) for x, n in ((query, queries), (key, keys), (value, keys), (packed, queries))]
    for q, k, v, out in zip(*rows, strict=True):
        one = attend(*(x.transpose(0, 1)[None] for x in (q, k, v)), **limits, impl=impl)
        assert torch.equal(out, one[0].transpose(0, 1))


def test_packed_keys_are_cut_like_the_queries_by_default(draw):
    tensors = draw((7, 2, 4), (7, 2, 4), (7, 2, 4))
    ends = _ends([3, 4])
    assert torch.equal(attend_varlen(*tensors, ends), attend_varlen(*tensors, ends, ends.long()))


def test_packed_gradients_stay_inside_their_sequence(draw):
    query, key, value = (x.requires_grad_() for x in draw((7, 2, 4), (7, 2, 4), (7, 2, 4)))
    attend_varlen(query, key, value, _ends([3, 4]))[:3].sum().backward()
    assert key.grad[:3].any()
    assert not any(x.grad[3:].any() for x in (query, key, value))


def test_auto_is_tiled_without_a_kernel(draw):
    tensors = draw((1, 2, 5, 8), (1, 1, 5, 8), (1, 1, 5, 8), dtype=torch.float32)
    assert torch.equal(attend(*tensors), attend(*tensors, impl="tiled"))


def test_implementations_differ_by_the_rounding_of_the_result_at_most(draw):
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        tensors = draw((1, 2, 50, 8), (1, 1, 50, 8), (1, 1, 50, 8), dtype=dtype)
        ours, exact = (attend(*tensors, impl=impl) for impl in ("tiled", "reference"))
        torch.testing.assert_close(ours, exact, rtol=torch.finfo(dtype).eps, atol=0)


Q, K = torch.zeros(2, 4, 5, 8), torch.zeros(2, 2, 6, 8)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("text", K, K), {}, r"query: must be a torch\.Tensor, got str"),
        ((Q[0], K, K), {}, r"query: must have the axes \(B, H, T, D\), got shape \(4, 5, 8\)"),
        ((Q, K[0], K), {}, r"key: must have the axes \(B, G, S, D\), got shape \(2, 6, 8\)"),
        ((Q.int(), K, K), {}, r"query: must be floating, got torch\.int32"),
        ((Q[..., :0], K, K), {}, r"query: head size must be at least 1, got shape \(2, 4, 5, 0\)"),
        ((Q, K.half(), K), {}, r"key: must be torch\.float32 as query is, got torch\.float16"),
        ((Q, K, K.double()), {}, r"value: must be torch\.float32 as query is, got torch\.float64"),
        ((Q, K.to("meta"), K), {}, r"key: must be on cpu as query is, got meta"),
        ((Q, K[..., :4], K), {}, r"key: head size must be 8 as in query, got shape \(2, 2, 6, 4\)"),
        ((Q, K[:1], K), {}, r"key: batch must be 2 as in query, got shape \(1, 2, 6, 8\)"),
        ((Q, K, K[:, :, :5]), {}, r"value: must have the shape of key \(2, 2, 6, 8\), got \(2, 2, 5, 8\)"),
        ((Q[:, :3], K, K), {}, r"query: heads must be a multiple of the heads of key, got H=3, G=2"),
        ((Q, K[:, :0], K[:, :0]), {}, r"H=4, G=0"),
        ((Q, K, K), {"window": -3}, r"window: must be at least 1.*got -3"),
        ((Q, K, K), {"window": 0}, r"window: must be at least 1.*got 0"),
        ((Q, K, K), {"window": 2.5}, r"window: must be an int or None, got 2\.5"),
        ((Q, K, K), {"window": True}, r"window: must be an int or None, got True"),
        ((Q, K, K), {"scale": float("nan")}, r"scale: must be a finite number or None, got nan"),
        ((Q, K, K), {"scale": "1"}, r"scale: must be a finite number or None, got '1'"),
    ],
)
def test_an_unusable_argument_is_named_and_quoted(arguments, options, message):
    with pytest.raises(ArgumentError, match=message):
        attend(*arguments, **options)


def test_an_implementation_that_does_not_exist_is_refused():
    with pytest.raises(
        ImplUnavailableError, match=r"impl: must be one of auto, reference, tiled, triton; got 'triton9'"
    ):
        attend(Q, K, K, impl="triton9")


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ([0, 3], r"cu_seqlens_q: must rise from 0 to the 7 packed tokens, got \[0, 3\]"),
        ([1, 7], r"got \[1, 7\]"),
        ([0, 5, 3, 7], r"got \[0, 5, 3, 7\]"),
        ([], r"got \[\]"),
    ],
)
def test_offsets_that_do_not_cut_the_tokens_are_refused(draw, ends, message):
    tensors = draw((7, 2, 4), (7, 2, 4), (7, 2, 4))
    with pytest.raises(ArgumentError, match=message):
        attend_varlen(*tensors, torch.tensor(ends, dtype=torch.int32))


def test_offsets_of_the_wrong_kind_are_refused(draw):
    tensors = draw((7, 2, 4), (7, 2, 4), (7, 2, 4))
    with pytest.raises(ArgumentError, match=r"cu_seqlens_q: must be an int32 or int64 tensor \(B \+ 1,\), got list"):
        attend_varlen(*tensors, [0, 7])
    with pytest.raises(ArgumentError, match=r"got torch\.float32 \(2,\)"):
        attend_varlen(*tensors, torch.tensor([0.0, 7.0]))
    with pytest.raises(
        ArgumentError, match=r"cu_seqlens_k: must end 1 sequences as cu_seqlens_q does, got \[0, 3, 7\]"
    ):
        attend_varlen(*tensors, _ends([7]), _ends([3, 4]))
    with pytest.raises(ArgumentError, match=r"query: must have the axes \(N, H, D\)"):
        attend_varlen(Q, K, K, _ends([7]))


def test_the_readme_shows_what_happens():
    readme = Path(attention.__file__).with_name("README.md")
    assert doctest.testfile(str(readme), module_relative=False).failed == 0
