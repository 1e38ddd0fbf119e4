"""Pairs that nobody labelled: a trained judge says what it thinks of them, and the pair model learns from that.

Answers meet other learners' right answers, statements of neighbouring questions, edits of themselves, each other,
and statements in the other language (knowledge distillation on unlabelled pairs, arXiv:1503.02531).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from grader.match import CORRECT
from training.pairs import Pair
from training.preserve import near_copies

ANY = (0, 1, 2, 3, 4)
EDITED, ELSEWHERE, TRANSLATED = 0.5, 0.4, 0.35  # how often an answer is used so


def unlabelled(pairs: list[Pair], spanish: Mapping[str, str], seed: int = 0) -> Iterator[Pair]:
    """Make pairs from graded answers.

    Args:
        pairs: Labelled ones.
        spanish: Translations of the English texts among them.
        seed: Of every choice.
    """
    rng = random.Random(seed)
    answers = [pair for pair in pairs if pair.kind == "reference"]
    statements = [pair for pair in pairs if pair.kind in {"criterion", "misconception"}]
    by_question, by_module = defaultdict(list), defaultdict(list)
    held = defaultdict(dict)  # statements of a question by language, in the order of the rubric
    for pair in answers:
        by_question[pair.group, pair.lang].append(pair)
    for (_, lang), members in by_question.items():
        by_module[members[0].source, members[0].module, lang].append(members[0])
    for pair in statements:
        held[pair.group, pair.lang][pair.statements[0]] = None

    def made(pair: Pair, answer: str, statement: str) -> Pair:
        return replace(pair, answer=answer, statements=(statement,), allowed=ANY, kind="pool", id="", extra={})

    for pair in answers:
        peers = [p for p in by_question[pair.group, pair.lang] if p.allowed == (CORRECT,) and p is not pair]
        if peers:
            yield made(pair, pair.answer, rng.choice(peers).answer)
        near = [p for p in by_module[pair.source, pair.module, pair.lang] if p.group != pair.group]
        if near and rng.random() < ELSEWHERE:
            yield made(pair, pair.answer, rng.choice(rng.choice(near).statements))
        edits = _edits(pair, rng) if rng.random() < EDITED else []
        for edit in edits:
            yield made(pair, edit, pair.statements[0])
        if pair.lang == "en" and pair.answer in spanish and rng.random() < TRANSLATED:
            said, statement = spanish[pair.answer], spanish.get(pair.statements[0], "")
            question = spanish.get(pair.question, "")
            if said and statement:
                yield replace(made(pair, said, statement), question=question, lang="es")
        rubric = list(held[pair.group, pair.lang])
        other = list(held[pair.group, "es" if pair.lang == "en" else "en"])
        if rubric:
            yield made(pair, pair.answer, rng.choice(other or rubric))
            yield made(pair, pair.answer, rng.choice(other or rubric))
            fellow = rng.choice(by_question[pair.group, pair.lang])
            joined = f"{pair.answer} {fellow.answer}"
            yield made(pair, joined, pair.statements[0])
            yield made(pair, joined, rng.choice(rubric))
            for edit in edits:
                yield made(pair, edit, rng.choice(rubric))
            yield made(pair, rng.choice(rubric), rng.choice(rubric))


def _edits(pair: Pair, rng: random.Random) -> list[str]:
    """The answer with its meaning changed, and restated."""
    return [copy for copy, _ in near_copies(pair.answer, pair.lang, rng, limit=1, question=pair.question)]
