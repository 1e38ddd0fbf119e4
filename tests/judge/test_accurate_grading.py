"""The accurate tier: two models' estimates together, in each language by its share, and a judge on top."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from judge_fakes import MYTH, FakeEmbedder, FakeJudge, FakeReader, answers, bench_of, course, row

from grader.doubt import load_doubt
from grader.errors import ModelUnavailableError
from grader.grade import Grader
from grader.match import RULE_FILE, Rule, parse_rule
from grader.schema import Grade, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from grader.entail import Case

UNSURE = "Each tile rescales the sums before it, so nothing gets lost on the way to the result."
SAVED = json.loads(RULE_FILE.read_text(encoding="utf-8"))
SECTION = {name: SAVED[name] for name in ("rubric", "references", "criterion", "misconception")}


class Second:
    """A second model that says one word of every statement but the misconception."""

    revision = "second"

    def __init__(self, word: str = "correct") -> None:
        self._word = word
        self.asked: list[Case] = []

    def read_all(self, cases: Sequence[Case]) -> list[NDArray[np.float64]]:
        """Five probabilities a statement."""
        self.asked += cases
        return [np.array([row("irrelevant" if s == MYTH else self._word, 0.97) for s in c.statements]) for c in cases]


def rule_with(en: float, es: float = 0.0, **section: float) -> Rule:
    weights = {"accurate_weights": {"en": en, "es": es}}
    return parse_rule({**SAVED, "accurate": {**SECTION, **section}, **weights}, "r")


def grade(second: Second | None, rule: Rule, *texts: str, judge: FakeJudge | None = None) -> list[Grade]:
    grader = Grader(
        *course(),
        reader=FakeReader,
        accurate=None if second is None else lambda: second,
        embedder=FakeEmbedder,
        rule=lambda: rule,
        bench=judge and bench_of(judge, when="always"),
    )
    found = grader.grade(answers(*texts))
    assert all(isinstance(one, Grade) for one in found)
    return found  # type: ignore[return-value]


def test_what_the_second_model_says_moves_the_grade_its_way():
    rule = rule_with(0.5)
    by_word = {word: grade(Second(word), rule, UNSURE)[0] for word in ("correct", "contradictory")}
    assert by_word["correct"].verdict is Verdict.CORRECT
    assert by_word["contradictory"].verdict is not Verdict.CORRECT
    assert by_word["contradictory"].points < by_word["correct"].points


def test_it_reads_what_the_first_model_reads_and_only_what_there_is_to_read():
    second = Second()
    grade(second, rule_with(0.5), UNSURE, "", "   ", "No.")
    assert [case.answer for case in second.asked] == [UNSURE, "No."]
    assert second.asked[0].statements[-1] == MYTH
    assert second.asked[0].question == "Is it exact?"


def test_a_language_without_a_share_is_not_read_twice():
    second = Second()
    (with_it,), (alone,) = grade(second, rule_with(0.0, 0.5), UNSURE), grade(None, rule_with(0.0), UNSURE)
    assert not second.asked
    assert replace(with_it, receipt=alone.receipt) == alone


def test_a_grade_does_not_depend_on_what_else_is_graded():
    texts = [UNSURE, "", f"{UNSURE} Exactly.", "Nothing at all."]
    together = grade(Second("partial"), rule_with(0.3), *texts)
    for place, text in enumerate(texts):
        (alone,) = grade(Second("partial"), rule_with(0.3), text)
        assert replace(alone, submission_id=f"s{place}") == together[place]


def test_the_receipt_names_both_models():
    rule = rule_with(0.5)
    receipts = {grade(second, rule, UNSURE)[0].receipt for second in (None, Second())}
    assert len(receipts) == 2
    both = Grader(*course(), reader=FakeReader, accurate=Second, embedder=FakeEmbedder, rule=lambda: rule)
    assert both.revision.startswith("fake+second+")
    assert "+r+" in both.revision


def test_a_judge_is_asked_on_top_with_the_share_that_it_has_beside_both(monkeypatch):
    monkeypatch.setattr("grader.second.LOCAL", "fake")
    judge = FakeJudge("contradictory")
    heard, ignored = (
        grade(Second(), rule_with(0.5, judge_weight=share), UNSURE, judge=judge)[0] for share in (1.0, 0.0)
    )
    assert heard.verdict is Verdict.CONTRADICTORY
    assert ignored.verdict is Verdict.CORRECT
    assert [answer for answer, _ in judge.asked] == [UNSURE] * 2


def test_a_section_without_a_judges_share_takes_the_rules_own():
    rule = parse_rule({**SAVED, "judge_weight": 0.25, "accurate": SECTION, "accurate_weights": {"en": 1, "es": 0}}, "r")
    assert rule.accurate is not None
    assert (rule.accurate.judge_weight, rule.accurate_weights) == (0.25, {"en": 1.0, "es": 0.0})


def test_shares_of_every_language_are_needed():
    with pytest.raises(KeyError):
        parse_rule({**SAVED, "accurate": SECTION, "accurate_weights": {"en": 1}}, "r")


def test_a_rule_that_knows_no_second_model_is_said():
    bare = parse_rule({name: part for name, part in SAVED.items() if not name.startswith("accurate")}, "r")
    with pytest.raises(ModelUnavailableError, match=r"rule\.json has no section for the accurate tier"):
        grade(Second(), bare, UNSURE)


@pytest.fixture
def fitted(monkeypatch):
    """A rule with a section for the tier, in place of the one that ships."""

    def load() -> Rule:
        return rule_with(0.5)

    monkeypatch.setattr("grader.grade.load_rule", load)
    monkeypatch.setitem(Grader.__init__.__kwdefaults__, "rule", load)


@pytest.mark.usefixtures("fitted")
def test_the_tier_opens_its_second_model(monkeypatch):
    second = Second()
    monkeypatch.setattr("grader.entail.load_reader", lambda _attention: FakeReader())
    monkeypatch.setattr("grader.embed.load_embedder", lambda _attention: FakeEmbedder())
    monkeypatch.setattr("grader.accurate.load_cross_reader", lambda: second)
    grader = Grader.open(*course(), tier="accurate")
    assert "+second+" in grader.revision
    grader.grade(answers(UNSURE))
    assert [case.answer for case in second.asked] == [UNSURE]
    assert "+second+" not in Grader.open(*course()).revision


def test_without_labels_of_its_own_confidence_stays_as_the_rule_gives_it():
    doubt = load_doubt("no such tier")
    assert doubt.confidence(0.61, ("rubric", "en")) == 0.61
