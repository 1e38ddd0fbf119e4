"""Where a judge sits: it loads when first needed, is asked about several answers at once, and within a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from grader.judge.reading import Judge, JudgeFailure, Probabilities
from grader.judge.settings import When
from grader.schema import Lang


@dataclass(frozen=True)
class Case:
    """One answer to judge.

    Args:
        question: What was asked.
        answer: What the learner wrote, without orders to the grader.
        statements: What it is held against.
        lang: Of the statements.
        apart: Sentences of the answer to be read by themselves too, each against a sentence of its own.
    """

    question: str
    answer: str
    statements: tuple[str, ...]
    lang: Lang
    apart: tuple[tuple[str, str], ...] = ()


class Bench:
    """Asks one judge.

    Args:
        name: Of the judge, for the record.
        identity: Everything about the judge that decides a verdict, for the receipt.
        load: Gives the judge; called once, when the first answer comes.
        when: Which answers it is asked about.
        max_calls: Answers that it is asked about at most; ``None`` for no limit. Counted in the order in which the
            cases come, so that neither threads nor kept replies decide who gets the last call.
    """

    def __init__(
        self,
        name: str,
        identity: str,
        load: Callable[[], Judge],
        *,
        when: When = "unsure",
        max_calls: int | None = None,
    ) -> None:
        self.name, self.identity, self.when = name, identity, when
        self._load, self._max_calls = load, max_calls
        self._judge: Judge | None = None
        self._asked = 0

    def ask(self, cases: Sequence[Case]) -> list[list[Probabilities] | JudgeFailure]:
        """Judge cases: one result each, in their order; equal cases are asked about once.

        Returns:
            For each case its statements' probabilities, and then those of the sentences apart.
        """
        left = len(cases) if self._max_calls is None else self._max_calls - self._asked
        allowed = cases[: max(0, left)]
        self._asked += len(allowed)
        different = list(dict.fromkeys(allowed))
        found = dict(zip(different, self._read(different), strict=True))
        spent = JudgeFailure(f"the budget of {self._max_calls} calls is spent")
        return [found[case] for case in allowed] + [spent for _ in cases[len(allowed) :]]

    def _read(self, cases: Sequence[Case]) -> list[list[Probabilities] | JudgeFailure]:
        if not cases:
            return []
        judge = self._seated()

        def read(case: Case) -> list[Probabilities] | JudgeFailure:
            out: list[Probabilities] = []
            for answer, statements in ((case.answer, case.statements), *((one, (other,)) for one, other in case.apart)):
                reply = judge.read(case.question, answer, statements, case.lang)
                if isinstance(reply, JudgeFailure):
                    return reply
                out += reply
            return out

        if judge.at_once == 1 or len(cases) == 1:
            return [read(case) for case in cases]
        with ThreadPoolExecutor(min(judge.at_once, len(cases)), thread_name_prefix="judge") as pool:
            return list(pool.map(read, cases))

    def _seated(self) -> Judge:
        if self._judge is None:
            self._judge = self._load()
        return self._judge
