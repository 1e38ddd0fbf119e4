"""Watches which buffers a computation allocates and how many bytes it reads and writes."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Buffer:
    """Memory that an operation allocated.

    Args:
        serial: Order of allocation.
        shape: Of the tensor that it was allocated for.
        size_bytes: Its size.
    """

    serial: int
    shape: tuple[int, ...]
    size_bytes: int


class AllocationRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """A recording allocator: while active, notes every buffer and every transfer.

    Tensors that existed before count as device memory; so does what :meth:`traffic_bytes` is told of.
    Operations that only make a view allocate and transfer nothing.

    Use as a context manager, once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.buffers: list[Buffer] = []
        self.peak_bytes = 0
        self._live_bytes = 0
        self._serials: dict[int, int] = {}
        self._transfers: list[tuple[int | None, int]] = []

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Run one operation and note what it did."""
        result: object = func(*args, **(kwargs or {}))
        inputs = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        outputs = [x for x in tree_leaves(result) if isinstance(x, Tensor)]
        known = {_key(x) for x in inputs}
        mutates = func._schema.is_mutable  # noqa: SLF001 - torch has no public way to ask
        if inputs and not mutates and all(_key(x) in known for x in outputs):
            return result
        for output in outputs:
            if _key(output) not in known:
                self._allocated(output)
        # A copy writes to its first argument without reading it; an operation without inputs only reserves memory.
        read = inputs[1:] if func is torch.ops.aten.copy_.default else inputs
        for tensor in [*read, *outputs] if inputs else []:
            self._transfers.append((self._serials.get(_key(tensor)), tensor.numel() * tensor.element_size()))
        return result

    def traffic_bytes(self, device_memory: Iterable[Tensor]) -> int:
        """Add up the bytes that were read from or written to device memory.

        Args:
            device_memory: Tensors that were allocated while recording and live in device memory, such as
                the results.
        """
        outside = {None, *(self._serials.get(_key(x)) for x in device_memory)}
        return sum(size for serial, size in self._transfers if serial in outside)

    def scratch(self, device_memory: Iterable[Tensor]) -> tuple[Buffer, ...]:
        """List the buffers that were allocated and are not device memory, in order.

        Args:
            device_memory: As in :meth:`traffic_bytes`.
        """
        outside = {self._serials.get(_key(x)) for x in device_memory}
        return tuple(buffer for buffer in self.buffers if buffer.serial not in outside)

    def all_traffic_bytes(self) -> int:
        """Add up all bytes read and written, as if every buffer lived in device memory."""
        return sum(size for _, size in self._transfers)

    def _allocated(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        serial, key, size = len(self.buffers), _key(tensor), storage.nbytes()
        self.buffers.append(Buffer(serial, tuple(tensor.shape), size))
        self._serials[key] = serial
        self._live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self._live_bytes)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        # Forgotten at once: the next buffer may get the same address.
        self._serials.pop(key, None)
        self._live_bytes -= size


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
