"""What a learner is told, and what is kept back."""

from __future__ import annotations

import pytest

from grader.feedback import for_free
from grader.schema import LANGS, Verdict


@pytest.mark.parametrize("lang", LANGS)
def test_a_blank_answer_learns_nothing_of_the_criteria(lang):
    said = for_free(Verdict.NON_DOMAIN, lang, missing=["secret"], corrections=[])
    assert said == for_free(Verdict.NON_DOMAIN, lang, missing=[], corrections=[])


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.CONTRADICTORY, Verdict.IRRELEVANT])
def test_what_is_missing_is_said(verdict, lang):
    assert for_free(verdict, lang, missing=["One.", "Two."], corrections=[]).endswith(": One. Two.")


@pytest.mark.parametrize(
    ("missing", "en", "es"),
    [
        ([], "Compare yours with the explanation", "Compara la tuya con la explicación"),
        (["One."], "seems to contradict the point that is missing. Missing: One.", "el punto que falta. Falta: One."),
        (["One.", "Two."], "one of the points that are missing. Missing: One.", "uno de los puntos que faltan. Falta:"),
    ],
)
@pytest.mark.parametrize("corrections", [[], [""]])
def test_a_contradiction_that_has_no_name_is_placed(missing, en, es, corrections):
    for lang, told in (("en", en), ("es", es)):
        assert told in for_free(Verdict.CONTRADICTORY, lang, missing=missing, corrections=corrections)


def test_a_contradiction_that_has_a_name_is_told_by_it():
    said = for_free(Verdict.CONTRADICTORY, "en", missing=["One."], corrections=["Nothing is dropped."])
    assert said == "Something here contradicts the right answer. Nothing is dropped. Missing: One."
