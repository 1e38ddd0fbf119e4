"""Reasons for no grade, grouped."""

from grader.report.reasons import ReasonCounts


def test_the_place_of_a_row_is_not_part_of_its_reason():
    counts = ReasonCounts()
    counts.add("line 3: answer is missing")
    counts.add("row 7: answer is missing")
    assert counts.top() == (("answer is missing", 2),)
    assert counts.total == 2


def test_the_most_frequent_reasons_come_first():
    counts = ReasonCounts()
    for reason in ("a", "b", "b", "c"):
        counts.add(reason)
    assert counts.top(1) == (("b", 2),)
