"""Answer keys held against the code of ``grader.attention``: what a quiz names as its proof is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import Fault
from grader.load.faults import shown, suggestion
from grader.load.quiz import parse_quiz
from grader.load.yamltree import read_document
from grader.schema import Question

if TYPE_CHECKING:
    from grader.attention import Fact


@dataclass(frozen=True)
class FactCheck:
    """What came of running the facts that some quizzes name.

    Args:
        ran: Names of the facts, each once, in the order first named.
        faults: Names that no fact has, facts that do not hold, and keys that they refute.
    """

    ran: tuple[str, ...]
    faults: tuple[Fault, ...]


def check_facts(paths: Sequence[Path | str]) -> FactCheck:
    """Run the facts that quizzes name, on the CPU, and compare the keys with what they measure.

    The choices of a question must stand in the order in which its fact counts them.

    Args:
        paths: YAML files; of these only quizzes without faults of their own are looked at.
    """
    documents = [read_document(path) for path in paths]
    named = [
        (document, ("questions", index), question, question.fact)
        for document in documents
        if (quiz := parse_quiz(document)[0]) is not None
        for index, question in enumerate(quiz.questions)
        if question.fact is not None
    ]
    facts = _run(name for *_, name in named)
    faults = [
        document.fault((*place, field), message)
        for document, place, question, name in named
        for field, message in _faults(question, name, facts.get(name))
    ]
    return FactCheck(tuple(facts), tuple(faults))


def _run(names: Iterable[str]) -> dict[str, Fact]:
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return {}
    from grader.attention.facts import FACTS, run_facts

    known = [name for name in wanted if name in FACTS]
    return dict(zip(known, run_facts(known), strict=True))


def _faults(question: Question, name: str, fact: Fact | None) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a question that names a fact: the field and the message."""
    from grader.attention.facts import FACTS

    if fact is None:
        yield "fact", f"no fact {shown(name)}{suggestion(name, FACTS)}; there are {', '.join(FACTS)}"
        return
    if not fact.holds:
        figures = ", ".join(f"{key} = {fact.measured[key]} (expected: {fact.expected[key]})" for key in fact.expected)
        yield "fact", f"the fact {name} does not hold here: {figures}"
    if question.type != "free" and question.answer != fact.answer:
        supported = f"the choices {list(fact.answer)}" if fact.answer else "no choice"
        yield "answer", f"the fact {name} supports {supported}; the key is {list(question.answer)}"
