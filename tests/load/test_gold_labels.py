"""Gold labels of several makes read as one kind of record."""

from __future__ import annotations

import json

import pytest

from grader.errors import FileFaultsError
from grader.load import read_labels
from grader.schema import GoldLabel, Verdict


def labels(write, *rows: dict[str, object]):
    return read_labels(write("".join(json.dumps(row) + "\n" for row in rows), "labels.jsonl"))


def faults(write, *rows: dict[str, object]):
    with pytest.raises(FileFaultsError) as caught:
        labels(write, *rows)
    return caught.value.faults


def test_a_full_record_is_read(write):
    row = {
        "id": "a-01-en-1",
        "question_id": "a-01",
        "lang": "en",
        "answer": "It is exact.",
        "verdict": "contradictory",
        "criteria_met": ["one", "two"],
        "misconceptions": [],
        "score": 0.5,
        "points": 2,
        "style": "terse",
    }
    expected = GoldLabel(
        submission_id="a-01-en-1",
        question_id="a-01",
        lang="en",
        verdict=Verdict.CONTRADICTORY,
        label_3way="contradictory",
        label_2way="incorrect",
        score=0.5,
        points=2.0,
        criteria_met=("one", "two"),
        misconceptions=(),
    )
    assert labels(write, row) == (expected,)


@pytest.mark.parametrize(
    ("row", "verdict", "three", "two"),
    [
        ({"verdict": "correct"}, Verdict.CORRECT, "correct", "correct"),
        ({"label_5way": "partially_correct_incomplete"}, Verdict.PARTIAL, "incorrect", "incorrect"),
        ({"label_5way": "non_domain"}, Verdict.NON_DOMAIN, "incorrect", "incorrect"),
        ({"label_3way": "contradictory"}, None, "contradictory", "incorrect"),
        ({"label_3way": "correct"}, None, "correct", "correct"),
        ({"label_2way": "incorrect"}, None, None, "incorrect"),
        ({"score": 1}, None, None, None),
        ({"label_2way": "correct", "label_3way": None, "score": ""}, None, None, "correct"),
    ],
)
def test_a_coarser_label_follows_from_a_finer_one(write, row, verdict, three, two):
    (label,) = labels(write, {"submission_id": "s"} | row)
    assert (label.verdict, label.label_3way, label.label_2way) == (verdict, three, two)


def test_csv_lists_are_ids_with_semicolons_or_json(write):
    text = 'submission_id;verdict;points;criteria_met;misconceptions\ns1;partial;1.5;"one; two";"[""three""]"\ns2;;;;\n'
    first, second = read_labels(write(text, "labels.csv"))
    assert (first.points, first.criteria_met, first.misconceptions) == (1.5, ("one", "two"), ("three",))
    assert second == GoldLabel("s2", criteria_met=(), misconceptions=())


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        ({"verdict": "corect"}, "verdict", "did you mean 'correct'?"),
        ({"label_2way": "partial"}, "label_2way", 'got "partial"'),
        ({"label_3way": 1}, "label_3way", "got 1"),
        ({"score": "high"}, "score", 'got "high"'),
        ({"score": -1}, "score", "at least 0"),
        ({"score": True}, "score", "got true"),
        ({"points": "nan"}, "points", "number"),
        ({"verdict": "correct", "lang": "fr"}, "lang", "en, es"),
        ({"verdict": "correct", "criteria_met": {"a": 1}}, "criteria_met", "list of ids"),
        ({"verdict": "correct", "criteria_met": "[1"}, "criteria_met", "list of ids"),
        ({"verdict": "correct", "submission_id": ""}, "submission_id", "missing"),
        ({"verdict": "correct", "submission_id": ["s"]}, "submission_id", "usable id"),
    ],
)
def test_a_wrong_label_is_a_fault(write, row, field, says):
    (fault,) = faults(write, {"submission_id": "s1", "verdict": "correct"}, {"submission_id": "s2"} | row)
    assert (fault.line, fault.field) == (2, field)
    assert says in fault.message


def test_every_fault_is_reported_at_once(write):
    rows = [{"submission_id": "a", "verdict": "x"}, {"submission_id": "b", "verdict": "y"}]
    assert [fault.line for fault in faults(write, *rows)] == [1, 2]


def test_a_repeated_id_is_a_fault(write):
    (fault,) = faults(write, {"id": "a", "score": 1}, {"id": "a", "score": 0})
    assert "before, on line 1" in fault.message


def test_a_file_without_labels_is_a_fault(write):
    (fault,) = faults(write, {"id": "a", "answer": "x"}, {"id": "b", "answer": "y"})
    assert "no row has any of verdict" in fault.message


def test_a_broken_line_is_a_fault(write):
    with pytest.raises(FileFaultsError, match="not JSON"):
        read_labels(write("{", "labels.jsonl"))


def test_a_wrong_file_is_given_up_on_after_a_while(write):
    with pytest.raises(FileFaultsError) as caught:
        read_labels(write("x\n" * 10_000, "labels.jsonl"))
    assert len(caught.value.faults) == 200


def test_a_language_may_have_a_region_and_any_case(write):
    (label,) = labels(write, {"id": "a", "lang": "es-ES", "verdict": "correct"})
    assert label.lang == "es"
