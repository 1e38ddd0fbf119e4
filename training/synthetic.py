"""Answers made from references: repeated, contradicted, from a neighbouring question, echoed, listed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from grader.match import CONTRADICTORY, CORRECT, IRRELEVANT, NON_DOMAIN, PARTIAL
from training.pairs import FIVE_WAY, Pair
from training.perturb import contradict, shuffled_keywords
from training.phrases import NOISE, NOTHING, ORDERS


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
        base = {
            "lang": first.lang,
            "source": first.source,
            "group": first.group,
            "module": first.module,
            "kind": "synthetic",
        }
        references = sorted({statement for member in members for statement in member.statements})
        for reference in references[:6]:
            yield Pair(reference, first.question, tuple(references), (CORRECT,), **base)
            for wrong in contradict(reference, first.lang, rng, limit=2):
                yield Pair(wrong, first.question, (reference,), (CONTRADICTORY,), **base)
            yield Pair(
                shuffled_keywords(reference, rng), first.question, (reference,), (IRRELEVANT, NON_DOMAIN), **base
            )
        right = [member for member in members if member.allowed == (CORRECT,)]
        for member in rng.sample(right, min(6, len(right))):
            for wrong in contradict(member.answer, first.lang, rng, limit=1):
                yield Pair(wrong, first.question, member.statements, (CONTRADICTORY,), **base)
        yield Pair(first.question, first.question, tuple(references), (IRRELEVANT,), **base)
        for phrase in rng.sample(NOTHING[first.lang], 4) + rng.sample(ORDERS[first.lang], 4):
            yield Pair(phrase, first.question, tuple(references), (NON_DOMAIN,), **base)
        for phrase, verdict in rng.sample(NOISE, 2):
            yield Pair(phrase, first.question, tuple(references), FIVE_WAY[verdict], **base)
        others = [other for other in neighbours[module + first.lang] if other.group != first.group]
        for other in rng.sample(others, min(4, len(others))):
            yield Pair(
                other.statements[0], first.question, tuple(references), (IRRELEVANT, PARTIAL, CONTRADICTORY), **base
            )
