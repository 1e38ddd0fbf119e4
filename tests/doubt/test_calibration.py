"""Calibrated confidence: true, in order, and close to what ships where labels are few."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_grade

from grader.doubt import (
    MOST_SURE,
    REFERENCE,
    Calibration,
    Doubt,
    Labelled,
    fit,
    grader_name,
    load_doubt,
    part_of,
    parts_of,
    recalibrate,
)
from grader.errors import GraderError
from grader.report.agreement import calibration_error, reliability
from grader.schema import CriterionGrade, JudgeNote, Question, QuestionRubric, Quiz, Rubric, Verdict

EN, ES = ("rubric", "en"), ("rubric", "es")
STEPS = np.linspace(0.001, 0.999, 400)


def sigmoid(score):
    return 1 / (1 + np.exp(-score))


def draw(size, slope, offset, seed=0):
    """Draw answers whose verdict is right as often as a map of their confidence says."""
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0.25, 0.99, size)
    right = rng.random(size) < sigmoid(slope * np.log(raw / (1 - raw)) + offset)
    return tuple(Labelled(float(c), bool(r)) for c, r in zip(raw, right, strict=True))


def calibration(slope, offset, labelled=()):
    return Calibration(slope, offset, "drawn", 1, tuple(labelled))


def judged(answers, lang="en", verdict=Verdict.PARTIAL, question="q-1"):
    """Make grades of labelled answers, each with the right verdict."""
    for place, answer in enumerate(answers):
        grade = make_grade(
            f"s{place}", verdict=verdict, lang=lang, confidence=round(answer.confidence, 3), question_id=question
        )
        yield grade, verdict if answer.right else Verdict.IRRELEVANT


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.4, 0.5), (2.0, -1.0)])
def test_the_fit_finds_the_map_that_the_answers_were_drawn_from(slope, offset):
    # standard errors of both at 20,000 answers are about 0.03
    assert fit(draw(20_000, slope, offset)) == pytest.approx((slope, offset), abs=0.1)


def test_calibration_makes_an_overconfident_grader_true():
    known, fresh = draw(20_000, 0.5, -0.3), draw(20_000, 0.5, -0.3, seed=1)
    found = calibration(*fit(known))
    raw, right = np.array([a.confidence for a in fresh]), np.array([a.right for a in fresh])
    before = calibration_error(reliability(raw, right))
    after = calibration_error(reliability(np.array([found(c) for c in raw]), right))
    # the standard error of a bin's accuracy is at most 0.5 / sqrt(2,000) = 0.011, the fit's error is alike
    assert before > 0.1
    assert after < 0.022


@pytest.mark.parametrize(
    "labelled",
    [draw(50, -2.0, 0.0), draw(50, 0.0, 0.0), draw(8, 5.0, 3.0), [Labelled(0.9, True)], [Labelled(0.9, False)] * 9],
    ids=["backwards", "noise", "all right", "one", "all wrong"],
)
@pytest.mark.parametrize("strength", [0.0, 4.0])
def test_whatever_the_labels_more_sure_stays_more_sure(labelled, strength):
    slope, offset = fit(labelled, strength=strength)
    assert slope > 0
    assert np.isfinite(offset)
    calibrated = [calibration(slope, offset)(c) for c in STEPS]
    assert all(low <= high for low, high in itertools.pairwise(calibrated))
    assert all(0 <= c <= MOST_SURE for c in calibrated)


def test_nothing_cannot_be_fitted():
    with pytest.raises(ValueError, match="no labelled answers"):
        fit([])


def test_undoing_gives_the_rules_confidence_back():
    found = calibration(0.7, 0.4)
    # three decimals of the calibrated one, stretched by the map
    assert [found.undo(found(c)) for c in (0.3, 0.5, 0.8, 0.95)] == pytest.approx([0.3, 0.5, 0.8, 0.95], abs=0.002)


def test_a_part_without_calibration_keeps_the_rules_confidence():
    doubt = Doubt("embedded", {EN: calibration(2.0, 0.0)})
    assert doubt.confidence(0.8, ES) == 0.8
    assert doubt.confidence(0.8, EN) > 0.9
    assert doubt.confidence(1.0, ES) == MOST_SURE
    assert doubt.review_below(EN, 0.7) == 0.7


def test_a_wanted_error_sets_the_threshold_of_each_language():
    parts = {EN: calibration(1, 0, draw(500, 3.0, 0.0)), ES: calibration(1, 0, draw(500, 1.0, -1.0))}
    doubt = Doubt("embedded", parts).with_max_error(0.1, [EN, ES])
    assert doubt.review_below(EN, 0.7) < doubt.review_below(ES, 0.7) <= 1
    for part, found in doubt.promises.items():
        kept = [a for a in parts[part].labelled if doubt.confidence(a.confidence, part) >= found.threshold]
        assert (len(kept), sum(not a.right for a in kept)) == (found.kept, found.wrong)


def test_too_few_labels_are_named_with_their_part():
    doubt = Doubt("embedded", {EN: calibration(1, 0, draw(44, 3.0, 0.0))})
    with pytest.raises(GraderError, match="embedded, rubric en: not enough labels to promise this: 44, at least 45"):
        doubt.with_max_error(0.05, [EN])
    with pytest.raises(GraderError, match="embedded, rubric es: not enough labels to promise this: 0, at least 45"):
        doubt.with_max_error(0.05, [ES])


def test_the_digest_tells_maps_and_promises_apart():
    doubt = Doubt("embedded", {EN: calibration(1, 0, draw(500, 3.0, 0.0))})
    others = [
        replace(doubt, parts={EN: replace(doubt.parts[EN], offset=0.1)}),
        doubt.with_max_error(0.1, [EN]),
        doubt.with_max_error(0.2, [EN]),
    ]
    assert len({doubt.digest, *(other.digest for other in others)}) == 4
    assert replace(doubt).digest == doubt.digest


def test_few_labels_stay_close_to_what_ships_and_many_replace_it():
    shipped = Doubt("embedded", {EN: calibration(1.0, 0.0), ES: calibration(1.2, 0.1)})
    away = []
    for size in (5, 50, 5000):
        found = recalibrate(shipped, judged(draw(size, 1.0, -1.5)))
        away.append(-found.parts[EN].offset)
        assert found.parts[ES] is shipped.parts[ES]
        assert len(found.parts[EN].labelled) == size
    assert away == sorted(away)
    assert away[0] < 0.75
    assert away[-1] == pytest.approx(1.5, abs=0.15)


def test_labels_beside_calibrated_grades_calibrate_the_rule_and_not_the_calibration():
    """The same answers give the same map, whatever calibration their grades were made with."""
    answers = draw(3000, 1.3, -0.5)
    shipped = Doubt("embedded", {EN: calibration(0.6, 0.3)})
    graded = [replace(a, confidence=shipped.confidence(a.confidence, EN)) for a in answers]
    found = recalibrate(shipped, judged(graded)).parts[EN]
    assert (found.slope, found.offset) == pytest.approx((1.3, -0.5), abs=0.15)
    assert [a.confidence for a in found.labelled] == pytest.approx([a.confidence for a in answers], abs=0.005)


def test_what_was_not_estimated_is_not_calibrated():
    sure = make_grade(confidence=1.0)
    assert part_of(sure) is None
    with pytest.raises(GraderError, match="no free answer"):
        recalibrate(Doubt("embedded"), [(sure, Verdict.CORRECT)])


def test_a_question_without_a_rubric_is_a_part_of_its_own():
    bare = make_grade(criteria=(CriterionGrade(REFERENCE, True, 1.0, 0.9, None),), lang="es")
    assert (part_of(bare), part_of(make_grade())) == (("references", "es"), EN)
    questions = tuple(Question(name, kind, {}) for name, kind in [("a", "free"), ("b", "free"), ("c", "single")])
    quiz = Quiz("mini", {}, ("en", "es"), questions, "")
    rubric = Rubric({"a": QuestionRubric((), (), 1.0)})
    assert parts_of(quiz, rubric) == (("references", "en"), ("references", "es"), EN, ES)
    assert parts_of(quiz, rubric, (True,)) == tuple((f"judged {basis}", lang) for basis, lang in parts_of(quiz, rubric))
    assert len(parts_of(quiz, rubric, (False, True))) == 8
    assert parts_of(replace(quiz, questions=questions[2:]), Rubric()) == ()


def test_what_ships_calibrates_every_part_and_can_promise_a_tenth():
    doubt = load_doubt("embedded")
    parts = [(basis, lang) for basis in ("rubric", "references") for lang in ("en", "es")]
    assert set(doubt.parts) == set(parts)
    promised = doubt.with_max_error(0.1, parts).promises
    assert all(found.answers > 500 for found in promised.values())
    assert promised[EN].kept > 100 < promised[ES].kept
    for part, found in doubt.parts.items():
        right = np.array([a.right for a in found.labelled])
        sure = np.array([doubt.confidence(a.confidence, part) for a in found.labelled])
        assert calibration_error(reliability(sure, right)) < 0.05


def test_with_the_judge_what_ships_can_promise_a_twentieth():
    parts = [("judged rubric", lang) for lang in ("en", "es")]
    promised = load_doubt("embedded+local").with_max_error(0.05, parts).promises
    assert all(found.kept > 300 for found in promised.values())


def test_where_a_judge_gave_a_verdict_is_a_part_of_its_own():
    judged = make_grade(judge=JudgeNote("local", "judged", None))
    failed = make_grade(judge=JudgeNote("local", "unscored", "timed out"))
    assert (part_of(judged), part_of(failed)) == (("judged rubric", "en"), EN)


def test_a_judge_leaves_what_it_is_not_asked_about_as_the_tier_has_it():
    doubt = load_doubt(grader_name("embedded", "local"))
    assert doubt.grader == "embedded+local"
    assert doubt.parts.items() >= load_doubt("embedded").parts.items()
    assert grader_name("accurate", None) == "accurate"
    assert grader_name("embedded", "https://user:secret@host/v1") == "embedded+server"


def test_a_grader_that_nothing_ships_for_is_not_calibrated():
    assert load_doubt("unheard-of") == Doubt("unheard-of")
