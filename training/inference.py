"""Natural language inference as pairs: the premise plays the answer, the hypothesis the statement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.match import CONTRADICTORY, CORRECT, IRRELEVANT, PARTIAL
from training.data import read_rows
from training.pairs import Pair

ALLOWED = {"entailment": (CORRECT,), "neutral": (PARTIAL, IRRELEVANT), "contradiction": (CONTRADICTORY,)}
THREE_WAY = (
    "snli_dev",
    "snli_test",
    "cad_nli_train",
    "cad_nli_dev",
    "conjnli_adversarial_train",
    "conjnli_dev",
    "hossain_negation_snli",
    "hossain_negation_mnli",
    "cannot_sem_anto_neg",
    "cannot_wikifactcheck",
    "fool_me_twice_dev",
    "fool_me_twice_test",
    "scone_nli_train",
    "condaqa_dev",
    "entailmentbank_train",
    "entailmentbank_dev",
)
PARAPHRASES = ("pawsx_dev.en", "pawsx_dev.es")
SIMILARITIES = ("stsb_train.en", "stsb_train.es", "stsb_dev.es")
NOT_SAME = (PARTIAL, CONTRADICTORY, IRRELEVANT)
ALIKE, UNLIKE = 0.9, 0.25  # similarities from and up to which a pair says anything about entailment


def inference(folder: Path) -> Iterator[Pair]:
    """Read every set.

    Args:
        folder: Where they are.
    """
    for name in THREE_WAY:
        for row in read_rows(folder / f"{name}.jsonl.gz"):
            yield _pair(row, ALLOWED[row["label"]], "en", name, name)
    for name in PARAPHRASES:
        for row in read_rows(folder / f"{name}.jsonl.gz"):
            yield _pair(row, (CORRECT,) if row["score"] == 1 else NOT_SAME, row["lang"], name, "pawsx")
    for name in SIMILARITIES:
        for row in read_rows(folder / f"{name}.jsonl.gz"):
            if not UNLIKE < row["score"] < ALIKE:
                allowed = (CORRECT,) if row["score"] >= ALIKE else (IRRELEVANT, CONTRADICTORY)
                yield _pair(row, allowed, row["lang"], name, "stsb")
    yield from _equivalents(folder / "evouna_nq.jsonl.gz")


def _pair(row: dict, allowed: tuple[int, ...], lang: str, source: str, family: str) -> Pair:
    """Make a pair; those of a family with the same premise stay together."""
    premise = row["premise"]
    group = f"{family}:{premise[:60]}"
    return Pair(premise, "", (row["hypothesis"],), allowed, lang, source, group, kind="nli")


def _equivalents(path: Path) -> Iterator[Pair]:
    """Answers to open questions, each judged the same as a reference or not."""
    for row in read_rows(path):
        yield Pair(
            row["candidate"],
            row["question"],
            tuple(row["reference"].split("/")[:5]),
            (CORRECT,) if row["label"] == "equivalent" else NOT_SAME,
            "en",
            "evouna",
            f"evouna:{row['question']}",
            kind="nli",
        )
