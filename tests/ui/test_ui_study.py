"""Answers are recorded first and graded second; results add up."""

from __future__ import annotations

import asyncio
import csv
import io
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from ui_fakes import CANARY, FakeGrader, open_fake, write_quiz

from grader.errors import GraderError, ModelUnavailableError
from grader.intake import Intake
from grader.schema import Outcome, Question, Quiz, Rubric, Submission, Verdict
from grader.store import Store
from grader.ui.api import API_ANSWER_LIMIT, RequestError, grade_answer, list_quizzes
from grader.ui.library import Course, Library, read_library
from grader.ui.results import results, write_csv
from grader.ui.server import default_quizzes
from grader.ui.study import Study, read_answer

QUIZ = "demo-attention"


def grade_now(library: Library, *arguments: object) -> dict[str, object]:
    return asyncio.run(grade_answer(library, *arguments))


def answer(study: Study, question: str, text: str, learner: str = "ana") -> None:
    study.record(learner, QUIZ, question, "en", text)
    study.settle(learner)


def test_an_answer_is_recorded_before_it_is_graded(study):
    study.record("ana", QUIZ, "q-free", "en", "identity")
    assert study.works("ana", QUIZ)["q-free"].latest.record is None
    assert study.settle("ana").given == 1
    assert study.settle("ana").given == 0
    assert study.works("ana", QUIZ)["q-free"].latest.record["verdict"] == "partial"


def test_a_grader_that_cannot_be_opened_keeps_the_answer(library, tmp_path):
    def refuse(_quiz: object, _rubric: object) -> None:
        raise ModelUnavailableError("no weights")

    store = Store(tmp_path / "grader.db")
    broken = Study(Library(library.courses.values(), open_grader=refuse), store)
    broken.record("ana", QUIZ, "q-free", "en", "identity")
    assert isinstance(broken.settle("ana").trouble, ModelUnavailableError)
    assert len(store.ungraded("ana")) == 1
    assert Study(library, store).settle("ana").given == 1


def test_an_answer_that_breaks_the_grader_holds_up_no_other(library, tmp_path):
    class Fragile(FakeGrader):
        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            if submissions[0].answer == "poison":
                raise ZeroDivisionError
            return super().grade(submissions)

    study = Study(Library(library.courses.values(), open_grader=Fragile), Store(tmp_path / "grader.db"))
    for text in ("poison", "identity"):
        study.record("ana", QUIZ, "q-free", "en", text)
    done = study.settle("ana")
    assert (done.given, type(done.trouble)) == (1, ZeroDivisionError)
    assert [attempt.answer for attempt in study.store.ungraded("ana")] == ["poison"]


def test_choices_that_are_numbers_are_graded_by_the_position_picked(tmp_path):
    question = Question(
        "q", "single", {"en": "How many?"}, choices=tuple({"en": n} for n in ("2", "1", "4")), answer=(1,)
    )
    quiz = Quiz("numbers", {"en": "Numbers"}, ("en",), (question,), "digest")
    seen = []

    class ByKey:
        def __init__(self, quiz: Quiz, rubric: Rubric) -> None:
            self.intake = Intake(quiz, rubric)

        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            seen.extend(submission.answer for submission in submissions)
            return [self.intake.take(submission) for submission in submissions]

    study = Study(Library([Course(quiz, Rubric())], open_grader=ByKey), Store(tmp_path / "grader.db"))
    study.record("ana", "numbers", "q", "en", read_answer(question, "1"))
    study.settle("ana")
    assert seen == [("1",)]
    assert study.works("ana", "numbers")["q"].best.verdict is Verdict.CORRECT


def test_two_visits_at_once_leave_one_grade(study):
    study.record("ana", QUIZ, "q-free", "en", "identity")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: study.settle("ana").given, range(4))) == 1


def test_an_answer_to_a_quiz_that_is_gone_waits(study):
    study.store.add_attempt("ana", "gone", "q", "en", "x")
    assert study.settle("ana").given == 0


def test_the_best_attempt_counts_and_the_first_is_kept(study):
    for text in ("nothing", "identity rounding", "identity"):
        answer(study, "q-free", text)
    work = study.works("ana", QUIZ)["q-free"]
    assert (work.first.points, work.best.points, work.latest.answer) == (0.0, 3.0, "identity")
    assert work.counted.answer == "identity rounding"


def test_results_add_up_and_show_only_what_was_answered(study, course):
    answer(study, "q-free", "nothing")
    answer(study, "q-free", "identity, unsure")
    answer(study, "q-single", "3")
    works, attempts = study.works("ana", QUIZ), study.store.attempts("ana")
    made = results("en", course, works, attempts)
    for text in ("3 / 4", "1 / 4", "2 / 3", "identity, unsure", "8×", "Partly correct", "grader-results.csv"):
        assert text in made
    assert CANARY not in made
    assert "Nothing here yet" in results("en", course, {}, ())


def test_hostile_answers_are_text_in_the_results(study, course):
    answer(study, "q-free", "<img src=x onerror=alert(1)>")
    made = results("es", course, study.works("ana", QUIZ), study.store.attempts("ana"))
    assert "<img" not in made
    assert "&lt;img" in made


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", " =1", "＝1", "'=1", '"a,b"\nline'])
def test_the_file_is_safe_in_a_spreadsheet(study, text):
    study.record("ana", QUIZ, "q-free", "en", text)
    rows = list(csv.DictReader(io.StringIO(write_csv(study.store.attempts("ana")))))
    cell = rows[0]["answer"]
    assert cell.endswith(text)
    assert cell[0] not in "=+-@\t\r ＝"
    assert rows[0]["status"] == "pending"


def test_the_file_has_every_attempt(study):
    for text in ("identity", "x\x00y"):
        answer(study, "q-free", text)
    rows = list(csv.DictReader(io.StringIO(write_csv(study.store.attempts("ana")))))
    assert [(row["answer"], row["verdict"], row["points"], row["needs_review"]) for row in rows] == [
        ("identity", "partial", "2.0", "false"),
        ("xy", "irrelevant", "0.0", "false"),
    ]


def test_a_grader_is_opened_once_and_used_by_one_at_a_time(library):
    opened, busy, overlaps = [], threading.Lock(), []

    class Slow(FakeGrader):
        def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
            overlaps.append(not busy.acquire(blocking=False))
            time.sleep(0.02)
            busy.release()
            return super().grade(submissions)

    def open_slow(quiz: Quiz, rubric: Rubric) -> FakeGrader:
        opened.append(quiz.id)
        return Slow(quiz, rubric)

    shared = Library(library.courses.values(), open_grader=open_slow)
    shared.warm().join(10)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: grade_now(shared, QUIZ, "q-free", f"identity {n}", "en"), range(6)))
    assert opened == [QUIZ]
    assert not any(overlaps)


def test_a_grader_that_cannot_be_opened_is_not_tried_again_at_once(library, monkeypatch):
    tried, now = [], [0.0]

    def refuse(quiz: Quiz, _rubric: object) -> None:
        tried.append(quiz.id)
        raise ModelUnavailableError("the hub is far away")

    monkeypatch.setattr("grader.ui.library.time.monotonic", lambda: now[0])
    shared = Library(library.courses.values(), open_grader=refuse)
    for later in (1.0, 2.0, 70.0):
        now[0] = later
        with pytest.raises(GraderError, match="the hub is far away"):
            grade_now(shared, QUIZ, "q-free", "identity", "en")
    assert tried == [QUIZ, QUIZ]


def test_warming_up_survives_a_missing_model(library, capsys):
    def refuse(_quiz: object, _rubric: object) -> None:
        raise ModelUnavailableError("no weights: run pip")

    Library(library.courses.values(), open_grader=refuse).warm().join(10)
    assert "demo-attention: no weights: run pip" in capsys.readouterr().out


def test_a_broken_file_is_left_out_and_the_others_stay(tmp_path):
    good = write_quiz(tmp_path)
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "broken.yaml").write_text("schema: 1\nid: broken\nquestions: 7\n", encoding="utf-8")
    (folder / "again.yml").write_text(good.read_text(encoding="utf-8"), encoding="utf-8")
    found = read_library([good, folder, tmp_path / "missing.yaml"], open_grader=open_fake)
    assert list(found.courses) == [QUIZ]
    places = " ".join(str(fault) for fault in found.faults)
    for name in ("broken.yaml", "again.yml: id: 'demo-attention' is the id of another quiz too", "missing.yaml"):
        assert name in places


def test_a_quiz_with_a_broken_rubric_is_left_out(tmp_path):
    quiz = write_quiz(tmp_path)
    (tmp_path / "rubrics" / "demo-attention.yaml").write_text("q-none: {criteria: []}\n", encoding="utf-8")
    found = read_library([quiz], open_grader=open_fake)
    assert not found.courses
    assert found.faults


def test_the_main_quiz_comes_first_and_a_folder_may_follow(monkeypatch, tmp_path):
    monkeypatch.delenv("GRADER_QUIZZES", raising=False)
    assert default_quizzes()[0].stem == "phase-27-modern-attention"
    monkeypatch.setenv("GRADER_QUIZZES", str(tmp_path))
    assert default_quizzes()[-1] == tmp_path
    found = read_library(default_quizzes(), open_grader=open_fake)
    assert len(found.courses) >= 2
    (fault,) = found.faults
    assert str(tmp_path) in str(fault), "an empty folder is named"
    monkeypatch.setenv("GRADER_QUIZZES", str(write_quiz(tmp_path).parent))
    assert not read_library(default_quizzes(), open_grader=open_fake).faults


def test_questions_are_listed_without_answers(library):
    (listed,) = list_quizzes(library, QUIZ, "es")["quizzes"]
    assert CANARY not in str(listed)
    assert (listed["quiz"], listed["title"]) == (QUIZ, "Atención, en breve")
    assert listed["questions"][2]["choices"] == [
        {"position": 1, "text": "2×"},
        {"position": 2, "text": "4×"},
        {"position": 3, "text": "8×"},
    ]


def test_an_answer_over_the_endpoint_gets_record_and_explanation(library):
    graded = grade_now(library, QUIZ, "q-multiple", "2,3", "en")
    assert (graded["verdict"], graded["explanation"]) == ("correct", "canary-explanation-multiple-en")
    assert grade_now(library, QUIZ, "q-single", [3], "es")["points"] == 1.0
    assert grade_now(library, QUIZ, "q-free", "unscorable", "en")["explanation"].startswith("canary-explanation")
    assert "explanation" not in grade_now(library, QUIZ, "q-free", " \n", "en")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none", "q-free", "x", "en"), 'quiz: "none" is none of demo-attention'),
        ((["demo"], "q-free", "x", "en"), "quiz: "),
        ((QUIZ, "q-none", "x", "en"), 'question: "q-none" is none of q-free, q-multiple, q-single'),
        ((QUIZ, None, "x", "en"), "question: nothing"),
        ((QUIZ, "q-free", "x", "fr"), 'lang: "fr" is none of en, es'),
        ((QUIZ, "q-free", 7, "en"), "answer: 7 is neither a text nor a list"),
        ((QUIZ, "q-single", [True], "en"), "answer: "),
        ((QUIZ, "q-free", {"a": "x"}, "en"), "answer: a mapping is neither"),
        ((QUIZ, "q-free", "x" * (API_ANSWER_LIMIT + 1), "en"), "answer: 20001 characters; the limit is 20000"),
        ((QUIZ, "q-multiple", ["x" * 9_000] * 3, "en"), "the limit is 20000"),
    ],
)
def test_a_call_that_cannot_be_answered_says_what_to_send(library, arguments, message):
    with pytest.raises(RequestError, match=": ") as caught:
        grade_now(library, *arguments)
    assert message in str(caught.value)
