"""Evaluation: grades and labels joined, nothing silently dropped."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from fakes import make_grade

from grader.report.evaluate import evaluate
from grader.report.measure import Measure, look_up, measure
from grader.schema import CriterionGrade, GoldLabel, Unscored, Verdict

COARSE = {"correct": ("correct", "correct"), "contradictory": ("contradictory", "incorrect")}


def label(submission_id, verdict, lang=None):
    three, two = COARSE.get(verdict, ("incorrect", "incorrect"))
    gold = Verdict(verdict)
    return GoldLabel(submission_id, verdict=gold, label_3way=three, label_2way=two, lang=lang)


def grade(submission_id, verdict, **fields: Any):  # noqa: ANN401 -- any field of a grade
    return make_grade(submission_id, verdict=Verdict(verdict), **fields)


PAIRS = [
    ("a", "correct", "correct", 0.9),
    ("b", "correct", "partial", 0.6),
    ("c", "contradictory", "correct", 0.55),
    ("d", "contradictory", "contradictory", 0.8),
    ("e", "irrelevant", "non_domain", 0.5),
]
GRADES = [grade(key, got, confidence=sure) for key, _, got, sure in PAIRS]
LABELS = [label(key, gold) for key, gold, _, _ in PAIRS]


def test_the_coarser_labellings_forgive_what_they_merge():
    found = evaluate(GRADES, LABELS).overall
    assert found.five_way.accuracy.value == pytest.approx(2 / 5)
    assert found.three_way.accuracy.value == pytest.approx(3 / 5)
    assert found.two_way.accuracy.value == pytest.approx(3 / 5)
    assert found.five_way.confusion[0] == (1, 1, 0, 0, 0)
    assert found.five_way.classes == ("correct", "partial", "contradictory", "irrelevant", "non_domain")


def test_wrong_answers_passed_as_correct_are_counted():
    found = evaluate(GRADES, LABELS).overall
    assert found.passed_wrong == pytest.approx(1 / 3)
    assert found.passed_contradictory == pytest.approx(1 / 2)


def test_rows_that_do_not_match_are_counted():
    grades = [*GRADES, grade("a", "partial"), grade("z", "correct"), Unscored("f", "q-1", "line 3: blank")]
    labels = [*LABELS, label("f", "partial"), label("g", "correct")]
    found = evaluate(grades, labels)
    assert (found.labels, found.matched, found.unscored, found.repeated) == (7, 5, 1, 1)
    assert (found.labels_without_grade, found.grades_without_label) == (1, 1)
    assert found.reasons == (("blank", 1),)
    assert found.overall.five_way.accuracy.value == pytest.approx(2 / 5)


def test_no_match_at_all_has_no_agreement():
    assert evaluate([grade("z", "correct")], LABELS).overall is None


def test_languages_are_measured_apart_and_the_label_knows_best():
    grades = [grade("a", "correct", lang="en"), grade("b", "partial", lang="es"), grade("c", "partial", lang="en")]
    found = evaluate(grades, [label("a", "correct"), label("b", "correct"), label("c", "correct", lang="es")])
    assert {lang: group.answers for lang, group in found.by_lang.items()} == {"en": 1, "es": 2}
    assert found.by_lang["es"].two_way.accuracy.value == 0.0


def test_labels_coarser_than_five_way_are_used_as_far_as_they_go():
    labels = [GoldLabel("a", label_2way="correct"), GoldLabel("c", label_3way="contradictory", label_2way="incorrect")]
    found = evaluate(GRADES, labels).overall
    assert found.five_way is None
    assert found.ordinal_kappa is None
    assert found.three_way.answers == 1
    assert found.two_way.accuracy.value == 0.5
    assert found.finest is found.three_way
    assert found.calibration_error is not None


def test_scores_are_compared_where_labels_have_them():
    labels = [GoldLabel("a", score=1.0), GoldLabel("b", score=0.5), GoldLabel("d", score=0.25)]
    found = evaluate(GRADES, labels).overall
    assert found.scores.answers == 3
    assert found.scores.rmse == pytest.approx((0.25**2 / 3) ** 0.5)
    assert found.five_way is found.two_way is found.calibration_error is None


def test_points_are_shares_of_the_full_mark():
    found = evaluate(
        [grade("a", "correct"), grade("b", "partial")], [GoldLabel("a", points=2), GoldLabel("b", points=1)]
    )
    assert found.overall.scores.rmse == 0.0
    assert found.overall.scores.pearson == pytest.approx(1.0)


def test_scores_on_another_scale_are_correlated_only():
    labels = [GoldLabel("a", score=5.0), GoldLabel("b", score=2.5), GoldLabel("d", score=0.0)]
    scores = evaluate(GRADES, labels).overall.scores
    assert scores.pearson == pytest.approx(1.0)
    assert scores.rmse is scores.quadratic_kappa is None


def test_criteria_are_compared_over_all_answers_together():
    def met(*names: str) -> tuple[CriterionGrade, ...]:
        return tuple(CriterionGrade(name, name in names, 1.0, 0.5, None) for name in ("x", "y", "z"))

    grades = [make_grade("a", criteria=met("x", "y")), make_grade("b", criteria=met())]
    labels = [GoldLabel("a", score=1.0, criteria_met=("x", "z")), GoldLabel("b", score=0.0, criteria_met=("y",))]
    criteria = evaluate(grades, labels).overall.criteria
    assert (criteria.precision, criteria.recall, criteria.f1) == (0.5, pytest.approx(1 / 3), pytest.approx(0.4))


def test_review_is_a_share_and_the_rest_has_its_accuracy():
    grades = [grade("a", "correct"), grade("b", "partial", needs_review=True)]
    found = evaluate(grades, [label("a", "correct"), label("b", "correct")]).overall
    assert (found.needs_review, found.accuracy_unreviewed) == (0.5, 1.0)


def test_an_evaluation_is_plain_json():
    found = json.loads(json.dumps(dataclasses.asdict(evaluate(GRADES, LABELS)), allow_nan=False))
    assert found["overall"]["five_way"]["accuracy"]["value"] == pytest.approx(0.4)


def test_the_order_of_grades_plays_no_part():
    grades = [make_grade(f"s{n}", question_id=f"q-{n % 4}", confidence=(n % 7) / 7) for n in range(50)]
    labels = [label(f"s{n}", "partial" if n % 3 else "correct") for n in range(50)]
    assert evaluate(grades, labels) == evaluate(grades[::-1], labels[::-1])


def test_a_measure_is_found_by_name_and_absent_parts_are_none():
    found = evaluate(GRADES, LABELS).overall
    assert isinstance(look_up(found, "two_way.accuracy"), Measure)
    assert look_up(found, "scores.rmse") is None


def test_nothing_cannot_be_measured():
    with pytest.raises(ValueError, match="no pairs"):
        measure([])
