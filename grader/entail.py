"""How an answer stands to a statement: a model that reads both together.

The statement (with its question) is read once and its keys and values are kept; an answer is read once by the
lower layers, and only the upper layers read it again for each statement, attending to both. Grades therefore
cost little more than one pass over the answer. Five classes, the labels of SemEval-2013 Task 7.

Many answers are read at once (``grader.packed``), and yet on the processor a probability
does not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from grader.e5 import load_tokenizer
from grader.model_attention import Attention
from grader.pair_layout import ANSWER, STATEMENT, lay_out_answer, lay_out_statement
from grader.pair_weights import read_pair_weights
from grader.placement import Placement, find_placement

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from grader.e5 import E5Tokenizer
    from grader.encoder import Encoder
    from grader.packed import Keys
    from grader.pair_head import PairHead

KEPT_TOKENS = 32_768  # of statements that have been read; in float32 they take 24 kB each


class Case(NamedTuple):
    """An answer and what it is held against.

    Args:
        answer: What the learner wrote.
        question: What was asked.
        statements: At least one.
    """

    answer: str
    question: str
    statements: Sequence[str]


@dataclass(frozen=True)
class _Statement:
    """A statement that has been read.

    Args:
        front: Keys and values (S, hidden) for each upper layer.
        mean: (hidden,) mean final state of the statement's tokens.
    """

    front: list[Keys]
    mean: Tensor

    def __len__(self) -> int:
        return len(self.front[0][0])


@dataclass(frozen=True)
class _Pairs:
    """A case with its answer's tokens and its statements read."""

    ids: list[int]
    parts: list[int]
    known: list[_Statement]

    @property
    def tokens(self) -> int:
        """That the upper layers read."""
        return len(self.ids) * len(self.known)

    def cut(self, limit: int) -> list[_Pairs]:
        """The same in the fewest pieces of at most ``limit`` tokens, or of one statement."""
        step = max(1, limit // len(self.ids))
        return [replace(self, known=self.known[i : i + step]) for i in range(0, len(self.known), step)]


class PairReader:
    """Reads pairs of answer and statement.

    Args:
        encoder: Whose weights training has changed.
        head: The classifier.
        tokenizer: Of the encoder.
        apart: Lower layers that read the answer alone.
        revision: What identifies the weights in a receipt.
        attention: What the layers run on, named in the receipt unless it is ``sdpa``.
        placement: Where they compute; named in the receipt too.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: PairHead,
        tokenizer: E5Tokenizer,
        apart: int,
        revision: str,
        *,
        attention: Attention = "sdpa",
        placement: Placement = Placement(),  # noqa: B008 -- frozen
    ) -> None:
        self._encoder, self._head, self._tokenizer = encoder, head, tokenizer
        self._apart, self._attention, self._products = apart, attention, placement.products
        self.revision = (f"{revision}+attention:ours" if attention == "ours" else revision) + placement.mark
        self._statements: dict[tuple[str, str], _Statement] = {}
        self._pack()

    def to(self, device: str) -> PairReader:
        """Move the weights, on the way to a GPU or back; what was read there is forgotten."""
        self._encoder.to(device)
        self._head.to(device)
        self._statements.clear()
        self._pack()
        return self

    def _pack(self) -> None:
        from grader.packed import PackedEncoder

        self._packed = PackedEncoder(self._encoder, self._attention, self._products)

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
            torch.OutOfMemoryError: A GPU's memory does not suffice for one case.
        """
        from grader.packing import batches
        from grader.parallel import fair_share, in_parallel

        if not cases:
            return []
        known = self._know({(case.question, text): None for case in cases for text in case.statements})
        ids = self._tokenizer.ids([case.answer for case in cases])
        pairs = [
            _Pairs(*lay_out_answer(row), [known[case.question, text] for text in case.statements])
            for row, case in zip(ids, cases, strict=True)
        ]
        limit = fair_share(sum(pair.tokens for pair in pairs), self._packed.batch_tokens)
        pieces = [piece for pair in pairs for piece in pair.cut(limit)]
        chunks = batches([piece.tokens for piece in pieces], limit)
        done = in_parallel(self._read_pairs, [[pieces[i] for i in chunk] for chunk in chunks])
        read = {i: rows for chunk, part in zip(chunks, done, strict=True) for i, rows in zip(chunk, part, strict=True)}
        rows = np.concatenate([read[i] for i in range(len(pieces))])
        return np.split(rows, np.cumsum([len(pair.known) for pair in pairs])[:-1])

    def _know(self, wanted: Mapping[tuple[str, str], None]) -> dict[tuple[str, str], _Statement]:
        """Read the statements that are not known yet, by question and text."""
        from grader.packing import batches
        from grader.parallel import fair_share, in_parallel

        known = {key: self._statements[key] for key in wanted if key in self._statements}
        missing = [key for key in wanted if key not in known]
        ids = self._tokenizer.ids([text for question, statement in missing for text in (statement, question)])
        laid = [lay_out_statement(*both) for both in zip(ids[::2], ids[1::2], strict=True)]
        costs = [len(row) for row, _ in laid]
        chunks = batches(costs, fair_share(sum(costs), self._packed.batch_tokens))
        done = in_parallel(self._read_statements, [[laid[i] for i in chunk] for chunk in chunks])
        for chunk, read in zip(chunks, done, strict=True):
            known |= {missing[place]: statement for place, statement in zip(chunk, read, strict=True)}
        self._keep({key: known[key] for key in missing})
        return known

    def _keep(self, new: Mapping[tuple[str, str], _Statement]) -> None:
        """Remember statements, as many as there is room for; the oldest go first."""
        self._statements |= new
        tokens = sum(map(len, self._statements.values()))
        while tokens > KEPT_TOKENS:
            tokens -= len(self._statements.pop(next(iter(self._statements))))

    def _read_statements(self, laid: list[tuple[list[int], list[int]]]) -> list[_Statement]:
        from grader.packing import Packing

        packed = self._packed
        packing = Packing([len(ids) for ids, _ in laid], packed.device)
        made: list[Keys] = []
        hidden = packed.embed([ids for ids, _ in laid], packing)
        hidden = packed.run(hidden, range(len(packed.layers)), packing, made=made)
        means = packing.means(hidden, packing.mark([parts for _, parts in laid], STATEMENT))
        spans = [slice(start, start + n) for start, n in zip(packing.starts, packing.lengths, strict=True)]
        return [
            _Statement([(key[span].clone(), value[span].clone()) for key, value in made[self._apart :]], mean)
            for span, mean in zip(spans, means, strict=True)
        ]

    def _read_pairs(self, cases: list[_Pairs]) -> list[NDArray[np.float64]]:
        logits = self._logits(cases)
        rows: NDArray[np.float64] = logits.double().softmax(-1).cpu().numpy().round(6)
        ends = np.cumsum([len(case.known) for case in cases])[:-1]
        return np.split(rows, ends)

    def _logits(self, cases: list[_Pairs]) -> Tensor:
        """Logits (pairs, 5): the lower layers read each answer once, the upper ones once for each statement."""
        import torch

        from grader.packing import Packing

        packed, layers = self._packed, len(self._packed.layers)
        lower = Packing([len(case.ids) for case in cases], packed.device)
        hidden = packed.embed([case.ids for case in cases], lower, kind=1)
        hidden = packed.run(hidden, range(self._apart), lower)
        whose = np.repeat(np.arange(len(cases)), [len(case.known) for case in cases])
        front = {id(statement): statement for case in cases for statement in case.known}
        depths = np.array([len(statement) for statement in front.values()])
        place = dict(zip(front, np.stack((depths.cumsum() - depths, depths), axis=1), strict=True))
        before = np.stack([place[id(statement)] for case in cases for statement in case.known])
        upper = Packing(lower.lengths[whose], packed.device, before, int(depths.sum()))
        rows = [lower.starts[case] + np.arange(lower.lengths[case]) for case in whose]
        keys = [_joined([s.front[depth] for s in front.values()]) for depth in range(layers - self._apart)]
        hidden = packed.run(hidden[upper.put(np.concatenate(rows))], range(self._apart, layers), upper, front=keys)
        means = upper.means(hidden, upper.mark([cases[case].parts for case in whose], ANSWER))
        stated = torch.stack([statement.mean for case in cases for statement in case.known])
        logits: Tensor = packed.by_rows(self._head, stated, means, hidden[upper.put(upper.starts)])
        return logits


def _joined(fronts: Sequence[Keys]) -> Keys:
    """Keys and values of several statements, one behind the other."""
    import torch

    return torch.cat([key for key, _ in fronts]), torch.cat([value for _, value in fronts])


def load_reader(attention: Attention = "sdpa") -> PairReader:
    """Load the embedded tier's pair model, once for each attention: the carrier's encoder plus what training changed.

    It computes where ``grader.placement`` says.

    Args:
        attention: What it runs on.

    Raises:
        ModelUnavailableError: The weights are missing or not those their card names.
    """
    return _load(attention, find_placement())


@cache
def _load(attention: Attention, placement: Placement) -> PairReader:
    weights = read_pair_weights()
    encoder, head = weights.encoder.to(placement.device), weights.head.to(placement.device)
    return PairReader(
        encoder, head, load_tokenizer(), weights.apart, weights.revision, attention=attention, placement=placement
    )
