"""Item statistics and the page about them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from fakes import make_grade

from grader.report.evaluate import evaluate
from grader.report.html import render_report
from grader.report.items import summarise
from grader.schema import (
    Criterion,
    CriterionGrade,
    GoldLabel,
    Grade,
    Misconception,
    MisconceptionGrade,
    Question,
    QuestionRubric,
    Quiz,
    Rubric,
    Unscored,
    Verdict,
)

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x1b[31m"


def points(question_id, *scores: float):
    return [
        make_grade(f"{question_id}-{place}", question_id=question_id, points=2 * score, score=score)
        for place, score in enumerate(scores)
    ]


def test_mean_deviation_and_difficulty_equal_numpy():
    scores = [0.0, 0.5, 0.5, 1.0, 0.25]
    (item,) = summarise(points("q-1", *scores)).items
    assert item.mean_points == pytest.approx(2 * np.mean(scores))
    assert item.sd_points == pytest.approx(2 * np.std(scores, ddof=1))
    assert item.difficulty == pytest.approx(np.mean(scores))
    assert item.histogram == (1, 0, 1, 0, 0, 2, 0, 0, 0, 1)
    assert item.max_points == 2.0


def test_unscored_rows_are_counted_and_never_a_zero():
    summary = summarise([*points("q-1", 1.0), Unscored("x", "q-1", "row 2: blank"), Unscored("", "", "not JSON")])
    first, odd = summary.items
    assert (first.answers, first.unscored, first.difficulty, first.sd_points) == (1, 1, 1.0, None)
    assert (odd.answers, odd.mean_points, odd.difficulty, odd.needs_review) == (0, None, None, None)
    assert summary.reasons == (("blank", 1), ("not JSON", 1))


def test_discrimination_is_the_correlation_with_the_rest():
    rng = np.random.default_rng(0)
    ability = rng.random(30)
    scores = {"q-1": ability, "q-2": np.clip(ability + 0.1 * rng.standard_normal(30), 0, 1), "q-3": rng.random(30)}
    grades = [grade for name, column in scores.items() for grade in points(name, *column.tolist())]
    learners = {grade.submission_id: grade.submission_id.rsplit("-", 1)[1] for grade in grades}
    summary = summarise(grades, learners)
    items = {item.question_id: item.discrimination for item in summary.items}
    assert items["q-1"] == pytest.approx(np.corrcoef(scores["q-1"], (scores["q-2"] + scores["q-3"]) / 2)[0, 1])
    assert items["q-2"] > 0.5 > items["q-3"]
    assert summary.learners == 30


def test_discrimination_needs_learners():
    assert all(item.discrimination is None for item in summarise(points("q-1", 0.0, 1.0)).items)
    grades = points("q-1", 0.0, 0.5, 1.0)
    assert (
        summarise(grades, {grade.submission_id: grade.submission_id for grade in grades}).items[0].discrimination
        is None
    )


def test_criteria_rates_and_misconceptions_are_counted():
    def answer(number: int, *, met: bool, myth: bool) -> Grade:
        criteria = (CriterionGrade("main", met, 1.0, 0.5, None),)
        held = (MisconceptionGrade("myth", 0.9, None),) if myth else ()
        return make_grade(f"s{number}", criteria=criteria, misconceptions=held, needs_review=myth)

    (item,) = summarise([answer(n, met=n < 3, myth=n > 1) for n in range(4)]).items
    assert item.criteria_met == {"main": 0.75}
    assert item.misconceptions == {"myth": 2}
    assert item.needs_review == 0.5


class Page(HTMLParser):
    """Collects tags and whatever could fetch or run something."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes = [], set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note an element that opens."""
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Note an empty element."""
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        """Check that what closes was opened last."""
        assert self.open.pop() == tag


QUIZ = Quiz("mini", {"en": HOSTILE}, ("en",), (Question("q-1", "free", {"en": "?"}, {"en": HOSTILE}),), "")
RUBRIC = Rubric(
    {"q-1": QuestionRubric((Criterion("main", 2, {"en": HOSTILE}),), (Misconception("myth", {"en": HOSTILE}),), 2)}
)


@pytest.fixture(scope="module")
def hostile_page():
    grades = [
        make_grade("s1", verdict=Verdict.CONTRADICTORY, feedback=HOSTILE),
        make_grade(HOSTILE, question_id=HOSTILE, criteria=(CriterionGrade(HOSTILE, True, 1.0, 0.5, None),)),
        Unscored("s3", HOSTILE, HOSTILE),
    ]
    labels = [GoldLabel("s1", verdict=Verdict.CORRECT, label_3way="correct", label_2way="correct")]
    return render_report(
        summarise(grades), title=HOSTILE, quiz=QUIZ, rubric=RUBRIC, evaluation=evaluate(grades, labels)
    )


def test_the_page_is_well_formed_and_runs_and_fetches_nothing(hostile_page):
    page = Page(hostile_page)
    assert page.open == []
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in {"src", "href", "style"}]
    assert not re.search(r"url\(|@import|https?://", hostile_page)
    assert "default-src 'none'" in hostile_page


def test_hostile_texts_stand_escaped_and_without_control_characters(hostile_page):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile_page
    assert not {"\u202e", "\x1b"} & set(hostile_page)


def test_the_page_follows_light_and_dark(hostile_page):
    assert "prefers-color-scheme: dark" in hostile_page


def test_the_page_holds_plots_and_agreement(hostile_page):
    for name in ("Answers by score", "Verdicts by question", "Reliability", "Risk by coverage"):
        assert f'aria-label="{name}"' in hostile_page
    assert "Agreement with labels" in hostile_page
    assert "<h3>Confidence: all</h3>" in hostile_page


def test_a_page_without_learners_says_why_discrimination_is_missing(hostile_page):
    assert "Discrimination is left out" in hostile_page


def test_the_same_grades_give_the_same_page():
    grades = points("q-1", 0.0, 0.5)
    assert render_report(summarise(grades), title="t") == render_report(summarise(grades), title="t")


def test_a_file_without_a_grade_still_makes_a_page():
    assert "answers graded" in render_report(summarise([]), title="empty")


def test_a_thousand_unknown_questions_do_not_make_an_endless_page():
    page = render_report(summarise([Unscored("s", f"q-{n}", "unknown") for n in range(1000)]), title="t")
    assert "Only the first 500 of 1000 questions" in page
