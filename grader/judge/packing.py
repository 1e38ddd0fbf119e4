"""One sequence for all statements of one answer: a shared beginning, and endings that cannot see each other.

A causal model gives every token of the beginning the same keys and values whatever follows, so they are computed
once; each ending attends to the beginning and to itself, at the positions it would have alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Packed:
    """Tensors for one pass.

    Args:
        ids: (1, T) the beginning, then each ending.
        positions: (1, T) where each token would stand if its ending were the only one.
        mask: (1, 1, T, P + T) added to attention scores: 0 or the lowest number; P tokens were cached before.
        last: (endings,) index in T of each ending's last token.
        ends_q: int32 (endings + 2,) 0, then where the beginning and each ending end in T.
        ends_k: The same in ``keys``.
        keys: Which of the P + T tokens the beginning sees, then each ending: what ``mask`` says, for attention that
            knows no masks. The last one that a token sees is itself.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    last: torch.Tensor
    ends_q: torch.Tensor
    ends_k: torch.Tensor
    keys: torch.Tensor


def pack(beginning: Sequence[int], endings: Sequence[Sequence[int]], *, cached: int, dtype: torch.dtype) -> Packed:
    """Lay a beginning and its endings out as one sequence.

    Args:
        beginning: Token ids that all endings share.
        endings: Token ids; none is empty.
        cached: Tokens before the beginning whose keys and values are already known.
        dtype: Of the mask.

    Raises:
        ValueError: There is no ending, or an empty one.
    """
    if not endings or not all(endings):
        raise ValueError(f"every ending needs a token, got lengths {[len(ending) for ending in endings]}")
    owner = [0] * len(beginning)
    positions = list(range(cached, cached + len(beginning)))
    last = []
    for index, ending in enumerate(endings, 1):
        owner += [index] * len(ending)
        positions += range(cached + len(beginning), cached + len(beginning) + len(ending))
        last.append(len(owner) - 1)
    owners = torch.tensor(owner)
    seen = (owners[None] == 0) | (owners[None] == owners[:, None])
    seen = torch.cat((torch.ones(len(owner), cached, dtype=torch.bool), seen.tril()), dim=1)
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
    ids = torch.tensor([[*beginning, *(token for ending in endings for token in ending)]])
    return Packed(
        ids, torch.tensor([positions]), mask[None, None], torch.tensor(last), *_keys(beginning, endings, cached)
    )


def _keys(
    beginning: Sequence[int], endings: Sequence[Sequence[int]], cached: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """List which keys each part sees; see :class:`Packed`."""
    shared = range(cached + len(beginning))
    ends_q, ends_k, keys = [0, len(beginning)], [0, len(shared)], [*shared]
    for ending in endings:
        keys += [*shared, *range(cached + ends_q[-1], cached + ends_q[-1] + len(ending))]
        ends_q.append(ends_q[-1] + len(ending))
        ends_k.append(len(keys))
    return torch.tensor(ends_q, dtype=torch.int32), torch.tensor(ends_k, dtype=torch.int32), torch.tensor(keys)


def share_out(endings: Sequence[Sequence[int]], room: int) -> Iterator[list[Sequence[int]]]:
    """Split endings into runs of at most ``room`` tokens, at least one ending each, in order."""
    run: list[Sequence[int]] = []
    for ending in endings:
        if run and sum(map(len, run)) + len(ending) > room:
            yield run
            run = []
        run.append(ending)
    if run:
        yield run
