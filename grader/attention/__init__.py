"""Modern attention, exact: dense, packed and paged, with facts that prove what the quiz says about it.

``grader.attention.interface`` lets models of transformers run on it; that module alone imports transformers.
"""

from grader.attention.api import Impl, attend, attend_paged, attend_partial, attend_varlen
from grader.attention.blocks import BlockPool, FreedBlockError, PoolFullError
from grader.attention.facts import run_facts
from grader.attention.figures import Fact
from grader.attention.online import Partial, merge
from grader.attention.paged import Fragmentation, FreedSequenceError, PagedCache, Pages
from grader.attention.validate import ArgumentError, ImplUnavailableError

__all__ = [
    "ArgumentError",
    "BlockPool",
    "Fact",
    "Fragmentation",
    "FreedBlockError",
    "FreedSequenceError",
    "Impl",
    "ImplUnavailableError",
    "PagedCache",
    "Pages",
    "Partial",
    "PoolFullError",
    "attend",
    "attend_paged",
    "attend_partial",
    "attend_varlen",
    "merge",
    "run_facts",
]
