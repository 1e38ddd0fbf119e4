"""Answers composed of a rubric's statements and of learners' answers, whose verdict follows from how they were made.

What is asserted decides, not how much is covered: a misconception added to a full answer makes it contradictory, a
statement left out makes it partial, the words of all statements in any order say nothing, and neither an order to
the grader nor a true remark about something else changes what the rest says. Whatever is contradicted by a small edit
is restated by small edits as often.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.match import CONTRADICTORY, CORRECT, IRRELEVANT, NON_DOMAIN, PARTIAL
from training.openings import reopen
from training.pairs import NOT_CORRECT, Pair
from training.preserve import near_copies, restate
from training.synthetic import with_remark

ADDED = 0.3  # share of the answers that an order or a remark is added to
SALADS, ELSEWHERE, RESTATED = 2, 3, 4  # answers a question and language
OTHER = {"en": "es", "es": "en"}


@dataclass(frozen=True)
class Subject:
    """One question in one language.

    Args:
        prompt: The question.
        references: Full-mark answers.
        criteria: Statements, with the same in the other language.
        beliefs: Misconceptions, likewise.
        base: What all its pairs share.
    """

    prompt: str
    references: tuple[str, ...]
    criteria: tuple[tuple[str, str], ...]
    beliefs: tuple[tuple[str, str], ...]
    base: dict

    @property
    def whole(self) -> str:
        """Every criterion stated."""
        return " ".join(own for own, _ in self.criteria)

    def pair(self, answer: str, statements: str | tuple[str, ...], *allowed: int) -> Pair:
        """Make a pair of it."""
        held = (statements,) if isinstance(statements, str) else statements
        return Pair(answer, self.prompt, held, allowed, **self.base)


def composed(questions: Sequence[dict], pairs: Sequence[Pair], source: str, seed: int) -> Iterator[Pair]:
    """Compose answers.

    Args:
        questions: A rubric file's questions.
        pairs: Labelled answers, of these questions among others.
        source: Which set the questions are.
        seed: Of every choice.
    """
    rng = random.Random(seed)
    labelled: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.source == source and pair.kind in {"reference", "criterion", "misconception"}:
            labelled[pair.group, pair.lang].append(pair)
    for question in questions:
        for lang in ("en", "es"):
            subject = _subject(question, source, lang)
            own = labelled[subject.base["group"], lang]
            others = [p for (group, code), ps in labelled.items() for p in ps
                      if code == lang and group != subject.base["group"]]  # fmt: skip
            yield from _stated(subject)
            yield from _edited(subject, lang, rng)
            yield from _misled(subject, own, rng)
            yield from _restated(subject, own, rng)
            yield from _salads(subject, own, rng)
            yield from _elsewhere(subject, others, rng)
            yield from _added(own, rng)


def _subject(question: dict, source: str, lang: str) -> Subject:
    both = {kind: tuple((s["statement"][lang], s["statement"][OTHER[lang]]) for s in question[kind])
            for kind in ("criteria", "misconceptions")}  # fmt: skip
    base = {"lang": lang, "source": source, "group": f"{source}:{question['id']}", "kind": "synthetic"}
    return Subject(question["prompt"][lang], tuple(question["reference"][lang]), both["criteria"],
                   both["misconceptions"], base)  # fmt: skip


def _stated(of: Subject) -> Iterator[Pair]:
    """Statements as answers, alone, joined, and all but one."""
    yield of.pair(of.whole, of.references, CORRECT)
    several = len(of.criteria) > 1
    for index, (own, other) in enumerate(of.criteria):
        yield of.pair(own, of.references, PARTIAL if several else CORRECT)
        yield of.pair(own, other, CORRECT)
        yield of.pair(of.whole, own, CORRECT)
        if several:
            rest = " ".join(text for at, (text, _) in enumerate(of.criteria) if at != index)
            yield of.pair(rest, of.references, PARTIAL)
            yield of.pair(rest, own, PARTIAL, IRRELEVANT)
    for own, other in of.beliefs:
        yield of.pair(own, of.references, CONTRADICTORY)
        yield of.pair(own, other, CORRECT)
        yield of.pair(f"{of.whole} {own}", of.references, CONTRADICTORY)


def _edited(of: Subject, lang: str, rng: random.Random) -> Iterator[Pair]:
    """One statement turned round, or restated, among others that stand."""
    for index, (own, _) in enumerate(of.criteria):
        for copy, holds in near_copies(own, lang, rng, limit=3, question=of.prompt):
            joined = " ".join(copy if at == index else text for at, (text, _) in enumerate(of.criteria))
            verdict = CORRECT if holds else CONTRADICTORY
            yield of.pair(copy, own, verdict)
            yield of.pair(joined, of.references, verdict)
            yield of.pair(joined, own, verdict)
    for reference in of.references:
        for copy, holds in near_copies(reference, lang, rng, limit=4, question=of.prompt):
            yield of.pair(copy, of.references, CORRECT if holds else CONTRADICTORY)
        opened = reopen(reference, lang, rng, of.prompt)
        if opened != reference:
            yield of.pair(opened, of.references, CORRECT)
    for own, _ in of.beliefs:
        for copy, holds in near_copies(own, lang, rng, limit=1, question=of.prompt):
            yield of.pair(copy, own, CORRECT if holds else CONTRADICTORY)
            if holds:
                yield of.pair(copy, of.references, CONTRADICTORY)


def _misled(of: Subject, own: Sequence[Pair], rng: random.Random) -> Iterator[Pair]:
    """Right answers with a misconception beside them, or one word turned round, or restated."""
    lang = of.base["lang"]
    for pair in own:
        if pair.kind != "reference" or pair.allowed != (CORRECT,):
            continue
        if of.beliefs:
            parts = [pair.answer, rng.choice(of.beliefs)[0]]
            rng.shuffle(parts)
            yield of.pair(" ".join(parts), of.references, CONTRADICTORY)
        for copy, holds in near_copies(pair.answer, lang, rng, limit=2, question=of.prompt):
            yield of.pair(copy, of.references, CORRECT if holds else CONTRADICTORY)
        opened = reopen(pair.answer, lang, rng, of.prompt)
        if opened != pair.answer:
            yield of.pair(opened, of.references, CORRECT)


def _restated(of: Subject, own: Sequence[Pair], rng: random.Random) -> Iterator[Pair]:
    """Answers that are not right, restated: the label stays."""
    rest = [pair for pair in own if pair.kind == "reference" and pair.allowed in {(PARTIAL,), (CONTRADICTORY,)}]
    for pair in rng.sample(rest, min(RESTATED, len(rest))):
        for copy in restate(pair.answer, of.base["lang"], rng, limit=1, question=of.prompt):
            yield of.pair(copy, of.references, *pair.allowed)


def _salads(of: Subject, own: Sequence[Pair], rng: random.Random) -> Iterator[Pair]:
    """The right words in no order."""
    right = [pair.answer for pair in own if pair.kind == "reference" and pair.allowed == (CORRECT,)]
    for text in [of.whole, *of.references, *rng.sample(right, min(SALADS, len(right)))]:
        words = text.split()
        if len(words) < 6:
            continue
        rng.shuffle(words)
        salad = " ".join(words if rng.random() < 0.5 else [word.strip(".,;:()«»\"'") for word in words])
        yield of.pair(salad, of.references, IRRELEVANT, NON_DOMAIN)
        yield of.pair(salad, rng.choice(of.criteria)[0], IRRELEVANT, NON_DOMAIN)


def _elsewhere(of: Subject, others: Sequence[Pair], rng: random.Random) -> Iterator[Pair]:
    """Right answers to other questions of the same course."""
    right = [pair for pair in others if pair.kind == "reference" and pair.allowed == (CORRECT,)]
    for pair in rng.sample(right, min(ELSEWHERE, len(right))):
        yield of.pair(pair.answer, of.references, IRRELEVANT, PARTIAL, CONTRADICTORY)
        yield of.pair(pair.answer, rng.choice(of.criteria)[0], *NOT_CORRECT)


def _added(own: Sequence[Pair], rng: random.Random) -> Iterator[Pair]:
    """Answers with an order or a remark before or after them; every label stays."""
    for pair in own:
        if rng.random() < (ADDED if pair.kind == "reference" else ADDED / 3) and NON_DOMAIN not in pair.allowed[:1]:
            yield with_remark(pair, rng)
