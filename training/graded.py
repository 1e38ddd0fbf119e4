"""Answers that people graded, as pairs: the public sets, and what was written for this project."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from grader.match import CONTRADICTORY, CORRECT, IRRELEVANT, NON_DOMAIN, PARTIAL
from training.data import read_rows
from training.pairs import FIVE_WAY, NOT_CORRECT, Pair

PLACEHOLDERS = {"no response.", "empty submission.", "no response", ""}


def gather(shared: Path, own: Path) -> list[Pair]:
    """Every graded answer of the public sets and of those written for this project.

    Args:
        shared: The folder of public sets (``asag``, ``nli``, ``indomain``).
        own: The folder of answers written for this project.
    """
    asag = shared / "asag"
    pairs = [
        *semeval(asag / "scientsbank_train.jsonl.gz", "scientsbank"),
        *semeval(asag / "beetle_train.jsonl.gz", "beetle"),
        *saf(asag / "saf_en_train.jsonl.gz"),
        *stita(asag / "stita_all.jsonl.gz"),
        *authored(shared / "indomain" / "questions.yaml", shared / "indomain" / "answers.jsonl", "indomain"),
    ]
    for questions in sorted(own.glob("*.questions.yaml")):
        answers = questions.with_name(questions.name.replace(".questions.yaml", ".answers.jsonl"))
        pairs += authored(questions, answers, "authored")
    return pairs


def tokens(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def closest_first(answer: str, references: Iterable[str]) -> tuple[str, ...]:
    """Order references by word overlap (F1) with the answer."""
    words = tokens(answer)

    def overlap(reference: str) -> float:
        other = tokens(reference)
        return 2 * len(words & other) / max(1, len(words) + len(other))

    return tuple(sorted(dict.fromkeys(references), key=overlap, reverse=True))


def semeval(path: Path, source: str) -> Iterator[Pair]:
    for row in read_rows(path):
        yield Pair(
            row["answer"],
            row["question"],
            closest_first(row["answer"], row["reference_answers"]),
            FIVE_WAY[row["label_5way"]],
            "en",
            source,
            f"{source}:{row['question_id']}",
            row["module"],
            id=row["id"],
        )


def saf(path: Path) -> Iterator[Pair]:
    allowed = {
        "Correct": (CORRECT,),
        "Partially correct": (PARTIAL,),
        "Incorrect": (CONTRADICTORY, IRRELEVANT, NON_DOMAIN),
    }
    for row in read_rows(path):
        if row["answer"].strip().lower() in PLACEHOLDERS:
            continue
        yield Pair(
            row["answer"],
            row["question"],
            tuple(row["reference_answers"]),
            allowed[row["label"]],
            "en",
            "saf",
            f"saf:{row['question_id']}",
            id=row["id"],
            extra={"score": row["score"]},
        )


def stita(path: Path) -> Iterator[Pair]:
    for row in read_rows(path):
        score = row["score"]
        if score is None or row["answer"].strip().lower() in PLACEHOLDERS:
            continue
        allowed = (CORRECT,) if score > 0.9 else (PARTIAL,) if score > 0.3 else NOT_CORRECT
        yield Pair(
            row["answer"],
            row["question"],
            tuple(row["reference_answers"]),
            allowed,
            "en",
            "stita",
            f"stita:{row['question_id']}",
            id=row["id"],
            extra={"score": score},
        )


def authored(questions: Path, answers: Path, source: str) -> Iterator[Pair]:
    """Answers labelled criterion by criterion: a pair for each reference, criterion and misconception."""
    by_id = {question["id"]: question for question in yaml.safe_load(questions.read_text(encoding="utf-8"))}
    for line in answers.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        question, lang = by_id[row["question_id"]], row["lang"]
        base = {"lang": lang, "source": source, "group": f"{source}:{question['id']}", "id": row["id"]}
        prompt, verdict = question["prompt"][lang], row["verdict"]
        extra = {"verdict": verdict, "style": row["style"]}
        yield Pair(row["answer"], prompt, tuple(question["reference"][lang]), FIVE_WAY[verdict], **base, extra=extra)
        empty = (IRRELEVANT, NON_DOMAIN)
        for kind, statements, held_ids in (
            ("criterion", question["criteria"], row["criteria_met"]),
            ("misconception", question["misconceptions"], row["misconceptions"]),
        ):
            for statement in statements:
                held = statement["id"] in held_ids
                allowed = (CORRECT,) if held else empty if verdict in {"irrelevant", "non_domain"} else NOT_CORRECT
                yield Pair(
                    row["answer"],
                    prompt,
                    (statement["statement"][lang],),
                    allowed,
                    **base,
                    kind=kind,
                    extra={**extra, "statement_id": statement["id"], "held": held},
                )
