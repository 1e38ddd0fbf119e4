"""Which keys each query sees: the geometry of causal and sliding-window attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Visibility:
    """Causal and window limits of one sequence, aligned at the bottom right.

    Query ``t`` stands at key position ``t + keys - queries``, so that the last query sees the last
    key: what decoding with a cache needs. Without limits every query sees every key.

    Args:
        queries: T, number of queries, at least 0.
        keys: S, number of keys, at least 0.
        causal: Whether a query sees only keys up to its own position.
        window: Number of keys a query may see, itself included; at least 1. It counts backwards
            from the query's own key and therefore implies ``causal``. ``None`` is no limit.
    """

    queries: int
    keys: int
    causal: bool
    window: int | None

    @property
    def limited(self) -> bool:
        """Whether any key can be hidden from any query."""
        return self.causal or self.window is not None

    @property
    def shift(self) -> int:
        """Key position of the first query; negative where T exceeds S."""
        return self.keys - self.queries

    @property
    def pairs(self) -> int:
        """Number of pairs of a query and a key that it sees: the work of attention."""
        if not self.limited:
            return self.queries * self.keys
        most = self.keys if self.window is None else min(self.keys, self.window)
        # Query t sees t + shift + 1 keys, until that reaches the most that any query sees.
        blind = min(max(0, -self.shift), self.queries)
        full = min(max(most - 1 - self.shift, blind), self.queries)
        rising = (full - blind) * (blind + full + 1 + 2 * self.shift) // 2
        return rising + (self.queries - full) * most

    def key_span(self, start: int, stop: int) -> tuple[int, int]:
        """Find the keys that at least one of the queries ``start`` to ``stop`` sees.

        Args:
            start: First query, 0 to T.
            stop: One past the last query, above ``start``.
        """
        if not self.limited:
            return 0, self.keys
        last = min(self.keys, stop + self.shift)
        first = 0 if self.window is None else max(0, start + self.shift - self.window + 1)
        return (first, last) if first < last else (0, 0)

    def query_span(self, start: int, stop: int) -> tuple[int, int]:
        """Find the queries that see at least one of the keys ``start`` to ``stop``.

        Args:
            start: First key, 0 to S.
            stop: One past the last key, above ``start``.
        """
        if not self.limited:
            return 0, self.queries
        first = max(0, start - self.shift)
        last = self.queries
        if self.window is not None:
            last = min(last, stop - 1 - self.shift + self.window)
        return (first, last) if first < last else (0, 0)

    def hidden(self, rows: range, cols: range, device: torch.device) -> Tensor | None:
        """Mark the keys of one tile that a query may not see.

        Args:
            rows: Queries of the tile.
            cols: Keys of the tile.
            device: Where the answer is needed.

        Returns:
            Boolean (rows, cols), true where hidden; ``None`` where the whole tile is visible, so
            that most tiles pay nothing for the limits.
        """
        if not self.limited:
            return None
        below_diagonal = cols.stop - 1 <= rows.start + self.shift
        inside_window = self.window is None or cols.start > rows.stop - 1 + self.shift - self.window
        if below_diagonal and inside_window:
            return None
        position = torch.arange(rows.start, rows.stop, device=device)[:, None] + self.shift
        key = torch.arange(cols.start, cols.stop, device=device)[None, :]
        hidden = key > position
        return hidden if self.window is None else hidden | (key <= position - self.window)
