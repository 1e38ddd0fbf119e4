"""Terms of one kind exchanged: the text speaks of the wrong thing, and nothing else in it moves."""

from __future__ import annotations

from itertools import combinations

import pytest

from training.perturb import siblings
from training.terms import SIBLINGS


def test_a_term_stands_in_anothers_place_throughout():
    assert "Queues are served last in, first out; the queue shrinks from its top." in siblings(
        "Stacks are served last in, first out; the stack shrinks from its top.", "en"
    )


def test_two_terms_of_a_kind_change_places():
    assert siblings("The stack takes the newest, a queue takes others.", "en")[0] == (
        "The queue takes the newest, a stack takes others."
    )


def test_a_term_under_a_negation_is_left_alone():
    assert not any("queue" in text for text in siblings("It is not a stack that it uses.", "en"))


@pytest.mark.parametrize("lang", ["en", "es"])
def test_siblings_have_the_same_forms_and_share_none(lang):
    assert len(SIBLINGS[lang]) > 150
    for group in SIBLINGS[lang]:
        assert len({len(member) for member in group}) == 1, group
        assert all(form == form.lower() for member in group for form in member), group
        assert all(set(one).isdisjoint(other) for one, other in combinations(group, 2)), group


@pytest.mark.parametrize("lang", ["en", "es"])
def test_an_edit_changes_only_terms(lang):
    text = {"en": "At the north pole the ice melts in summer.", "es": "En el polo norte el hielo se funde en verano."}
    made = siblings(text[lang], lang)
    assert made
    for edited in made:
        assert edited != text[lang]
        assert edited[0].isupper()
        assert len(edited.split()) == len(text[lang].split())
