"""Answers that no learner in the data writes, to fit the rule on: noise, and right answers to other questions."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from grader.match import CORRECT, IRRELEVANT
from training.answers import Answer
from training.pairs import FIVE_WAY
from training.phrases import NOISE

NOISY, NOISES_EACH = {"tier": 60, "accurate": 20, "judge": 20}, 3  # questions, answers to each
ASTRAY, ASTRAY_EACH = {"tier": 400, "accurate": 60, "judge": 30}, 2
Ask = Callable[[str, str, list[str], str], np.ndarray]  # answer, question, statements, language


def noise(answers: list[Answer], read: Ask, questions: int, seed: int = 0) -> list[Answer]:
    """Answers with no content to some of the questions.

    No learner in the data writes such things, and a rule that never saw them may call them anything.
    """
    rng = random.Random(seed)
    return [
        made_up(a, text, FIVE_WAY[verdict][0], read)
        for a in one_each(answers, questions, rng)
        for text, verdict in rng.sample(NOISE, NOISES_EACH)
    ]


def astray(answers: list[Answer], read: Ask, questions: int, seed: int = 0) -> list[Answer]:
    """Right answers to other questions of the same course: fluent, of the subject, and beside the point.

    A rule that never saw them takes whatever resembles no reference and denies nothing for a right answer in words of
    its own. Beetle is left out: many of its answers are right for several questions.
    """
    rng = random.Random(seed)
    right: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for a in answers:
        if a.verdict == CORRECT:
            right[_course(a), a.pair.lang].append(a)
    out = []
    for a in one_each([a for a in answers if a.pair.source != "beetle"], questions, rng):
        others = [b.pair.answer for b in right[_course(a), a.pair.lang] if b.pair.group != a.pair.group]
        chosen = rng.sample(others, min(ASTRAY_EACH, len(others)))
        out += [made_up(a, text, IRRELEVANT, read) for text in chosen]
    return out


def _course(a: Answer) -> str:
    return f"{a.pair.source} {a.pair.module} {a.pair.group.rpartition('-')[0]}"


def one_each(answers: list[Answer], questions: int, rng: random.Random) -> list[Answer]:
    """An answer to each of some questions, in each language."""
    by_question = {(a.pair.group, a.pair.lang): a for a in answers}
    return rng.sample([by_question[key] for key in sorted(by_question)], min(questions, len(by_question)))


def made_up(a: Answer, text: str, verdict: int, read: Ask) -> Answer:
    """Another answer to the same question, which meets no criterion, as a model reads it."""
    statements = [*a.pair.statements[:6], *a.statements]
    rows, at = read(text, a.pair.question, statements, a.pair.lang), len(statements) - len(a.statements)
    split = at + len(a.criteria)
    return Answer(
        replace(a.pair, answer=text),
        verdict,
        rows[:at],
        [(row, False) for row in rows[at:split]],
        [(row, False) for row in rows[split:]],
        a.statements,
    )
