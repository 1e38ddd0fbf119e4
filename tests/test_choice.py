"""A choice is graded by its key alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.choice import UnreadableChoiceError, credit, picks, verdict
from grader.load import load_quiz
from grader.resources import find_quiz
from grader.schema import Question, Verdict

QUIZ = load_quiz(find_quiz("phase-27-modern-attention"))
MULTIPLE, SINGLE = QUIZ.question("q-27-02"), QUIZ.question("q-27-03")


def _question(kind: str, choices: int, keys: tuple[int, ...]) -> Question:
    return Question("q", kind, {"en": "?"}, choices=tuple({"en": f"choice {n}"} for n in range(choices)), answer=keys)


@pytest.mark.parametrize(
    "answer", ["2,3", "3,2", " 2 , 3 ", "2 3", "2;3", "[2, 3]", "(2,3)", "{2,3}", "2,3,2", ("2", "3"), ("3", " 2 ", "")]
)
def test_positions_are_read_however_they_are_written(answer):
    assert picks(MULTIPLE, answer) == {2, 3}


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_choice_is_named_by_its_text_in_any_language(lang):
    for position, text in enumerate(MULTIPLE.choices, start=1):
        assert picks(MULTIPLE, text[lang]) == picks(MULTIPLE, f"  {text[lang].upper()}\n") == {position}
    assert picks(MULTIPLE, (MULTIPLE.choices[1]["en"], MULTIPLE.choices[2]["es"])) == {2, 3}
    assert picks(SINGLE, "8×") == {3}


@pytest.mark.parametrize(
    ("answer", "position"), [("1", 1), (" 2 ", 2), (("1",), 1), (("3",), 3), ("8", 3), (("8",), 3)]
)
def test_a_number_alone_is_a_position_before_it_is_a_text(answer, position):
    numbers = replace(_question("single", 3, (1,)), choices=tuple({"en": text} for text in ("2", "1", "8")))
    assert picks(numbers, answer) == {position}


@pytest.mark.parametrize("answer", ["", "  ", (), ("", " ")])
def test_a_blank_answer_picks_nothing(answer):
    assert picks(MULTIPLE, answer) == frozenset()


@pytest.mark.parametrize("answer", ["0", "5", "-1", "99999", "2,9", "two", "1.5", ("2", "none"), "²", "٢", "2" * 5000])
def test_what_names_no_choice_is_refused_and_told(answer):
    with pytest.raises(UnreadableChoiceError, match="q-27-02") as caught:
        picks(MULTIPLE, answer)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("chosen", "share", "label"),
    [
        ({2, 3}, 1.0, Verdict.CORRECT),
        ({2}, 0.5, Verdict.PARTIAL),
        ({3}, 0.5, Verdict.PARTIAL),
        ({1, 2, 3}, 0.5, Verdict.PARTIAL),
        ({1, 2}, 0.0, Verdict.CONTRADICTORY),
        ({1}, 0.0, Verdict.CONTRADICTORY),
        ({1, 4}, 0.0, Verdict.CONTRADICTORY),
        ({1, 2, 3, 4}, 0.0, Verdict.CONTRADICTORY),
        (set(), 0.0, Verdict.NON_DOMAIN),
    ],
)
def test_multiple_choice_gives_part_of_the_mark(chosen, share, label):
    assert credit(MULTIPLE, frozenset(chosen)) == share
    assert verdict(share, frozenset(chosen)) is label


@pytest.mark.parametrize(("position", "share"), [(1, 0.0), (2, 0.0), (3, 1.0), (4, 0.0)])
def test_single_choice_gives_all_or_nothing(position, share):
    assert credit(SINGLE, frozenset({position})) == share


@given(st.sets(st.integers(1, 6), min_size=1), st.sets(st.integers(1, 6)))
def test_the_whole_mark_is_for_exactly_the_keys(keys, chosen):
    share = credit(_question("multiple", 6, tuple(keys)), frozenset(chosen))
    assert 0 <= share <= 1
    assert (share == 1) == (chosen == keys)
    assert share == max(0, len(keys & chosen) - len(chosen - keys)) / len(keys)
