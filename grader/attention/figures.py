"""A measured claim, and how figures make one."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = float | bool | tuple[int, ...]


@dataclass(frozen=True)
class Fact:
    """One measured claim.

    Args:
        id: Name that a quiz refers to.
        question_id: Question that it decides.
        claim: What is measured, one sentence.
        measured: Figures by name; units are in the names.
        expected: What each figure that decides the claim must be, by the same names.
        answer: 1-based choices that the figures support; empty for a free question.
        holds: Whether every figure is as expected.
    """

    id: str
    question_id: str
    claim: str
    measured: Mapping[str, Value]
    expected: Mapping[str, str]
    answer: tuple[int, ...]
    holds: bool


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Args:
        name: Unique inside its fact, unit included.
        value: As measured.
        expected: What it must be, in words; empty where it is shown but decides nothing.
        holds: Whether it is.
    """

    name: str
    value: Value
    expected: str = ""
    holds: bool = True


def conclude(fact_id: str, question_id: str, claim: str, *figures: Figure, answer: tuple[int, ...] = ()) -> Fact:
    """Make a fact of its figures.

    Args:
        fact_id: Name that a quiz refers to.
        question_id: Question that it decides.
        claim: What is measured, one sentence.
        figures: In the order to print.
        answer: 1-based choices that the figures support; empty for a free question.
    """
    return Fact(
        id=fact_id,
        question_id=question_id,
        claim=claim,
        measured=MappingProxyType({figure.name: figure.value for figure in figures}),
        expected=MappingProxyType({figure.name: figure.expected for figure in figures if figure.expected}),
        answer=answer,
        holds=all(figure.holds for figure in figures),
    )
