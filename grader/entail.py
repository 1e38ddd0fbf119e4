"""How an answer stands to a statement: a model that reads both together.

The statement (with its question) is read once and its keys and values are kept; an answer is read once by the
lower layers, and only the upper layers read it again for each statement, attending to both. Grades therefore
cost little more than one pass over the answer. Five classes, the labels of SemEval-2013 Task 7.

Each answer is read on its own, against all its statements at once, so that a probability cannot depend on what
else is in the batch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from grader.e5 import BOS, EOS, PAD
from grader.errors import ModelUnavailableError
from grader.model_attention import Attention, attend_masked, attend_packed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import BertModel
    from transformers.models.bert.modeling_bert import BertLayer

    from grader.e5 import E5Tokenizer
    from grader.pair_head import PairHead

MAX_STATEMENT, MAX_QUESTION, MAX_ANSWER = 160, 80, 256  # tokens
STATEMENT, QUESTION, ANSWER, ANSWER_MARK = 1, 2, 3, 4  # what a token belongs to; 0: the statement's marks
STATEMENT_STEP, ANSWER_STEP = 32, 8  # padded lengths are multiples of these
KEPT_STATEMENTS = 4096
WEIGHTS = Path(__file__).parent / "weights" / "pair-e5"


def pack_statement(statement: Sequence[int], question: Sequence[int]) -> tuple[list[int], list[int]]:
    """Lay out what the rubric brings: ``<s> statement </s></s> question </s>``.

    Args:
        statement: Token ids without special tokens; cut at 160.
        question: Cut at 80; may be empty.

    Returns:
        Token ids, and the part each belongs to.
    """
    statement, question = statement[:MAX_STATEMENT], question[:MAX_QUESTION]
    ids = [BOS, *statement, EOS, EOS, *question, EOS]
    return ids, [0, *[STATEMENT] * len(statement), 0, 0, *[QUESTION] * len(question), 0]


def pack_answer(answer: Sequence[int]) -> tuple[list[int], list[int]]:
    """Lay out what the learner brings: ``<s> answer </s>``.

    An answer of over 256 tokens keeps its beginning and its end, since learners often conclude there.
    """
    half = MAX_ANSWER // 2
    kept = list(answer) if len(answer) <= MAX_ANSWER else [*answer[:half], *answer[-half:]]
    return [BOS, *kept, EOS], [ANSWER_MARK, *[ANSWER] * len(kept), ANSWER_MARK]


@dataclass(frozen=True)
class _Statement:
    """A statement that has been read.

    Args:
        keys: One (heads, S, D) tensor for each upper layer, padded to a multiple of 32.
        values: Likewise.
        real: (S,) true where not padding.
        mean: (hidden,) mean final state of the statement's tokens.
    """

    keys: list[Tensor]
    values: list[Tensor]
    real: Tensor
    mean: Tensor


class PairReader:
    """Reads pairs of answer and statement.

    Args:
        encoder: A BERT whose weights training has changed.
        head: The classifier.
        tokenizer: Of the encoder.
        apart: Lower layers that read the answer alone.
        revision: What identifies the weights in a receipt.
        attention: What the layers run on; ``ours`` pads nothing and is named in the receipt too.
    """

    def __init__(
        self,
        encoder: BertModel,
        head: PairHead,
        tokenizer: E5Tokenizer,
        apart: int,
        revision: str,
        *,
        attention: Attention = "sdpa",
    ) -> None:
        self._encoder, self._head, self._tokenizer = encoder, head, tokenizer
        self._apart = apart
        ours = attention == "ours"
        self.revision = f"{revision}+attention:ours" if ours else revision
        self._attend = attend_packed if ours else attend_masked
        self._statement_step, self._answer_step = (1, 1) if ours else (STATEMENT_STEP, ANSWER_STEP)
        self._layers = cast("list[BertLayer]", list(encoder.encoder.layer))
        self._heads = encoder.config.num_attention_heads
        self._statements: dict[tuple[str, str], _Statement] = {}

    def to(self, device: str) -> PairReader:
        """Move the weights, on the way to a GPU or back; what was read there is forgotten."""
        self._encoder.to(device)  # type: ignore[arg-type]  # transformers types its wrapper of this badly
        self._head.to(device)
        self._statements.clear()
        return self

    def read(self, answer: str, question: str, statements: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities of the five labels, one row a statement, rounded to six decimals.

        Args:
            answer: What the learner wrote.
            question: What was asked.
            statements: What the answer is held against; at least one.

        Returns:
            (statements, 5): correct, partial, contradictory, irrelevant, non-domain.
        """
        import torch

        with torch.inference_mode():
            known = [self._statement(question, statement) for statement in statements]
            hidden, parts = self._lower(answer)
            logits = self._upper(hidden, parts, known)
            probabilities: NDArray[np.float64] = logits.double().softmax(-1).cpu().numpy()
        return probabilities.round(6)

    def _statement(self, question: str, statement: str) -> _Statement:
        found = self._statements.get((question, statement))
        if found is None:
            if len(self._statements) >= KEPT_STATEMENTS:
                self._statements.pop(next(iter(self._statements)))
            found = self._statements[question, statement] = self._read_statement(question, statement)
        return found

    def _read_statement(self, question: str, statement: str) -> _Statement:
        from grader.pair_head import mean_state

        ids, parts = pack_statement(*self._tokenizer.ids([statement, question]))
        table, kinds = self._pad(ids, self._statement_step, PAD), self._pad(parts, self._statement_step, 0)
        real = table != PAD
        hidden = self._embed(table, answer=False)
        keys, values = [], []
        for index, layer in enumerate(self._layers):
            key, value = self._keys_values(layer, hidden)
            if index >= self._apart:
                keys.append(key[0])
                values.append(value[0])
            hidden = self._layer(layer, hidden, key, value, real)
        return _Statement(keys, values, real[0], mean_state(hidden, kinds == STATEMENT)[0])

    def _lower(self, answer: str) -> tuple[Tensor, Tensor]:
        """Read an answer alone through the lower layers: states (1, T, hidden) and parts (1, T)."""
        ids, kinds = pack_answer(*self._tokenizer.ids([answer]))
        table, parts = self._pad(ids, self._answer_step, PAD), self._pad(kinds, self._answer_step, 0)
        hidden = self._embed(table, answer=True)
        for layer in self._layers[: self._apart]:
            hidden = self._layer(layer, hidden, *self._keys_values(layer, hidden), table != PAD)
        return hidden, parts

    def _upper(self, hidden: Tensor, parts: Tensor, statements: Sequence[_Statement]) -> Tensor:
        """Read the answer together with each statement through the upper layers; logits (statements, 5)."""
        import torch
        from torch.nn.functional import pad

        from grader.pair_head import mean_state

        width = max(len(s.real) for s in statements)
        hidden, parts = hidden.expand(len(statements), -1, -1), parts.expand(len(statements), -1)
        real = torch.cat((torch.stack([pad(s.real, (0, width - len(s.real))) for s in statements]), parts > 0), dim=1)
        for depth, layer in enumerate(self._layers[self._apart :]):
            key, value = self._keys_values(layer, hidden)
            before = [pad(s.keys[depth], (0, 0, 0, width - len(s.real))) for s in statements]
            key = torch.cat((torch.stack(before), key), dim=2)
            before = [pad(s.values[depth], (0, 0, 0, width - len(s.real))) for s in statements]
            value = torch.cat((torch.stack(before), value), dim=2)
            hidden = self._layer(layer, hidden, key, value, real)
        logits: Tensor = self._head(
            torch.stack([s.mean for s in statements]), mean_state(hidden, parts == ANSWER), hidden[:, 0]
        )
        return logits

    def _embed(self, ids: Tensor, *, answer: bool) -> Tensor:
        import torch

        states: Tensor = self._encoder.embeddings(input_ids=ids, token_type_ids=torch.full_like(ids, int(answer)))
        return states

    def _split(self, states: Tensor) -> Tensor:
        rows, length, _ = states.shape
        return states.view(rows, length, self._heads, -1).transpose(1, 2)

    def _keys_values(self, layer: BertLayer, hidden: Tensor) -> tuple[Tensor, Tensor]:
        attention = layer.attention.self
        return self._split(attention.key(hidden)), self._split(attention.value(hidden))

    def _layer(self, layer: BertLayer, hidden: Tensor, key: Tensor, value: Tensor, real: Tensor) -> Tensor:
        """One transformer layer; ``hidden`` (B, T, hidden) attends to keys (B, heads, S, D) where ``real`` (B, S)."""
        mixed = self._attend(self._split(layer.attention.self.query(hidden)), key, value, real)
        attended = layer.attention.output(mixed.flatten(2), hidden)
        out: Tensor = layer.output(layer.intermediate(attended), attended)
        return out

    def _pad(self, row: Sequence[int], step: int, fill: int) -> Tensor:
        import torch

        return torch.tensor([[*row, *[fill] * (-len(row) % step)]], device=self._encoder.device)


def load_reader(attention: Attention = "sdpa") -> PairReader:
    """Load the embedded tier's pair model, once for each attention: the carrier's encoder plus what training changed.

    Args:
        attention: What it runs on.

    Raises:
        ModelUnavailableError: The weights are missing or not those their card names.
    """
    return _load(attention)


@cache
def _load(attention: Attention) -> PairReader:
    import torch
    from safetensors.torch import load

    from grader.e5 import SHA256, build_model, load_tokenizer
    from grader.pair_head import PairHead

    card = json.loads(_weights_file("card.json").decode())
    data = _weights_file("pair.safetensors")
    digest = hashlib.sha256(data).hexdigest()
    if digest != card["sha256"]:
        raise ModelUnavailableError(
            f"{WEIGHTS / 'pair.safetensors'} has SHA-256 {digest}, expected {card['sha256']}; reinstall the grader"
        )
    saved = load(data)
    encoder, head = build_model(), PairHead(card["hidden"])
    head.load_state_dict(
        {name.removeprefix("head."): t.float() for name, t in saved.items() if name.startswith("head.")}
    )
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            delta = saved.get(f"encoder.{name}")
            if delta is not None:
                scale = saved.get(f"encoder.{name}.scale")
                parameter.add_(delta.float() if scale is None else delta.float() * scale.float())
    revision = f"{SHA256[:12]}+{digest[:12]}"
    return PairReader(encoder, head.eval(), load_tokenizer(), card["apart"], revision, attention=attention)


def _weights_file(name: str) -> bytes:
    path = WEIGHTS / name
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelUnavailableError(f"the embedded tier's weights are missing: {path}; reinstall the grader") from error
