"""What the page shows before and after an answer."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ui_fakes import CANARY, open_fake

from grader.errors import Fault
from grader.feedback import for_free
from grader.intake import Intake
from grader.records import from_record, to_record
from grader.schema import Criterion, CriterionGrade, QuestionRubric, Rubric, Submission, Verdict
from grader.store import Attempt
from grader.ui.outcome import outcome_card
from grader.ui.place import Place
from grader.ui.points import criteria_lists, without_lists
from grader.ui.screen import build_screen
from grader.ui.study import Work
from grader.ui.view import Shown, faults, footer, masthead, navigation, notice, question_card

HOSTILE = "identity <script>alert(1)</script><img src=x onerror=alert(1)> **b** ${alert(1)} {{1}} `x`"


def attempt(course, question: str, answer: str, number: int = 1, *, graded: bool = True) -> Attempt:
    record = None
    if graded:
        grader = open_fake(course.quiz, course.rubric)
        record = to_record(grader.grade([Submission(str(number), question, answer, lang="en")])[0])
    return Attempt(number, "learner", course.quiz.id, question, "en", answer, datetime(2030, 1, 2, tzinfo=UTC), record)


def shown_with(course, rubric: QuestionRubric) -> Shown:
    """Show an attempt at the free question under another rubric."""
    other = replace(course, rubric=Rubric({"q-free": rubric}))
    return Shown("en", other, course.quiz.question("q-free"), attempt(course, "q-free", "identity"))


def card(
    course, question: str, answer: str, *, lang="en", graded: bool = True, earlier=(), checking: bool = False
) -> str:
    asked = course.quiz.question(question)
    shown = Shown(lang, course, asked, attempt(course, question, answer, graded=graded))
    return outcome_card(shown, earlier, checking=checking)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_nothing_secret_shows_before_the_answer(library, course, lang):
    for question in course.quiz.questions:
        screen = build_screen(library, Place(lang, course.quiz.id, question.id), {}, {})
        assert screen.mode == "open"
        assert CANARY not in str(screen)
        assert [value for _, value in screen.choices] == [str(n + 1) for n in range(len(question.choices))]


@pytest.mark.parametrize("question", ["q-free", "q-multiple", "q-single"])
def test_nothing_secret_shows_while_a_grade_is_awaited(library, course, question):
    answer = "anything" if question == "q-free" else "1"
    works = {question: Work((attempt(course, question, answer, graded=False),))}
    screen = build_screen(library, Place("en", course.quiz.id, question), works, {})
    assert screen.mode == "pending"
    assert CANARY not in str(screen)
    assert "is-right" not in screen.outcome
    assert "is-key" not in screen.outcome


def test_an_answer_to_one_question_opens_no_other(library, course):
    works = {"q-single": Work((attempt(course, "q-single", "3"),))}
    screen = build_screen(library, Place("en", course.quiz.id, "q-multiple"), works, {})
    assert CANARY not in str(screen)


def test_the_outcome_says_what_counted_and_what_was_missing(course):
    made = card(course, "q-free", "It is an identity, nothing lossy.")
    assert '<mark class="mark-evidence">identity<sup>1</sup></mark>' in made
    assert '<mark class="mark-doubt">lossy<sup>2</sup></mark>' in made
    met, missing = made.split("What was missing")
    assert "canary-identity-en" in met
    assert "canary-rounding-en" in missing
    for text in (
        "2 of 3 points",
        "canary-feedback-en",
        "canary-explanation-free-en",
        "canary-reference-en",
        "Incorrect",
    ):
        assert text in made


def test_the_outcome_follows_the_language(course):
    made = card(course, "q-free", "It is an identity.", lang="es")
    for text in (
        "Parcialmente correcta",
        "2 de 3 puntos",
        "canary-identity-es",
        "canary-explanation-free-es",
        "Lo que falta",
    ):
        assert text in made


def test_a_hostile_answer_is_shown_and_never_run(course):
    made = card(course, "q-free", HOSTILE, earlier=[attempt(course, "q-free", HOSTILE)])
    assert "<script" not in made
    assert "<img" not in made
    assert made.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "**b** ${alert(1)} {{1}} `x`" in made


def test_evidence_that_does_not_fit_the_answer_is_not_marked(course):
    shown = Shown("en", course, course.quiz.question("q-free"), attempt(course, "q-free", "an identity"))
    moved = shown.attempt.record | {
        "criteria": [{**shown.attempt.record["criteria"][0], "evidence": {"text": "identity", "start": 0, "end": 8}}]
    }
    wrong = Attempt(**{**vars(shown.attempt), "record": moved})
    assert "<mark" not in outcome_card(Shown("en", course, shown.question, wrong), ())


@pytest.mark.parametrize(
    ("answer", "states", "verdict"),
    [
        ("2,3", ["rest", "right", "right"], "Correct"),
        ("1,2", ["wrong", "right", "key"], "Incorrect"),
        ("2", ["rest", "right", "key"], "Partly correct"),
    ],
)
def test_choices_show_the_key_beside_the_pick(course, answer, states, verdict):
    made = card(course, "q-multiple", answer)
    assert re.findall(r'class="choice is-(\w+)"', made) == states
    assert verdict in made


@pytest.mark.parametrize(("status", "shown"), [("judged", True), ("unscored", False)])
def test_a_card_says_that_a_judge_checked_it_only_where_one_did(course, status, shown):
    made = attempt(course, "q-free", "identity")
    note = {"name": "<b>h</b>:m", "status": status, "reason": "it is down"}
    for lang, words in (("en", "checked by a judge"), ("es", "revisada por un modelo juez")):
        for record in (made.record, made.record | {"judge": note}):
            asked = Shown(lang, course, course.quiz.question("q-free"), replace(made, record=record))
            assert (words in outcome_card(asked, ())) == (shown and "judge" in record)


def test_feedback_repeats_nothing_that_the_lists_say(course):
    rubric = course.rubric.questions["q-free"]
    missing, myth = rubric.criteria[1].statement["en"], rubric.misconceptions[0].feedback["en"]
    made = attempt(course, "q-free", "identity, lossy")
    said = f"Close. {myth} Missing: {missing} {rubric.criteria[0].statement['en']} A person will look."
    grade = replace(made, record=made.record | {"feedback": said})
    shown = Shown("en", course, course.quiz.question("q-free"), grade)
    assert '<p class="feedback" lang="en">Close. A person will look.</p>' in outcome_card(shown, ())


def test_feedback_loses_whole_statements_where_one_begins_another(course):
    short = Criterion("short", 1, {"en": "Rows sum to one"})
    long = Criterion("long", 1, {"en": "Rows sum to one over the visible keys"})
    shown = shown_with(course, QuestionRubric((short, long), (), 2.0))
    said = for_free(Verdict.PARTIAL, "en", missing=[short.statement["en"], long.statement["en"]], corrections=[])
    grade = replace(from_record(shown.attempt.record), feedback=said)
    assert without_lists(shown, grade) == "Right as far as it goes, but not complete."


def test_points_given_and_missing_are_on_the_scale_of_the_question(course):
    criteria = tuple(Criterion(name, 1, {"en": name}) for name in ("identity", "rounding"))
    shown = shown_with(course, QuestionRubric(criteria, (), 10.0))
    grade = replace(from_record(shown.attempt.record), points=5.0, max_points=10.0)
    met = CriterionGrade("identity", met=True, points=5.0, probability=0.9, evidence=None)
    grade = replace(grade, criteria=(met, replace(met, id="rounding", met=False, points=0.0)))
    assert re.findall(r"<small>([^<]+)</small>", criteria_lists(shown, grade)) == ["5 p.", "5 p."]


def test_doubt_is_said_in_words(course):
    assert "Quite sure" in card(course, "q-free", "identity")
    assert "A person should look" in card(course, "q-free", "unsure identity")
    assert "Checked against the key" in card(course, "q-single", "3")


def test_an_answer_without_a_grade_is_no_zero(course):
    made = card(course, "q-free", "unscorable")
    assert "Not scored" in made
    assert "nobody can tell" not in made
    assert "points</span>" not in made


@pytest.mark.parametrize(
    ("lang", "told"), [("en", "a language of this quiz"), ("es", "un idioma de este cuestionario")]
)
def test_an_answer_in_another_language_is_told_so_in_the_learners(course, lang, told):
    asked = course.quiz.question("q-free")
    outcome = Intake(course.quiz, course.rubric).take(Submission("1", "q-free", "Это тождество", lang="en"))
    made = replace(attempt(course, "q-free", "Это тождество", graded=False), record=to_record(outcome))
    card = outcome_card(Shown(lang, course, asked, made), ())
    assert told in card
    assert outcome.reason not in card


def test_a_grade_that_is_awaited_or_late(course):
    assert "Checking your answer" in card(course, "q-free", "x", graded=False, checking=True)
    late = card(course, "q-free", "x", graded=False)
    assert "try again" in late
    assert "spinner" not in late


def test_another_try_starts_from_the_last_answer(library, course):
    works = {"q-free": Work((attempt(course, "q-free", "first"), attempt(course, "q-free", "second", 2)))}
    place = Place("en", course.quiz.id, "q-free", retry=True)
    screen = build_screen(library, place, works, {})
    assert (screen.mode, screen.draft) == ("open", "second")
    assert "Earlier attempts (2)" in screen.outcome
    assert build_screen(library, place, works, {"demo-attention/q-free": "half typed"}).draft == "half typed"


def test_an_answer_that_never_gets_its_grade_locks_nobody_out(library, course):
    works = {"q-free": Work((attempt(course, "q-free", "first", graded=False),))}
    place = Place("en", course.quiz.id, "q-free")
    assert not build_screen(library, place, works, {}, checking=True).has_retry
    assert build_screen(library, place, works, {}).has_retry
    again = build_screen(library, replace(place, retry=True), works, {})
    assert (again.mode, again.draft, again.has_retry) == ("open", "first", False)
    assert "Earlier attempts (1)" in again.outcome


def test_the_navigation_counts_and_names_states(course):
    works = {
        "q-free": Work((attempt(course, "q-free", "identity rounding"),)),
        "q-single": Work((attempt(course, "q-single", "1"),)),
    }
    made = navigation("en", course, works, "q-multiple")
    assert re.findall(r"nav-item is-(\w+)", made) == ["correct", "none", "contradictory"]
    assert "2 of 3 answered" in made
    assert "1 left" in made
    assert made.count('aria-current="true"') == 1
    assert 'aria-valuenow="2"' in made


def test_a_question_says_where_it_stands(course):
    made = question_card("es", course, course.quiz.questions[0])
    assert "Pregunta 1 de 3" in made
    assert "Respuesta libre" in made
    assert "<code>softmax</code>" in made


def test_faults_name_the_place_and_keep_the_message_back():
    made = faults(
        "en",
        [Fault("/data/secret/quiz.yaml", 7, "questions[0].answer", "9 is the key"), Fault("b.yaml", None, "", "x")],
    )
    assert "quiz.yaml · line 7 · questions[0].answer" in made
    assert "the key" not in made
    assert "/data/secret" not in made
    assert faults("en", []) == ""


def test_a_quiz_in_one_language_keeps_it_under_any_interface(course):
    english = replace(course, quiz=replace(course.quiz, langs=("en",)))
    made = question_card("es", english, course.quiz.questions[0])
    assert "FlashAttention is exact" in made
    assert "Pregunta 1 de 3" in made
    assert 'lang="en"' in made


def test_furniture_is_in_both_languages():
    assert "own words" in masthead("en")
    assert "tus palabras" in masthead("es")
    for lang in ("en", "es"):
        assert "/list" in footer(lang)
    assert notice("a < b").count("a &lt; b") == 1
    assert notice("") == ""


def test_a_library_without_quizzes_says_so():
    from grader.ui.library import Library

    screen = build_screen(Library([], open_grader=open_fake), Place("es", "", ""), {}, {})
    assert screen.mode == "empty"
    assert "ningún cuestionario" in screen.question
