"""The kernels on a GPU: every candidate configuration, and errors beside those of PyTorch's own attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from grader.attention import attend, attend_varlen
from grader.attention.kernels.backward import key_gradient_kernel, query_gradient_kernel
from grader.attention.kernels.forward import _TUNING, forward_kernel
from grader.attention.kernels.launch import attend_dense
from grader.attention.kernels.support import HOPPER, WIDEST_SINGLE
from grader.attention.reference import attend_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from triton.runtime.autotuner import Autotuner

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:.*deterministic:UserWarning")]


def on_hopper() -> bool:
    return torch.cuda.is_available() and torch.cuda.get_device_capability() == HOPPER


TUNERS = (forward_kernel, query_gradient_kernel, key_gradient_kernel)
HALVES_AND_SINGLE = [torch.float16, torch.bfloat16, torch.float32]
LIMITS = [{}, {"causal": True}, {"window": 200}]


def _draw(*shapes: tuple[int, ...], dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator("cuda").manual_seed(0)
    return [torch.randn(s, generator=generator, device="cuda").to(dtype) for s in shapes]


def _with_gradients(compute: Callable[..., Tensor], tensors: list[Tensor], grad: Tensor) -> list[Tensor]:
    leaves = [x.detach().clone().requires_grad_() for x in tensors]
    out = compute(*leaves)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad.to(out.dtype))]


def _errors(ours: list[Tensor], truth: list[Tensor]) -> list[float]:
    return [float((a.double() - b).norm() / b.norm()) for a, b in zip(ours, truth, strict=True)]


@pytest.fixture
def only() -> Iterator[Callable[[Autotuner, int], None]]:
    """Leave a kernel one of its candidates."""
    kept = {tuner: tuner.configs for tuner in TUNERS}

    def leave(tuner: Autotuner, index: int) -> None:
        tuner.configs = kept[tuner][index : index + 1]

    yield leave
    for tuner, configs in kept.items():
        tuner.configs = configs


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("index", range(len(forward_kernel.configs)))
def test_every_forward_candidate_is_right(only, index, size, limits):
    config = forward_kernel.configs[index]
    options = {"HEAD": size, "PRECISION": "tf32", "PACKED": False}
    if config not in _TUNING.keep_fitting(forward_kernel.configs, {"BUCKET": 1}, **options):
        pytest.skip("is not tried with this head size on this device")
    only(forward_kernel, index)
    shapes = (2, 4, 640, size), (2, 2, 640, size), (2, 2, 640, size)
    for queries in (640, 333):
        query, key, value = _draw(*shapes, dtype=torch.bfloat16)
        query = query[:, :, :queries].requires_grad_()
        ours = attend_dense(query, key, value, **limits, portable=True).out.detach()
        (error,) = _errors([ours], [attend_reference(query, key, value, **limits).out.detach()])
        assert error < torch.finfo(torch.bfloat16).eps / 2


@pytest.mark.skipif(not on_hopper(), reason="needs a Hopper GPU")
@pytest.mark.parametrize("limits", [*LIMITS, {"window": 1}, {"window": 700}, {"causal": True, "scale": -0.2}])
@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("queries", "keys"), [(128, 128), (640, 640), (300, 777), (777, 300), (129, 1), (2048, 2048)])
def test_the_kernel_for_hopper_is_right(dtype, size, limits, queries, keys):
    query, key, value = _draw((2, 4, queries, size), (2, 2, keys, size), (2, 2, keys, size), dtype=dtype)
    ours = attend_dense(query, key, value, **limits, portable=False)
    exact = attend_reference(query, key, value, **limits)
    (error,) = _errors([ours.out], [exact.out])
    assert error < torch.finfo(dtype).eps / 2
    seen = exact.lse > -torch.inf
    assert torch.equal(ours.lse > -torch.inf, seen)
    assert (ours.lse[seen] - exact.lse[seen]).abs().max() < 1e-3


@pytest.mark.skipif(not on_hopper(), reason="needs a Hopper GPU")
def test_the_kernel_for_hopper_takes_any_strides_and_infinite_keys():
    packed = _draw((2, 200, 3, 4, 64), dtype=torch.float16)[0]
    query, key, value = (packed[:, :, i].transpose(1, 2) for i in range(3))
    ours, dense = (
        attend_dense(*tensors, causal=True, portable=False).out
        for tensors in ((query, key, value), [x.contiguous() for x in (query, key, value)])
    )
    assert torch.equal(ours, dense)
    query, key = query.abs(), key.clone()
    key[:, :, :150] = -torch.inf
    ours = attend_dense(query, key, value, portable=False).out
    (error,) = _errors([ours], [attend_reference(query, key[:, :, 150:], value[:, :, 150:]).out])
    assert error < torch.finfo(torch.float16).eps / 2


@pytest.mark.skipif(not on_hopper(), reason="needs a Hopper GPU")
@pytest.mark.parametrize(("keys", "portable"), [(512, True), (1024, False)])
def test_the_kernel_taken_is_the_faster_one(only, keys, portable):
    only(forward_kernel, 3)
    tensors = _draw((1, 1, keys, 128), (1, 1, keys, 128), (1, 1, keys, 128), dtype=torch.bfloat16)
    assert torch.equal(attend_dense(*tensors).out, attend_dense(*tensors, portable=portable).out)
    assert not torch.equal(attend_dense(*tensors).out, attend_dense(*tensors, portable=not portable).out)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("index", range(len(query_gradient_kernel.configs)))
def test_every_backward_candidate_is_right(only, index, size, limits):
    only(forward_kernel, 3)
    only(query_gradient_kernel, index)
    only(key_gradient_kernel, index)
    *tensors, grad = _draw(
        (1, 4, 384, size), (1, 2, 512, size), (1, 2, 512, size), (1, 4, 384, size), dtype=torch.bfloat16
    )
    ours = _with_gradients(lambda *x: attend(*x, **limits, impl="triton"), tensors, grad)
    exact = [x.double() for x in tensors]
    truth = _with_gradients(lambda *x: attend_reference(*x, **limits).out, exact, grad)
    assert all(error < torch.finfo(torch.bfloat16).eps for error in _errors(ours, truth))


def _adversarial(query: Tensor, key: Tensor) -> None:
    """Rows that try the running maximum: rising, falling, one giant, all equal."""
    query[..., 1:] = 0
    query[..., 0] = 4
    key[..., 0] = torch.linspace(-40, 40, key.shape[2], device=key.device)
    key[:, 0, :, 0] = key[:, 0, :, 0].flip(-1)
    query[:, :, 1::4, 0] = 0
    key[:, :, key.shape[2] // 2, 0] = 60


@pytest.mark.parametrize("dtype", HALVES_AND_SINGLE)
@pytest.mark.parametrize(
    ("queries", "keys", "size", "heads", "loudness"),
    [
        (63, 63, 32, (4, 2), 1),
        (1, 1000, 64, (2, 1), 1),
        (129, 257, 64, (2, 2), 1),
        (100, 100, 128, (2, 1), 20),
        (64, 90, 32, (4, 1), "adversarial"),
        (1000, 1000, 128, (4, 2), 1),
        (513, 513, 256, (2, 1), 1),
    ],
)
@pytest.mark.parametrize("causal", [False, True])
def test_error_is_at_most_1_2_times_that_of_pytorch(only, dtype, *, queries, keys, size, heads, loudness, causal):
    """Bound: norm of the error against float64, ours over that of scaled_dot_product_attention's own choice.

    Both round weights, gradients of logits and results once to ``dtype``; in norms over hundreds of elements,
    where exactly each rounding falls averages out, and 1.2 covers what is left.
    """
    if dtype == torch.float32 and size > WIDEST_SINGLE:
        pytest.skip("is refused")
    only(forward_kernel, 3)
    only(query_gradient_kernel, 3)
    only(key_gradient_kernel, 3)
    shapes = (2, heads[0], queries, size), (2, heads[1], keys, size), (2, heads[1], keys, size)
    query, key, value, grad = _draw(*shapes, shapes[0], dtype=torch.float32)
    if loudness == "adversarial":
        _adversarial(query, key)
    else:
        query *= loudness
    tensors, grad = [x.to(dtype) for x in (query, key, value)], grad.to(dtype)
    square = causal and queries == keys
    mask = torch.ones(queries, keys, dtype=torch.bool, device="cuda").tril(keys - queries)

    def theirs(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        options = {"is_causal": True} if square else {"attn_mask": mask} if causal else {}
        return scaled_dot_product_attention(query, key, value, **options, enable_gqa=True)

    ours = _with_gradients(lambda *x: attend(*x, causal=causal, impl="triton"), tensors, grad)
    peers = _with_gradients(theirs, tensors, grad)
    exact = [x.double() for x in tensors]
    truth = _with_gradients(lambda *x: attend_reference(*x, causal=causal).out, exact, grad)
    for name, our, peer in zip(
        ("out", "query", "key", "value"), _errors(ours, truth), _errors(peers, truth), strict=True
    ):
        assert our <= 1.2 * peer, f"{name}: {our:.2e} against {peer:.2e}"


def test_decoding_error_is_at_most_1_2_times_that_of_pytorch():
    for dtype in HALVES_AND_SINGLE:
        tensors = _draw((2, 8, 1, 128), (2, 2, 5000, 128), (2, 2, 5000, 128), dtype=dtype)
        exact = attend_reference(*tensors).out
        (ours,) = _errors([attend(*tensors, impl="triton")], [exact])
        (peer,) = _errors([scaled_dot_product_attention(*tensors, enable_gqa=True)], [exact])
        assert ours <= 1.2 * peer, f"{dtype}: {ours:.2e} against {peer:.2e}"


def test_auto_takes_the_kernels(only):
    only(forward_kernel, 3)
    tensors = _draw((1, 2, 100, 64), (1, 1, 100, 64), (1, 1, 100, 64), dtype=torch.float16)
    assert torch.equal(attend(*tensors), attend(*tensors, impl="triton"))


def test_encoders_short_sequences_are_those_of_one_by_one(only):
    only(forward_kernel, 3)
    lengths = torch.randint(8, 129, (100,), generator=torch.Generator().manual_seed(0)).tolist()
    ends = torch.tensor([0, *lengths]).cumsum(0).int().cuda()
    tensors = _draw(*[(sum(lengths), 12, 32)] * 3, dtype=torch.bfloat16)
    ours = attend_varlen(*tensors, ends, impl="triton")
    (error,) = _errors([ours], [attend_varlen(*(x.double() for x in tensors), ends, impl="reference")])
    assert error < torch.finfo(torch.bfloat16).eps / 2
