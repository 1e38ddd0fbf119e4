"""What every test of attention stands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

Draw = Callable[..., list[Tensor]]


@pytest.fixture(scope="module", autouse=True)
def poisoned_memory() -> Iterator[None]:
    """Fill uninitialised memory with NaN, so that reading it cannot go unnoticed."""
    # On a GPU some of PyTorch's own attention has no deterministic version, which only matters to who relies on it.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    assert torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: for tensors this small, threads on a busy machine only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draw normal tensors from a seed, one for each shape."""

    def draw(*shapes: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]

    return draw
