"""Cases: from any quiz, the same every time, with orders that nothing was built on."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from grader import guard
from grader.attacks import EDITS, INJECTION, Expect, Labelled, make_cases, sample
from grader.attacks.injections import PHRASES, injections
from grader.load import load_quiz, load_rubric
from grader.resources import find_quiz, find_rubric
from grader.schema import LANGS, Question, Quiz, Rubric, Verdict
from training.phrases import NOTHING, ORDERS

TESTS = Path(__file__).resolve().parents[1]
RUN = 4  # words in a row


@pytest.fixture(scope="module")
def course():
    path = find_quiz("phase-27-modern-attention")
    quiz = load_quiz(path)
    return quiz, load_rubric(find_rubric(path, quiz.id), quiz)


@pytest.fixture(scope="module")
def cases(course):
    return make_cases(*course)


def runs(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}


def test_every_attack_exists_in_both_languages(cases):
    attacks = {lang: {case.attack for case in cases if case.lang == lang} for lang in LANGS}
    assert attacks["en"] | {"exchanged roles"} == attacks["es"] | {"exchanged roles"}
    assert {"blank", "gibberish", "question echoed", "rubric shuffled"} <= attacks["es"]
    assert {"other language", "other language, detected", "accepted wordings", "clause deleted"} <= attacks["es"]


def test_the_same_arguments_give_the_same_cases(course, cases):
    assert make_cases(*course) == cases
    assert make_cases(*course, seed=1) != cases
    assert sample(cases, 3, seed=5) == sample(cases, 3, seed=5)


def test_a_sample_holds_at_most_the_limit_of_each_attack_and_language(cases):
    assert max(Counter((case.attack, case.lang) for case in sample(cases, 3)).values()) == 3


def test_edits_are_made_from_answers_that_are_right(course, cases):
    quiz, rubric = course
    known = {text for q in quiz.questions for texts in q.reference.values() for text in texts}
    accepted = [c for r in rubric.questions.values() for c in r.criteria]
    for case in cases:
        if case.attack in EDITS and case.base not in known:
            assert any(wording.rstrip(".") in case.base for c in accepted for wording in c.accept[case.lang])


def test_a_deleted_clause_names_its_criterion(cases):
    deleted = [case for case in cases if case.attack == "clause deleted"]
    assert deleted
    assert all(case.detail and len(case.answer) < len(case.base) for case in deleted)


def test_a_quiz_without_rubric_is_attacked_too():
    question = Question("q", "free", {"en": "Why?"}, reference={"en": ("The cache is shared by more heads.",)})
    made = make_cases(Quiz("plain", {}, ("en",), (question,), ""), Rubric())
    assert {"negation", "opposite", "blank", f"{INJECTION} alone"} <= {case.attack for case in made}


def test_labelled_answers_are_attacked_by_their_verdict():
    question = Question("q", "free", {"en": "Why?"}, reference={"en": ("The cache is shared.",)})
    judged = {"Heads are reading one cache.": Verdict.CORRECT, "Heat.": Verdict.CONTRADICTORY}
    rows = [Labelled("q", "en", answer, verdict) for answer, verdict in judged.items()]
    made = make_cases(Quiz("plain", {}, ("en",), (question,), ""), Rubric(), labelled=rows)
    kept = [case for case in made if case.attack == "labelled correct"]
    assert [(case.answer, case.expect) for case in kept] == [("Heads are reading one cache.", Expect.KEPT)]
    assert any(case.answer == "Heads are not reading one cache." for case in made)
    assert all(case.base == "Heat." for case in made if "before a wrong answer" in case.attack)


@pytest.mark.parametrize("lang", LANGS)
def test_there_are_at_least_twenty_orders_of_many_kinds(lang):
    assert len(PHRASES[lang]) >= 20
    assert len({kind for kind, _ in injections(lang)}) >= 15


@pytest.mark.parametrize("lang", LANGS)
def test_no_order_shares_a_run_of_words_with_what_training_and_the_guard_have_seen(lang):
    own = {run for _, text in injections(lang) for run in runs(text)}
    learnt = {run for phrases in (*NOTHING.values(), *ORDERS.values()) for text in phrases for run in runs(text)}
    source = Path(guard.__file__).read_text(encoding="utf-8")
    tested = (TESTS / "test_guard.py").read_text(encoding="utf-8")
    assert not own & learnt
    assert not own & runs(source)
    assert not own & runs(tested)
