"""The judge on this machine: the base with our adapter as a classifier.

The base without the adapter (``--judge prompt``), shown worked examples and held to five words, is kept to compare
with and never takes the adapter's place: on answers about attention it cannot tell a right answer from a
contradictory one (AUC .4 to .6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.hub import Encode
from grader.judge.examples import EXAMPLES
from grader.judge.layout import LAYOUT_VERSION, Layout, encode_texts
from grader.judge.reading import VERDICTS, JudgeFailure, Probabilities
from grader.model_attention import Attention
from grader.schema import Lang, Verdict

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, Qwen2Model

    from grader.judge.adapter import Adapter
    from grader.judge.packing import Packed

ADAPTER_FOLDER = Path(__file__).resolve().parents[1] / "weights" / "judge"
MAX_ENDING_TOKENS = 2048  # in one pass; more statements take several
WORDS: Mapping[Verdict, str] = {
    Verdict.CORRECT: " correct",
    Verdict.PARTIAL: " partial",
    Verdict.CONTRADICTORY: " contradictory",
    Verdict.IRRELEVANT: " irrelevant",
    Verdict.NON_DOMAIN: " empty",
}


class LocalJudge:
    """Reads all statements of an answer in one pass; the result depends on nothing but that answer and those.

    Args:
        model: Gives hidden states; in evaluation mode.
        encode: Texts to token ids, none of them special.
        classify: Last hidden states (statements, hidden), float32, to logits (statements, 5).
        prefaces: Token ids before the question, by language; empty where the model was trained to judge.
        identity: What decides a verdict.
        attention: What the model runs on; it is switched to it.
    """

    def __init__(
        self,
        model: Qwen2Model,
        encode: Encode,
        classify: Callable[[torch.Tensor], torch.Tensor],
        *,
        prefaces: Mapping[Lang, Sequence[int]],
        identity: str,
        attention: Attention = "sdpa",
    ) -> None:
        if attention == "ours":
            from grader.attention.interface import use_attention

            use_attention(model)
        self._attention = attention
        self._model, self._encode, self._classify = model, encode, classify
        self._layout, self._prefaces = Layout.of(encode), prefaces
        self._known: dict[Lang, DynamicCache] = {}
        self._identity = identity

    @classmethod
    def open(
        cls,
        *,
        adapter_folder: Path | None = ADAPTER_FOLDER,
        device: str | None = None,
        attention: Attention = "sdpa",
    ) -> LocalJudge:
        """Load the base (the first time it is downloaded and converted) and the adapter.

        Args:
            adapter_folder: What ``training.export_judge`` wrote; ``None`` for the base as it comes.
            device: ``cpu`` or ``cuda``; by default ``cuda`` where there is one.
            attention: What the model runs on.

        Raises:
            ModelUnavailableError: The base cannot be had, or the adapter is missing or damaged.
        """
        from grader.judge.adapter import build_head, load_adapter, merge
        from grader.judge.base import base_folder, load_base

        device = device or best_device()
        if adapter_folder is None:
            identity = identify(None, device, attention)
            return cls.untrained(*load_base(base_folder(), device), identity=identity, attention=attention)
        adapter = load_adapter(adapter_folder)
        model, encode = load_base(base_folder(), device)
        merge(model, adapter)
        head = build_head(adapter, model.config.hidden_size, device)
        identity = identify(adapter, device, attention)
        return cls(model, encode, head, prefaces={}, identity=identity, attention=attention)

    @classmethod
    def untrained(
        cls, model: Qwen2Model, encode: Encode, *, identity: str, attention: Attention = "sdpa"
    ) -> LocalJudge:
        """Make a judge of a model as it comes: worked examples first, then its next word out of five.

        Args:
            model: Has its output tied to its word embeddings.
            encode: Of the model.
            identity: What decides a verdict.
            attention: What the model runs on.

        Raises:
            ValueError: Two of the words begin with the same token.
        """
        words = [ids[0] for ids in encode([WORDS[verdict] for verdict in VERDICTS])]
        if len(set(words)) != len(words):
            raise ValueError(f"the verdicts' first tokens must differ, got {words}")
        choices = model.embed_tokens.weight[words].float()
        layout = Layout.of(encode)
        prefaces: dict[Lang, list[int]] = {lang: _preface(layout, encode, lang) for lang in EXAMPLES}
        return cls(
            model,
            encode,
            lambda states: states @ choices.T,
            prefaces=prefaces,
            identity=identity,
            attention=attention,
        )

    @property
    def identity(self) -> str:
        """Base, adapter or examples, layout, number format and kind of device."""
        return self._identity

    @property
    def at_once(self) -> int:
        """One: an answer fills the cores."""
        return 1

    def read(
        self, question: str, answer: str, statements: Sequence[str], lang: Lang
    ) -> list[Probabilities] | JudgeFailure:
        """Judge an answer against statements, in their order.

        Args:
            question: What was asked; over 128 tokens it is cut.
            answer: What the learner wrote; over 256 tokens its middle is left out.
            statements: Criteria, misconceptions or references; each cut at 192 tokens.
            lang: Chooses the worked examples of a model without an adapter.
        """
        import torch

        from grader.judge.packing import share_out

        asked, said, *held = encode_texts(self._encode, [question, answer, *statements])
        beginning = self._layout.prefix(asked, said)
        endings = [self._layout.suffix(statement) for statement in held]
        out: list[Probabilities] = []
        with torch.inference_mode():
            for run in share_out(endings, MAX_ENDING_TOKENS):
                p = self._classify(self._states(beginning, run, lang)).softmax(-1)
                if not bool(torch.isfinite(p).all()):
                    return JudgeFailure("the local judge's output was not a number")
                out += [(row[0], row[1], row[2], row[3], row[4]) for row in p.tolist()]
        return out

    def _states(self, beginning: Sequence[int], endings: Sequence[Sequence[int]], lang: Lang) -> torch.Tensor:
        from grader.judge.packing import pack

        packed = pack(beginning, endings, cached=len(self._prefaces.get(lang, ())), dtype=self._model.dtype)
        states = self._run(packed, self._preface_cache(lang))
        return states[0, packed.last.to(states.device)].float()

    def _run(self, packed: Packed, known: DynamicCache | None) -> torch.Tensor:
        device = self._model.device
        out: torch.Tensor = self._model(
            input_ids=packed.ids.to(device),
            position_ids=packed.positions.to(device),
            **{name: tensor.to(device) for name, tensor in self._seen(packed).items()},
            cache=known,
            use_cache=known is not None,
        ).last_hidden_state
        return out

    def _seen(self, packed: Packed) -> dict[str, torch.Tensor]:
        """Say which tokens see which, in the words of the attention that the model runs on."""
        if self._attention == "sdpa":
            return {"attention_mask": packed.mask}
        nothing_padded = packed.mask.new_ones(1, packed.mask.shape[-1])
        packing = {"cu_seq_lens_q": packed.ends_q, "cu_seq_lens_k": packed.ends_k, "key_index": packed.keys}
        return {"attention_mask": nothing_padded, **packing}

    def _preface_cache(self, lang: Lang) -> DynamicCache | None:
        """Keys and values of the worked examples, computed once a language; a copy, since a pass extends it."""
        import copy

        import torch

        preface = self._prefaces.get(lang)
        if not preface:
            return None
        if lang not in self._known:
            ids = torch.tensor([list(preface)], device=self._model.device)
            self._known[lang] = self._model(input_ids=ids, use_cache=True).cache
        return copy.deepcopy(self._known[lang])


def check_local(adapter_folder: Path | None, attention: Attention) -> str:
    """See that the base and the adapter are there, without loading the base.

    Args:
        adapter_folder: ``None`` where none is wanted.
        attention: What the model will run on.

    Returns:
        The identity that the judge will have.

    Raises:
        ModelUnavailableError: The base cannot be had, or the adapter is missing or damaged.
    """
    from grader.judge.adapter import load_adapter
    from grader.judge.base import base_folder

    adapter = None if adapter_folder is None else load_adapter(adapter_folder)
    base_folder()
    return identify(adapter, best_device(), attention)


def identify(adapter: Adapter | None, device: str, attention: Attention) -> str:
    """Base, adapter or worked examples, layout, number format, kind of device, and attention if it is ours."""
    from grader.judge.base import SHA256

    examples = hashlib.sha256(repr((WORDS, EXAMPLES)).encode()).hexdigest()
    taught = f"examples:{examples[:16]}" if adapter is None else f"adapter:{adapter.digest[:16]}"
    noted = ":attention-ours" if attention == "ours" else ""
    return f"local:{SHA256[:16]}:{taught}:layout{LAYOUT_VERSION}:bfloat16:{device}{noted}"


def best_device() -> str:
    """``cuda`` where there is one, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _preface(layout: Layout, encode: Encode, lang: Lang) -> list[int]:
    ids: list[int] = []
    for example in EXAMPLES[lang]:
        asked, said, statement = encode_texts(encode, [example.question, example.answer, example.statement])
        (word,) = encode([f"{WORDS[example.verdict]}\n\n"])
        ids += [*layout.prefix(asked, said), *layout.suffix(statement), *word]
    return ids
