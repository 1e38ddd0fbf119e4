"""The oracle itself, against PyTorch and against the definitions."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.attention.reference import attend_reference, attention_logits


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_agrees_with_pytorch_in_float64(draw, heads):
    query, key, value = draw((2, 4, 9, 8), (2, heads, 13, 8), (2, heads, 13, 8))
    theirs = scaled_dot_product_attention(query, key, value, enable_gqa=True)
    torch.testing.assert_close(attend_reference(query, key, value).out, theirs)


@pytest.mark.parametrize(("queries", "keys"), [(7, 7), (3, 7), (1, 7)])
def test_causal_aligns_the_last_query_with_the_last_key(draw, queries, keys):
    query, key, value = draw((1, 2, queries, 8), (1, 2, keys, 8), (1, 2, keys, 8))
    whole = attend_reference(torch.cat([key[:, :, : keys - queries], query], 2), key, value, causal=True).out
    part = attend_reference(query, key, value, causal=True).out
    torch.testing.assert_close(part, whole[:, :, keys - queries :])
    theirs = scaled_dot_product_attention(key, key, value, is_causal=True)
    torch.testing.assert_close(attend_reference(key, key, value, causal=True).out, theirs)


@pytest.mark.parametrize("window", [1, 3, 7, 50])
def test_window_is_the_number_of_keys_a_query_may_see_itself_included(draw, window):
    query, key = draw((1, 1, 7, 8), (1, 1, 7, 8))
    seen = attention_logits(query, key, window=window)[0, 0].isfinite()
    assert seen.sum(1).tolist() == [min(window, t + 1) for t in range(7)]
    assert seen.diagonal().all()


def test_rows_that_see_nothing_are_zero_and_pass_no_gradient(draw):
    query, key, value = (x.requires_grad_() for x in draw((1, 1, 5, 4), (1, 1, 2, 4), (1, 1, 2, 4)))
    part = attend_reference(query, key, value, causal=True)
    assert (part.out[:, :, :3] == 0).all()
    assert (part.lse[:, :, :3] == -torch.inf).all()
    part.out.sum().backward()
    assert (query.grad[:, :, :3] == 0).all()
    assert all(x.grad.isfinite().all() for x in (query, key, value))


def test_half_precision_is_computed_in_float64(draw):
    query, key, value = draw((1, 1, 5, 4), (1, 1, 5, 4), (1, 1, 5, 4), dtype=torch.float16)
    part = attend_reference(query, key, value)
    assert part.out.dtype == torch.float64
    assert torch.equal(part.out, attend_reference(query.double(), key.double(), value.double()).out)
