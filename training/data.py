"""Pairs as a model reads them: which set each belongs to, drawn anew each epoch, batched by length."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

DEV_MODULES = {"PS", "LF"}
HALF = 0.5
EPOCH_SHARES = {"criterion": 0.35, "misconception": 0.35, "synthetic": 0.3, "pool": 0.6}
"""How much of a kind an epoch takes, drawn anew each time; what is not named counts whole."""
PUBLIC, PUBLIC_COPIES = {"scientsbank", "beetle"}, 2
"""Sets whose answers, written by learners and graded by people, come up so often in an epoch: they are the fewer."""
Ids = list[int]
Tokenise = Callable[[Sequence[str]], list[Ids]]
Item = tuple  # token ids first, then whatever else the model's ``collate`` takes


def read_rows(path: str | Path) -> list[dict]:
    """Rows of a gzipped JSON Lines file, such as ``training.prepare`` writes."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_pool(path: str, soft: Sequence[str]) -> list[dict]:
    """Rows of ``training.pool`` with the mean of several judges' probabilities under ``soft``."""
    rows = read_rows(path)
    mean = np.mean([np.load(file).astype(np.float32) for file in soft], axis=0)
    if mean.shape != (len(rows), 5):
        raise SystemExit(f"{path} has {len(rows)} pairs, the judges' probabilities have shape {mean.shape}")
    return [{**row, "soft": p} for row, p in zip(rows, mean, strict=True)]


def bucket(text: str) -> int:
    """Spread texts over whole numbers, the same on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def split(row: dict, holdout: str) -> str:  # noqa: PLR0911 -- one answer a rule
    """Where a pair goes: ``train`` or the name of the development set it belongs to.

    Args:
        row: A pair.
        holdout: ``dev``, ``none`` or ``foldIofN``; inference pairs always train, and of held-out questions what
            nobody wrote or labelled is ``left_out``.
    """
    source = row["source"]
    if row["kind"] == "nli" or holdout == "none":
        return "train"
    if row["kind"] in {"pool", "synthetic"}:
        held_out = split({**row, "kind": "reference", "id": ""}, holdout) != "train"
        return "left_out" if held_out else "train"
    if holdout.startswith("fold"):
        index, folds = map(int, holdout[4:].split("of"))
        return "train" if bucket(row["group"]) % folds != index else f"{source}_uq"
    if source == "indomain":
        return "indomain_uq"
    if source == "scientsbank" and row["module"] in DEV_MODULES:
        return "scientsbank_ud"
    if bucket(row["group"]) % 3 == 0:
        return f"{source}_uq"
    if source in {"scientsbank", "beetle"} and row["id"] and bucket(row["id"]) % 10 == 0:
        return f"{source}_ua"
    return "train"


def draw_epoch(rows: list[dict], rng: random.Random, shares: Mapping[str, float] = EPOCH_SHARES) -> list[dict]:
    """Choose an epoch's pairs by their kind's share of all, and ``PUBLIC_COPIES``."""
    chosen = [row for row in rows if rng.random() < shares.get(row["kind"], 1.0)]
    again = [row for row in rows if row["kind"] == "reference" and row["source"] in PUBLIC]
    return chosen + again * (PUBLIC_COPIES - 1)


class Data:
    """Pairs with their token ids; draws language and statement anew each epoch.

    Args:
        rows: Pairs, with their Spanish under ``es`` where it was translated.
        tokenise: Texts to token ids without special tokens.
        spanish: Share of English pairs whose answer is drawn in Spanish.
        pack: (statement, question, answer) as token ids to an item.
    """

    def __init__(
        self, rows: list[dict], tokenise: Tokenise, spanish: float, pack: Callable[[Ids, Ids, Ids], Item]
    ) -> None:
        self.rows, self.spanish, self.pack = rows, spanish, pack
        versions = (version for row in rows for version in (row, row.get("es") or {}))
        texts = {t for v in versions for t in (v.get("answer"), v.get("question"), *v.get("statements", ())) if t}
        self.ids = dict(zip(sorted(texts), tokenise(sorted(texts)), strict=True))
        self.ids[""] = []

    def draw(self, row: dict, rng: random.Random | None, statement: int | None = None) -> Item:
        """Choose languages and a statement; without ``rng`` the row's own language.

        Args:
            row: A pair.
            rng: ``None`` to measure.
            statement: Which one; by default the first, or any while training.
        """
        answer_from = statement_from = row
        if rng and row.get("es"):
            if rng.random() < self.spanish:
                answer_from = row["es"]
            if rng.random() < (0.85 if answer_from is not row else 0.06):
                statement_from = row["es"]
        index = statement if statement is not None else 0
        if rng and len(row["statements"]) > 1 and rng.random() < HALF:
            index = rng.randrange(len(row["statements"]))
        question = (statement_from if rng is None or rng.random() < HALF else answer_from)["question"]
        texts = statement_from["statements"][index], question, answer_from["answer"]
        return self.pack(*(self.ids[text] for text in texts))


def batches(lengths: list[int], tokens: int, rng: random.Random | None) -> list[list[int]]:
    """Group indices of like length so that a batch holds about ``tokens`` tokens."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] + (rng.random() * 12 if rng else 0))
    groups, current, longest = [], [], 0
    for i in order:
        longest = max(longest, lengths[i])
        if current and longest * (len(current) + 1) > tokens:
            groups.append(current)
            current, longest = [], lengths[i]
        current.append(i)
    groups.append(current)
    if rng:
        rng.shuffle(groups)
    return groups
