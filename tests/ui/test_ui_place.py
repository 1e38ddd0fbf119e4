"""What the browser sends back is checked, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.ui.place import Place, accepted_lang, read_draft, read_lang, read_place
from grader.ui.study import ANSWER_LIMIT, Refusal, new_token, read_answer, read_token

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def test_a_place_comes_back_as_it_was_kept(library):
    place = Place("es", "demo-attention", "q-single", retry=True)
    assert read_place(place.store(), library) == place


def test_a_place_that_is_gone_falls_back(library):
    assert read_place({"quiz": "gone", "question": "gone", "retry": True}, library) == Place(
        "en", "demo-attention", "q-free"
    )
    assert read_place({"question": "q-multiple"}, library, lang="es").question == "q-multiple"


@given(JSON)
def test_no_place_breaks_the_page(library, raw):
    place = read_place(raw, library)
    assert place.quiz in library.courses
    kept = read_place({"lang": raw, "quiz": raw, "question": raw, "retry": raw}, library)
    assert kept.question == "q-free"


def test_steps_stop_at_either_end(library):
    place = Place("en", "demo-attention", "q-free", retry=True)
    assert place.move(library, -1) == place
    assert place.move(library, 1) == Place("en", "demo-attention", "q-multiple")
    assert place.move(library, 3) == place


@given(JSON)
def test_no_draft_breaks_an_input(course, raw):
    for question in course.quiz.questions:
        for draft in (
            read_draft(raw, "demo-attention", question),
            read_draft({f"demo-attention/{question.id}": raw}, "demo-attention", question),
        ):
            assert isinstance(draft, str if question.type == "free" else list)


def test_drafts_are_kept_by_question(course):
    free, multiple, single = course.quiz.questions
    drafts = {"demo/q-free": "typed", "demo/q-multiple": ["3", "2", "9"], "demo/q-single": "3"}
    assert read_draft(drafts, "demo", free) == "typed"
    assert read_draft(drafts, "demo", multiple) == ["2", "3"]
    assert read_draft(drafts, "demo", single) == ["3"]
    assert read_draft(drafts, "other", free) == ""


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "en"),
        ("", "en"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("de, en;q=0.5, es;q=0.4", "en"),
        ("fr", "en"),
        ("ES", "es"),
    ],
)
def test_the_first_language_is_the_browsers(header, lang):
    assert accepted_lang(header) == lang


def test_a_language_is_one_of_ours():
    assert read_lang("es", "en") == "es"
    assert read_lang(["es"], "en") == "en"


def test_tokens_are_ours_or_none():
    token = new_token()
    assert read_token(token) == token
    for forged in (None, "", "short", 7, [token], token + "\n", "<script>" * 5, "a" * 100):
        assert read_token(forged) is None


def test_an_answer_is_a_text_of_some_length(course):
    free = course.quiz.questions[0]
    assert read_answer(free, " as typed \n") == " as typed \n"
    assert read_answer(free, "a\ud800b") == "a\ufffdb"
    assert read_answer(free, " \n\t") == Refusal("empty_answer")
    assert read_answer(free, None) == Refusal("empty_answer")
    assert read_answer(free, {"text": "x"}) == Refusal("unreadable_answer")
    assert read_answer(free, "x" * (ANSWER_LIMIT + 1)) == Refusal("too_long", {"count": 4001, "limit": 4000})


def test_an_answer_to_choices_is_positions(course):
    _, multiple, single = course.quiz.questions
    assert read_answer(multiple, ["3", "1", "3"]) == "1,3"
    assert read_answer(single, "2") == "2"
    assert read_answer(single, None) == read_answer(multiple, []) == Refusal("empty_choice")
    for forged in ("9", "0", ["1", "2"], "one", {"a": 1}, [["1"]]):
        assert read_answer(single, forged) == Refusal("unreadable_answer")


@given(JSON)
def test_no_answer_breaks_the_page(course, raw):
    for question in course.quiz.questions:
        assert isinstance(read_answer(question, raw), str | Refusal)
