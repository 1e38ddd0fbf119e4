"""Answers made from references: repeated, restated, contradicted, from a neighbouring question, echoed, listed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from grader.match import CONTRADICTORY, CORRECT, IRRELEVANT, NON_DOMAIN, PARTIAL
from training.openings import reopen
from training.pairs import FIVE_WAY, Pair
from training.perturb import shuffled_keywords
from training.phrases import NOISE, NOTHING, ORDERS
from training.preserve import near_copies, restate

RESTATED, ORDERED = 3, 4  # answers a question that are not right
ORDER = 0.7  # share of the remarks that are orders to the grader
COPIED, COPIES = 30, 3  # right answers a question, near-copies of each that contradict it, and as many that restate it


def synthetic(pairs: list[Pair], seed: int) -> Iterator[Pair]:
    """Make answers to every question that graded answers belong to.

    Args:
        pairs: Graded answers, as ``training.graded`` reads them.
        seed: Of every choice.
    """
    rng = random.Random(seed)
    questions: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        if pair.kind == "reference" and pair.question:
            questions.setdefault((pair.source + pair.module, pair.group + pair.lang), []).append(pair)
    neighbours: dict[str, list[Pair]] = {}
    for (module, _), members in questions.items():
        neighbours.setdefault(module + members[0].lang, []).append(members[0])
    for (module, _), members in questions.items():
        first = members[0]
        references = tuple(sorted({statement for member in members for statement in member.statements}))
        yield from _from_references(first, references, rng)
        yield from _from_answers(members, rng)
        yield from _empty(first, references, rng)
        others = [other for other in neighbours[module + first.lang] if other.group != first.group]
        for other in rng.sample(others, min(4, len(others))):
            yield _made(first, other.statements[0], references, IRRELEVANT, PARTIAL, CONTRADICTORY)


def _made(of: Pair, answer: str, statements: tuple[str, ...], *allowed: int) -> Pair:
    return Pair(answer, of.question, statements, allowed, of.lang, of.source, of.group, of.module, "synthetic")


def _from_references(first: Pair, references: tuple[str, ...], rng: random.Random) -> Iterator[Pair]:
    for reference in references[:6]:
        yield _made(first, reference, references, CORRECT)
        for copy, holds in near_copies(reference, first.lang, rng, limit=3, question=first.question):
            yield _made(first, copy, (reference,), CORRECT if holds else CONTRADICTORY)
        yield _made(first, shuffled_keywords(reference, rng), (reference,), IRRELEVANT, NON_DOMAIN)


def _from_answers(members: Sequence[Pair], rng: random.Random) -> Iterator[Pair]:
    """Right answers restated and contradicted, others restated: whose label stays."""
    right = [member for member in members if member.allowed == (CORRECT,)]
    for member in rng.sample(right, min(COPIED, len(right))):
        for copy, holds in near_copies(member.answer, member.lang, rng, limit=COPIES, question=member.question):
            yield _made(member, copy, member.statements, CORRECT if holds else CONTRADICTORY)
        opened = reopen(member.answer, member.lang, rng, member.question)
        if opened != member.answer:
            yield _made(member, opened, member.statements, CORRECT)
    rest = [member for member in members if CORRECT not in member.allowed and member.allowed != (NON_DOMAIN,)]
    for member in rng.sample(rest, min(RESTATED, len(rest))):
        for copy in restate(member.answer, member.lang, rng, limit=1, question=member.question):
            yield _made(member, copy, member.statements, *member.allowed)
    yield from (with_remark(member, rng) for member in rng.sample(rest, min(ORDERED, len(rest))))


def with_remark(pair: Pair, rng: random.Random) -> Pair:
    """An answer with an order to the grader, or a true remark about something else, before or after it."""
    remarks = [text for text, verdict in NOISE if verdict == "irrelevant" and " " in text]
    parts = [pair.answer, rng.choice(ORDERS[pair.lang] if rng.random() < ORDER else remarks)]
    rng.shuffle(parts)
    return replace(pair, answer=rng.choice((" ", "\n", ". ")).join(parts), kind="synthetic", id="", extra={})


def _empty(first: Pair, references: tuple[str, ...], rng: random.Random) -> Iterator[Pair]:
    """The question itself, and answers with nothing to grade."""
    yield _made(first, first.question, references, IRRELEVANT)
    for phrase in rng.sample(NOTHING[first.lang], 4) + rng.sample(ORDERS[first.lang], 4):
        yield _made(first, phrase, references, NON_DOMAIN)
    for phrase, verdict in rng.sample(NOISE, 2):
        yield _made(first, phrase, references, *FIVE_WAY[verdict])
