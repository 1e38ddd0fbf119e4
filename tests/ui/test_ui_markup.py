"""Untrusted texts become text, never markup."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from grader.ui.markup import Html, Mark, highlight, join, prose, safe, tag, words

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def plain(markup: str) -> str:
    """Read markup as a browser shows it, without the numbers behind marks."""
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<sup>\d+</sup>", "", markup)))


def test_children_and_attributes_are_escaped():
    made = tag("p", HOSTILE, title=HOSTILE, hidden=True, lang=None, class_="a")
    assert "<script" not in made
    assert "<img" not in made
    assert made.startswith('<p title="&lt;script&gt;')
    assert ' hidden class="a">' in made
    assert "lang" not in made


def test_markup_is_kept_once_made():
    assert tag("p", tag("b", "1 < 2"), join(["<", Html("<br>")])) == "<p><b>1 &lt; 2</b>&lt;<br></p>"
    assert safe(safe("<")) == "&lt;"


def test_prose_knows_paragraphs_and_code_only():
    assert prose("One `a<b` two.\n\n**Bold** <i>x</i>\n") == (
        "<p>One <code>a&lt;b</code> two.</p><p>**Bold** &lt;i&gt;x&lt;/i&gt;</p>"
    )
    assert prose("") == ""


def test_a_learners_text_is_isolated_and_whole():
    text = "a\u202eb <b>\n  c"
    assert words(text).startswith('<bdi dir="auto"')
    assert plain(words(text)) == text


def test_marks_carry_their_number_at_their_end():
    assert highlight("it is exact.", [Mark(6, 11, 1, "evidence")]) == (
        '<bdi dir="auto" class="words">it is <mark class="mark-evidence">exact<sup>1</sup></mark>.</bdi>'
    )


def test_overlapping_marks_share_the_words_between_them():
    made = highlight("abcdef", [Mark(0, 4, 1, "evidence"), Mark(2, 6, 2, "doubt")])
    assert re.sub(r"^<bdi[^>]*>|</bdi>$", "", made) == (
        '<mark class="mark-evidence">ab</mark><mark class="mark-doubt">cd<sup>1</sup></mark>'
        '<mark class="mark-doubt">ef<sup>2</sup></mark>'
    )


def test_marks_outside_the_text_are_left_out():
    assert "<mark" not in highlight("abc", [Mark(2, 9, 1, "evidence"), Mark(-1, 2, 2, "doubt"), Mark(2, 2, 3, "doubt")])


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(-2, 45), st.integers(-2, 45), st.sampled_from(["evidence", "doubt"])), max_size=5),
)
def test_highlighting_never_changes_the_words(text, spans):
    marks = [Mark(start, end, index, kind) for index, (start, end, kind) in enumerate(spans, start=1)]
    assert plain(highlight(text, marks)) == text
