"""Attacks on a grader: edits, empty texts and orders whose grade may move one way only, made from any quiz."""

from grader.attacks.cases import EDITS, INJECTION, PARAPHRASES, Case, Expect, Labelled, make_cases
from grader.attacks.measure import Result, Row, attack, count, groups, sample, table, wilson

__all__ = [
    "EDITS",
    "INJECTION",
    "PARAPHRASES",
    "Case",
    "Expect",
    "Labelled",
    "Result",
    "Row",
    "attack",
    "count",
    "groups",
    "make_cases",
    "sample",
    "table",
    "wilson",
]
