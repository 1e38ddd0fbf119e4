"""What the grader makes of a calibration: confidence, review and receipt; no model is loaded."""

from __future__ import annotations

import numpy as np
import pytest

from grader.doubt import MOST_SURE, Calibration, Doubt, Labelled
from grader.grade import Grader
from grader.schema import Criterion, Question, QuestionRubric, Quiz, Rubric, Submission, Verdict

RUBRIC, REFERENCES = "ruled", "bare"
EXACT = {"en": "It is exact.", "es": "Es exacta."}
QUIZ = Quiz(
    "mini",
    {},
    ("en", "es"),
    tuple(
        Question(
            name, "free", {"en": "Why?", "es": "¿Por qué?"}, reference={key: (text,) for key, text in EXACT.items()}
        )
        for name in (RUBRIC, REFERENCES)
    ),
    "",
)
RULES = Rubric({RUBRIC: QuestionRubric((Criterion("main", 1.0, EXACT),), (), 1.0)})


class Models:
    """Reads every answer as rather correct, and finds every clause alike."""

    revision = "fake"

    def read_all(self, cases):
        """Give (N, 5) label probabilities a case."""
        return [np.tile([0.6, 0.1, 0.1, 0.1, 0.1], (len(case.statements), 1)) for case in cases]

    def encode(self, texts):
        """Give vectors that tell nothing."""
        return np.zeros((len(texts), 384), dtype=np.float32)


def grade(doubt, *, question=RUBRIC, lang="en", answer="It is the same in every respect."):
    models = Models()
    grader = Grader(QUIZ, RULES, reader=lambda: models, embedder=lambda: models, doubt=doubt)
    (found,) = grader.grade([Submission("s", question, answer, lang)])
    return found


def doubt(offset, basis="rubric", labelled=()):
    return Doubt("fake", {(basis, "en"): Calibration(1.0, offset, "", 1, labelled)})


def test_confidence_is_calibrated_in_its_own_language_and_basis_alone():
    plain, shifted = Doubt("fake"), doubt(-1.0)
    assert grade(shifted).confidence < grade(plain).confidence
    assert grade(shifted, lang="es").confidence == grade(plain, lang="es").confidence
    assert grade(shifted, question=REFERENCES).confidence == grade(plain, question=REFERENCES).confidence
    assert grade(doubt(-1.0, "references"), question=REFERENCES).confidence < grade(plain).confidence


def test_a_calibration_changes_no_verdict_and_no_points():
    found = [grade(doubt(offset)) for offset in (-8.0, 0.0, 8.0)]
    assert len({(each.verdict, each.points, each.feedback) for each in found}) == 1
    assert [each.confidence for each in found] == sorted(each.confidence for each in found)
    assert found[-1].confidence == MOST_SURE


def test_review_is_asked_for_by_the_calibrated_confidence():
    assert grade(doubt(-8.0)).needs_review
    assert not grade(doubt(8.0)).needs_review


@pytest.mark.parametrize(("share", "review"), [(0.0, True), (1.0, False)])
def test_a_promise_replaces_the_usual_threshold(share, review):
    labelled = tuple(Labelled(0.26 + n / 1000, n < 100 * share) for n in range(100))
    found = grade(doubt(-1.0, labelled=labelled).with_max_error(0.1, [("rubric", "en")]))
    assert found.confidence < 0.7
    assert found.needs_review is review


def test_what_is_not_estimated_stays_certain():
    found = grade(doubt(-8.0), answer="I don't know")
    assert (found.verdict, found.confidence, found.needs_review) == (Verdict.NON_DOMAIN, 1.0, False)


def test_the_receipt_names_calibration_and_promise():
    labelled = tuple(Labelled(0.9, True) for _ in range(100))
    plain = doubt(0.0, labelled=labelled)
    doubts = [plain, doubt(0.1, labelled=labelled), plain.with_max_error(0.1, [("rubric", "en")])]
    assert len({grade(each).receipt for each in doubts}) == 3
    assert grade(plain).receipt == grade(doubt(0.0, labelled=labelled)).receipt
