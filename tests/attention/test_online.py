"""The running softmax and its merge are identities, wherever the keys are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from grader.attention import Partial, attend_partial, merge
from grader.attention.online import begin, finish, fold


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 40), max_size=6),
    seed=st.integers(0, 2**16),
    loudness=st.sampled_from([0.0, 1.0, 30.0, 1000.0]),
)
def test_folding_at_any_cuts_is_ordinary_softmax(draw, cuts, seed, loudness):
    """Tolerance: both ways sum at most 41 float64 weights, each within a few roundings."""
    logits, value, query = draw((2, 5, 41), (2, 41, 3), (2, 5, 3), seed=seed)
    logits *= loudness
    edges = sorted({0, *cuts, 41})
    running = begin(query)
    for start, stop in pairwise(edges):
        running = fold(running, logits[..., start:stop].clone(), value[:, start:stop])
    part = finish(running)
    torch.testing.assert_close(part.out, torch.softmax(logits, -1) @ value, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(part.lse, torch.logsumexp(logits, -1), rtol=1e-12, atol=1e-13)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 23), seed=st.integers(0, 2**16), impl=st.sampled_from(["reference", "tiled"]))
def test_splitting_anywhere_and_merging_is_the_whole(draw, cut, seed, impl):
    query, key, value = draw((2, 4, 3, 8), (2, 2, 23, 8), (2, 2, 23, 8), seed=seed)
    whole = attend_partial(query, key, value, impl=impl)
    left = attend_partial(query, key[:, :, :cut], value[:, :, :cut], impl=impl)
    right = attend_partial(query, key[:, :, cut:], value[:, :, cut:], impl=impl)
    for merged in (merge(left, right), merge(right, left)):
        torch.testing.assert_close(merged.out, whole.out, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(merged.lse, whole.lse, rtol=1e-12, atol=1e-13)


def test_merging_two_empty_parts_stays_empty():
    empty = Partial(torch.zeros(1, 1, 2, 3), torch.full((1, 1, 2), -torch.inf))
    merged = merge(empty, empty)
    assert (merged.out == 0).all()
    assert (merged.lse == -torch.inf).all()


def test_gradients_pass_through_a_merge(draw):
    query, key, value = draw((1, 2, 3, 4), (1, 2, 6, 4), (1, 2, 6, 4))

    def split(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = [attend_partial(query, key[:, :, s], value[:, :, s]) for s in (slice(0, 2), slice(2, 6))]
        return merge(*parts).out

    assert torch.autograd.gradcheck(split, [x.requires_grad_() for x in (query, key, value)])


def test_parts_of_different_queries_do_not_merge():
    one = Partial(torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2))
    other = Partial(torch.zeros(1, 1, 4, 3), torch.zeros(1, 1, 4))
    with pytest.raises(ValueError, match=r"b: .*\(1, 1, 2, 3\).*\(1, 1, 4, 3\)"):
        merge(one, other)
