"""The loop: for every problem and competitor, check, then time."""

from __future__ import annotations

import itertools
import math
import time
from typing import TYPE_CHECKING

import torch

from grader.attention.bench.cases import SECTIONS, Case, Operands, Section, choose_cases, draw
from grader.attention.bench.check import backward_error, bound, forward_error, packed_error
from grader.attention.bench.peers import NotApplicableError, Peer, choose_peers
from grader.attention.bench.record import Ceilings, Row
from grader.attention.bench.timing import copy_bytes, matmul_flops, time_s

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from torch import Tensor

_TERA = 1e12


def measure_ceilings(device: torch.device) -> Ceilings:
    """Measure what the device does at most.

    Args:
        device: Where to.
    """
    return Ceilings(matmul_flops(device) / _TERA, copy_bytes(device) / _TERA)


def run_bench(
    device: torch.device,
    ceilings: Ceilings,
    *,
    quick: bool = False,
    sections: Sequence[Section] = SECTIONS,
    done: Collection[tuple[str, str, str]] = (),
    limit_s: float = math.inf,
) -> Iterator[Row]:
    """Check and time every competitor on every problem, row by row: in each section first those that start at once.

    Args:
        device: Where to.
        ceilings: Measured there.
        quick: Only the shortest problem of each kind.
        sections: Parts of the bench to run, in this order.
        done: Section, problem and competitor of what need not be measured again.
        limit_s: Seconds after which nothing more is begun.
    """
    deadline = time.monotonic() + limit_s
    cases = choose_cases(quick=quick, cuda=device.type == "cuda")
    for section, slow in itertools.product(sections, (False, True)):
        for case in (c for c in cases if c.section == section):
            left = [
                peer
                for peer in choose_peers(case, device)
                if peer.slow == slow and (section, case.name, peer.name) not in done
            ]
            if not left:
                continue
            operands = draw(case, device)
            for peer in left:
                if time.monotonic() >= deadline:
                    return
                yield _measure(case, operands, peer, device, ceilings)


def _measure(case: Case, x: Operands, peer: Peer, device: torch.device, ceilings: Ceilings) -> Row:
    limit = bound(case, x.query.dtype)
    labels = (case.section, case.name, peer.name)
    try:
        call, error = _prepare(case, x, peer)
        if not error <= limit:
            return Row(*labels, error, limit, None, None, None, "wrong: not timed")
        seconds = time_s(call, device)
    except NotApplicableError as reason:
        return Row(*labels, None, limit, None, None, None, str(reason))
    except Exception as failure:  # noqa: BLE001 - a competitor fails in ways of its own, and the rest must run
        lines = str(failure).strip().splitlines() or [""]
        return Row(*labels, None, limit, None, None, None, f"{type(failure).__name__}: {lines[0][:80]}")
    rate = case.work(x.lengths, x.query.element_size()) / seconds / _TERA
    ceiling = ceilings.copy_tbs if case.section == "decode" else ceilings.matmul_tflops
    return Row(*labels, error, limit, 1000 * seconds, rate, rate / ceiling)


def _prepare(case: Case, x: Operands, peer: Peer) -> tuple[Callable[[], object], float]:
    """Make the call to be timed, and measure the error of its result."""
    if case.section != "backward":
        with torch.no_grad():
            call = _without_gradient(peer.prepare(case, x))
            out = call()
        error = packed_error(x, out, x.lengths) if x.lengths else forward_error(case, x, out)
        return call, error
    leaves = query, key, value = [t.detach().requires_grad_() for t in (x.query, x.key, x.value)]
    with torch.enable_grad():
        out = peer.prepare(case, Operands(query, key, value, x.grad, None))()

    def backward() -> tuple[Tensor, ...]:
        return torch.autograd.grad(out, leaves, x.grad, retain_graph=True)

    return backward, backward_error(case, x, backward())


def _without_gradient(call: Callable[[], Tensor]) -> Callable[[], Tensor]:
    def wrapped() -> Tensor:
        with torch.no_grad():
            return call()

    return wrapped
