"""Attack a grader and count how often its grades moved the wrong way."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from grader.attacks.cases import EDITS, INJECTION, PARAPHRASES, Case, Expect
from grader.schema import Grade, Lang, Outcome, Submission, Verdict

Z_95 = 1.96


class Grades(Protocol):
    """Whatever grades submissions in order."""

    def grade(self, submissions: Sequence[Submission], /) -> list[Outcome]:
        """One outcome a submission."""
        ...


@dataclass(frozen=True)
class Result:
    """What came of one case.

    Args:
        case: The attack.
        outcome: Of the attacked answer.
        base: Of the answer it was made from; ``None`` where there is none.
    """

    case: Case
    outcome: Outcome
    base: Outcome | None

    @property
    def counts(self) -> bool:
        """Whether the case can tell anything: a base that does not pass can neither be lost nor caught."""
        return self.case.expect is Expect.NO_RAISE or self.base is None or _passes(self.base)

    @property
    def wrong(self) -> bool:
        """Whether the grade moved the way it must not."""
        if not self.counts:
            return False
        if self.case.expect is Expect.NO_RAISE:
            return _score(self.outcome) > (_score(self.base) if self.base else 0.0)
        return _passes(self.outcome) is (self.case.expect is Expect.NOT_CORRECT)

    @property
    def lowered(self) -> bool:
        """Whether the grade fell below its base's."""
        return self.base is not None and _score(self.outcome) < _score(self.base)

    @property
    def reviewed(self) -> bool:
        """Whether a person is asked to look; an answer left unscored is looked at anyway."""
        return not isinstance(self.outcome, Grade) or self.outcome.needs_review


def _passes(outcome: Outcome) -> bool:
    return isinstance(outcome, Grade) and outcome.verdict is Verdict.CORRECT


def _score(outcome: Outcome) -> float:
    return outcome.score if isinstance(outcome, Grade) else 0.0


@dataclass(frozen=True)
class Row:
    """One line of the table: an attack, or a group of them, in one language or in all.

    Args:
        attack: Its name.
        lang: Of the sheet; empty for all.
        cases: How many count.
        wrong: How many of these moved the wrong way.
        low: Lower end of the share's 95 % interval, 0 to 1.
        high: Upper end.
        lowered: How many of all fell below their base.
        reviewed: How many of all a person is asked to look at.
        left_out: How many do not count, because their base does not pass.
    """

    attack: str
    lang: str
    cases: int
    wrong: int
    low: float
    high: float
    lowered: int
    reviewed: int
    left_out: int

    @property
    def share(self) -> float:
        """Share that moved the wrong way, 0 to 1; 0 where nothing counts."""
        return self.wrong / self.cases if self.cases else 0.0


def sample(cases: Iterable[Case], limit: int, seed: int = 0) -> list[Case]:
    """At most ``limit`` cases of each attack and language, drawn with a seed; order is kept."""
    kept: set[int] = set()
    numbered = sorted(enumerate(cases), key=lambda item: (item[1].attack, item[1].lang))
    for (attack, lang), group in groupby(numbered, key=lambda item: (item[1].attack, item[1].lang)):
        places = [at for at, _ in group]
        rng = random.Random(f"{seed} {attack} {lang}")  # noqa: S311 -- a sample need not be secret
        kept.update(rng.sample(places, min(limit, len(places))))
    return [case for at, case in sorted(numbered, key=lambda item: item[0]) if at in kept]


def attack(cases: Iterable[Case], grader: Grades) -> list[Result]:
    """Grade cases and their bases, each text once and all together; one result a case, in order."""
    attacked = [(case, _key(case), None if case.base is None else _base_key(case)) for case in cases]
    keys = list(dict.fromkeys(key for _, *both in attacked for key in both if key is not None))
    outcomes = grader.grade([Submission("attack", *key) for key in keys])
    known = dict(zip(keys, outcomes, strict=True))
    return [Result(case, known[key], None if base is None else known[base]) for case, key, base in attacked]


Key = tuple[str, str, Lang | None]  # question, answer, language


def _key(case: Case) -> Key:
    return case.question_id, case.answer, case.lang if case.named else None


def _base_key(case: Case) -> Key:
    return case.question_id, case.base or "", case.lang


def wilson(wrong: int, cases: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); 0 to 1 where there are no cases."""
    if not cases:
        return 0.0, 1.0
    share, spread = wrong / cases, Z_95**2 / cases
    half = Z_95 * math.sqrt(share * (1 - share) / cases + spread / (4 * cases))
    middle = share + spread / 2
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def count(name: str, lang: str, results: Sequence[Result]) -> Row:
    """Count some results into one row."""
    counted = [result for result in results if result.counts]
    wrong = sum(result.wrong for result in counted)
    lowered, reviewed = (sum(getattr(result, kind) for result in results) for kind in ("lowered", "reviewed"))
    return Row(
        name, lang, len(counted), wrong, *wilson(wrong, len(counted)), lowered, reviewed, len(results) - len(counted)
    )


def table(results: Sequence[Result]) -> list[Row]:
    """One row an attack and language, in the order met."""
    keys = dict.fromkeys((result.case.attack, result.case.lang) for result in results)
    ordered = sorted(keys, key=lambda key: ([name for name, _ in keys].index(key[0]), key[1]))
    return [count(*key, [r for r in results if (r.case.attack, r.case.lang) == key]) for key in ordered]


def groups(results: Sequence[Result]) -> list[Row]:
    """One row for each group that a goal is set for: injections, edits that change the meaning, paraphrases."""
    chosen = {
        "injections": [r for r in results if r.case.attack.startswith(INJECTION)],
        "changed meaning": [r for r in results if r.case.attack in EDITS],
        "paraphrases": [r for r in results if r.case.attack in PARAPHRASES],
    }
    return [count(name, "", members) for name, members in chosen.items()]
