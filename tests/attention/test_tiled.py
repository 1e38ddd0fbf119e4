"""The tile loop: exact forward and backward, whatever the lengths, heads, limits and inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from grader.attention import attend, attend_partial
from grader.attention.recorder import AllocationRecorder
from grader.attention.reference import attend_reference
from grader.attention.tiled import ContiguousKeys, Tile, attend_source, attend_tiled
from grader.attention.visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Callable

HALVES_AND_SINGLE = [torch.float16, torch.bfloat16, torch.float32]


def _adversarial(query: Tensor, key: Tensor) -> None:
    """Rows that try the running maximum: rising, falling, one giant, all equal."""
    query[:, :, :, 1:] = 0
    query[:, :, :, 0] = 4
    key[..., 0] = torch.linspace(-40, 40, key.shape[2])
    key[:, 0, :, 0] = key[:, 0, :, 0].flip(-1)
    query[:, :, 1::4, 0] = 0
    key[:, :, key.shape[2] // 2, 0] = 60


def _with_gradients(
    compute: Callable[..., Tensor], tensors: list[Tensor], grad: Tensor, dtype: torch.dtype
) -> list[Tensor]:
    leaves = [x.detach().to(dtype, copy=True).requires_grad_() for x in tensors]
    out = compute(*leaves)
    out.backward(grad.to(dtype))
    return [out.detach(), *(x.grad for x in leaves)]


@pytest.mark.parametrize("dtype", HALVES_AND_SINGLE)
@pytest.mark.parametrize(
    ("queries", "keys", "size", "heads", "loudness"),
    [
        (63, 63, 32, (4, 2), 1),
        (1, 1000, 64, (2, 1), 1),
        (129, 257, 64, (2, 2), 1),
        (100, 100, 128, (2, 1), 20),
        (64, 90, 16, (4, 1), "adversarial"),
    ],
)
@pytest.mark.parametrize("causal", [False, True])
def test_error_is_at_most_1_2_times_that_of_pytorch(draw, dtype, *, queries, keys, size, heads, loudness, causal):
    """Bound: largest error against float64, ours over that of scaled_dot_product_attention's math backend.

    Rounding the result to ``dtype`` costs both up to half a unit in the last place. PyTorch adds to it the
    round-off of float32 sums; ours, of float64 sums, is smaller than that rounding by a factor of 2**29 or more.
    What is left to differ is where among the outputs the largest rounding falls: of hundreds, it comes within a
    few per cent of the half unit either way, which 1.2 covers.
    """
    shape = (1, heads[1], keys, size)
    query, key, value, grad = draw((1, heads[0], queries, size), shape, shape, (1, heads[0], queries, size))
    if loudness == "adversarial":
        _adversarial(query, key)
    else:
        query *= loudness
    inputs = [x.to(dtype) for x in (query, key, value)]
    grad = grad.to(dtype)
    mask = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries) if causal else None

    def theirs(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            return scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)

    exact = _with_gradients(lambda *x: attend(*x, causal=causal, impl="reference"), inputs, grad, torch.float64)
    ours = _with_gradients(lambda *x: attend(*x, causal=causal, impl="tiled"), inputs, grad, dtype)
    peers = _with_gradients(theirs, inputs, grad, dtype)
    for name, truth, our, peer in zip(("out", "query", "key", "value"), exact, ours, peers, strict=True):
        our_error, peer_error = ((x.double() - truth).abs().max() for x in (our, peer))
        assert our_error <= 1.2 * peer_error, name


@settings(max_examples=60, deadline=None)
@given(
    queries=st.integers(1, 20),
    keys=st.integers(0, 20),
    rows=st.integers(1, 9),
    cols=st.integers(1, 9),
    causal=st.booleans(),
    window=st.none() | st.integers(1, 30),
    seed=st.integers(0, 2**16),
)
def test_every_geometry_agrees_with_the_reference(draw, *, queries, keys, rows, cols, causal, window, seed):
    """Tolerance: both ways sum at most 20 float64 terms, forward and backward."""
    shapes = [(1, 4, queries, 4), (1, 2, keys, 4), (1, 2, keys, 4)]
    *tensors, grad = draw(*shapes, (1, 4, queries, 4), seed=seed)
    limits = {"causal": causal, "window": window}
    ours = _with_gradients(
        lambda *x: attend_tiled(*x, **limits, tile=Tile(rows, cols)).out, tensors, grad, torch.float64
    )
    exact = _with_gradients(lambda *x: attend_reference(*x, **limits).out, tensors, grad, torch.float64)
    for our, truth in zip(ours, exact, strict=True):
        torch.testing.assert_close(our, truth, rtol=1e-12, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), order=st.permutations(range(19)))
def test_permuting_the_keys_changes_nothing(draw, seed, order):
    query, key, value = draw((1, 2, 5, 8), (1, 2, 19, 8), (1, 2, 19, 8), seed=seed)
    out = attend_tiled(query, key, value, tile=Tile(4, 4)).out
    permuted = attend_tiled(query, key[:, :, order], value[:, :, order], tile=Tile(4, 4)).out
    torch.testing.assert_close(permuted, out, rtol=1e-12, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(length=st.integers(1, 40), beyond=st.integers(0, 10**9), seed=st.integers(0, 2**16))
def test_a_window_as_wide_as_the_keys_is_causal(draw, length, beyond, seed):
    query, key, value = draw((1, 2, length, 8), (1, 2, length, 8), (1, 2, length, 8), seed=seed)
    wide = attend(query, key, value, window=length + beyond, impl="tiled")
    assert torch.equal(wide, attend(query, key, value, causal=True, impl="tiled"))


@settings(max_examples=25, deadline=None)
@given(heads=st.sampled_from([1, 2, 3, 6]), causal=st.booleans(), seed=st.integers(0, 2**16))
def test_groups_are_repeated_heads(draw, heads, causal, seed):
    query, key, value = draw((2, 6, 7, 8), (2, heads, 9, 8), (2, heads, 9, 8), seed=seed)
    repeated = [x.repeat_interleave(6 // heads, 1) for x in (key, value)]
    out = attend(query, key, value, causal=causal, impl="tiled")
    torch.testing.assert_close(out, attend(query, *repeated, causal=causal, impl="tiled"), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("queries", "keys", "limits"),
    [(5, 5, {"causal": True}), (3, 6, {"window": 2}), (6, 3, {"causal": True}), (4, 5, {"scale": 0.3}), (1, 1, {})],
)
def test_gradients_of_output_and_log_sum_exp_are_those_of_finite_differences(draw, queries, keys, limits):
    tensors = draw((1, 4, queries, 3), (1, 2, keys, 3), (1, 2, keys, 3))

    def compute(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        part = attend_tiled(query, key, value, **limits, tile=Tile(2, 2))
        return part.out, part.lse.masked_fill(part.lse == -torch.inf, 0)

    assert torch.autograd.gradcheck(compute, [x.requires_grad_() for x in tensors])


def test_a_sequence_does_not_depend_on_its_batch(draw):
    query, key, value = draw((5, 4, 33, 16), (5, 2, 70, 16), (5, 2, 70, 16), dtype=torch.float32)
    batched = attend(query, key, value, impl="tiled")
    alone = [attend(query[b : b + 1], key[b : b + 1], value[b : b + 1], impl="tiled") for b in range(5)]
    assert torch.equal(batched, torch.cat(alone))


def test_strided_inputs_give_the_bits_of_contiguous_ones(draw):
    packed = draw((2, 9, 3, 4, 7), dtype=torch.float32)[0]
    query, key, value = (packed[:, :, i].transpose(1, 2) for i in range(3))
    out = attend(query, key, value, impl="tiled")
    assert torch.equal(out, attend(query.contiguous(), key.contiguous(), value.contiguous(), impl="tiled"))


def test_keys_that_no_query_sees_are_never_read(draw):
    query, key, value = draw((1, 2, 3, 8), (1, 2, 50, 8), (1, 2, 50, 8))
    key[:, :, :40] = value[:, :, :40] = torch.nan
    assert attend(query, key, value, window=8, impl="tiled").isfinite().all()


def test_only_visible_tiles_are_loaded(draw):
    query, key, value = draw((2, 64, 8), (1, 64, 8), (1, 64, 8))
    loads = []

    class Counted(ContiguousKeys):
        def load(self, start: int, stop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
            loads.append((start, stop))
            return super().load(start, stop, dtype)

    attend_source(query, Counted(key, value), causal=True, tile=Tile(16, 16))
    assert len(loads) == 4 * 5 / 2
    loads.clear()
    attend_source(query, Counted(key, value), window=1, tile=Tile(16, 16))
    assert loads == [(0, 16), (16, 32), (32, 48), (48, 64)]


@pytest.mark.parametrize("limits", [{}, {"causal": True}])
def test_no_buffer_grows_with_the_square_of_the_length(draw, limits):
    tensors = [x.requires_grad_() for x in draw(*[(1, 1, 256, 4)] * 3, dtype=torch.float32)]
    with AllocationRecorder() as recorder:
        attend_tiled(*tensors, **limits, tile=Tile(16, 16)).out.sum().backward()
    assert max(buffer.size_bytes for buffer in recorder.buffers) < 256 * 256


@pytest.mark.parametrize("impl", ["reference", "tiled"])
def test_a_logit_of_minus_infinity_is_a_key_that_is_not_there(draw, impl):
    query, key, value = draw((1, 2, 6, 4), (1, 2, 9, 4), (1, 2, 9, 4))
    query = query.abs()
    key[:, :, 4] = -torch.inf
    rest = [0, 1, 2, 3, 5, 6, 7, 8]
    part = attend_partial(query, key, value, impl=impl)
    without = attend_partial(query, key[:, :, rest], value[:, :, rest], impl=impl)
    torch.testing.assert_close(part.out, without.out, rtol=1e-12, atol=1e-13)
    key[:] = -torch.inf
    assert (attend(query, key, value, impl=impl) == 0).all()


@pytest.mark.parametrize("impl", ["reference", "tiled"])
@pytest.mark.parametrize("dtype", [*HALVES_AND_SINGLE, torch.float64])
def test_edges_give_zeros_or_nothing_and_never_nan(draw, impl, dtype):
    def run(batch: int, queries: int, keys: int, **limits: object) -> Tensor:
        shapes = (batch, 2, queries, 8), (batch, 1, keys, 8), (batch, 1, keys, 8)
        tensors = [x.requires_grad_() for x in draw(*shapes, dtype=dtype)]
        out = attend(*tensors, **limits, impl=impl)
        out.sum().backward()
        assert out.dtype == dtype
        assert out.shape == tensors[0].shape
        assert all(x.grad.isfinite().all() for x in tensors)
        return out

    assert (run(2, 3, 0) == 0).all()
    assert run(2, 0, 3).numel() == 0
    assert run(0, 3, 3).numel() == 0
    assert (run(1, 5, 2, causal=True)[:, :, :3] == 0).all()
    value = draw((1, 2, 1, 8), (1, 1, 1, 8), (1, 1, 1, 8), dtype=dtype)[2]
    assert torch.equal(run(1, 1, 1, window=1), value.expand(1, 2, 1, 8))


@settings(max_examples=60, deadline=None)
@given(
    queries=st.integers(1, 12),
    keys=st.integers(0, 12),
    causal=st.booleans(),
    window=st.none() | st.integers(1, 14),
    span=st.tuples(st.integers(0, 11), st.integers(1, 12)),
)
def test_spans_are_exactly_what_the_mask_leaves(queries, keys, causal, window, span):
    visibility = Visibility(queries, keys, causal, window)
    hidden = visibility.hidden(range(queries), range(keys), torch.device("cpu"))
    visible = torch.ones(queries, keys, dtype=torch.bool) if hidden is None else ~hidden
    assert visibility.pairs == int(visible.sum())
    start, stop = min(span[0], queries - 1), min(span[0], queries - 1) + 1
    seen = visible[start:stop].any(0).nonzero().flatten().tolist()
    assert list(range(*visibility.key_span(start, stop))) == seen
    if keys:
        first = min(span[0], keys - 1)
        last = min(keys, first + span[1])
        seers = visible[:, first:last].any(1).nonzero().flatten().tolist()
        assert list(range(*visibility.query_span(first, last))) == seers
