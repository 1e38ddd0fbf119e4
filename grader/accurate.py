"""What the accurate tier reads beside the embedded pair model: mpnet, over statement, question and answer together.

Nothing can be kept between answers, as both halves see each other in every layer, so a grade costs a pass over each
statement with the answer. Many pairs are read at once (``grader.packed``), and yet on the processor a probability does
not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from grader.entail import Case
from grader.mpnet import Mpnet, read_mpnet
from grader.pair_layout import ANSWER, ANSWER_MARK, STATEMENT, lay_out_answer, lay_out_statement
from grader.placement import Placement, find_placement

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = 5


class _Pair(NamedTuple):
    """Token ids of a pair, and the part each belongs to."""

    ids: list[int]
    parts: list[int]


class CrossReader:
    """Reads pairs of answer and statement with one model over both.

    Args:
        model: Its weights are kept as ``grader.packed`` lays them out.
        placement: Where they compute; named in the receipt too.
    """

    def __init__(self, model: Mpnet, placement: Placement = Placement()) -> None:  # noqa: B008 -- frozen
        from grader.packed import PackedEncoder

        self._encode, self._head = model.encode, model.head.to(placement.device)
        # PyTorch's kernel whatever the grader's other models run on: grader.attention knows no bias.
        self._packed = PackedEncoder(model.encoder.to(placement.device), "sdpa", placement.products, model.bias)
        self.revision = model.revision + placement.mark

    def read(self, answer: str, question: str, statements: Sequence[str]) -> NDArray[np.float64]:
        """Read one case: probabilities (statements, 5) as :meth:`read_all` gives them."""
        return self.read_all([Case(answer, question, statements)])[0]

    def read_all(self, cases: Sequence[Case]) -> list[NDArray[np.float64]]:
        """Probabilities of the five labels, rounded to six decimals.

        Args:
            cases: Any number, in any order.

        Returns:
            For each case (statements, 5): correct, partial, contradictory, irrelevant, non-domain.

        Raises:
            torch.OutOfMemoryError: A GPU's memory does not suffice for one pair.
        """
        from grader.packing import batches
        from grader.parallel import fair_share, in_parallel

        if not cases:
            return []
        texts = list(dict.fromkeys(text for case in cases for text in (case.answer, case.question, *case.statements)))
        ids = dict(zip(texts, self._encode(texts), strict=True))
        pairs = [_lay_out(ids, case, statement) for case in cases for statement in case.statements]
        costs = [len(pair.ids) for pair in pairs]
        chunks = batches(costs, fair_share(sum(costs), self._packed.batch_tokens))
        done = in_parallel(self._read_pairs, [[pairs[i] for i in chunk] for chunk in chunks])
        rows = np.empty((len(pairs), CLASSES))
        for chunk, read in zip(chunks, done, strict=True):
            rows[chunk] = read
        return np.split(rows, np.cumsum([len(case.statements) for case in cases])[:-1])

    def _read_pairs(self, pairs: list[_Pair]) -> list[NDArray[np.float64]]:
        from grader.packing import Packing

        packed, parts = self._packed, [pair.parts for pair in pairs]
        packing = Packing([len(pair.ids) for pair in pairs], packed.device)
        hidden = packed.embed([pair.ids for pair in pairs], packing)
        hidden = packed.run(hidden, range(len(packed.layers)), packing)
        stated, answered = (packing.means(hidden, packing.mark(parts, part)) for part in (STATEMENT, ANSWER))
        first = packing.starts + np.array([row.index(ANSWER_MARK) for row in parts])
        logits = packed.by_rows(self._head, stated, answered, hidden[packing.put(first)])
        return list(logits.double().softmax(-1).cpu().numpy().round(6))


def _lay_out(ids: Mapping[str, list[int]], case: Case, statement: str) -> _Pair:
    left, kinds = lay_out_statement(ids[statement], ids[case.question])
    right, more = lay_out_answer(ids[case.answer])
    return _Pair(left + right, kinds + more)


def load_cross_reader() -> CrossReader:
    """Load the accurate tier's second model, once; it computes where ``grader.placement`` says.

    Raises:
        ModelUnavailableError: The base or what training added cannot be had, or is not what it should be.
    """
    return _load(find_placement())


@cache
def _load(placement: Placement) -> CrossReader:
    return CrossReader(read_mpnet(), placement)
