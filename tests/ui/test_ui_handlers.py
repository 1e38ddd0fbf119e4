"""Troubles reach the learner as one friendly line in the learner's language."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import fields

import pytest
from ui_fakes import open_fake

from grader.errors import ModelUnavailableError
from grader.store import Store, StoreError
from grader.ui.handlers import Handlers
from grader.ui.layout import Desk, Kept, Parts
from grader.ui.library import Library
from grader.ui.study import Study, new_token

PLACE = {"lang": "es", "quiz": "demo-attention", "question": "q-free"}


def handlers_over(study: Study) -> Handlers:
    """Make handlers whose components are only names: they are keys of updates, nothing more."""
    kept = Kept(**{field.name: field.name for field in fields(Kept)})
    desk = Desk(**{field.name: field.name for field in fields(Desk)})
    frame = {field.name: field.name for field in fields(Parts)} | {"kept": kept, "desk": desk}
    return Handlers(Parts(**frame), study)


@pytest.fixture
def failing(study, monkeypatch):
    def fail(*_arguments: object) -> None:
        raise StoreError("/data/grader.db: the disk is full")

    for name in ("add_attempt", "attempts"):
        monkeypatch.setattr(study.store, name, fail)
    return handlers_over(study)


def test_an_answer_that_cannot_be_saved_says_so_and_is_not_graded(failing, capsys):
    update = failing.submit(new_token(), PLACE, {}, "identidad", None, [])
    assert list(update) == ["notice"]
    assert "no se pueden guardar" in update["notice"]
    assert "/data" not in update["notice"]
    assert "the disk is full" in capsys.readouterr().out


def test_a_page_whose_answers_cannot_be_read_still_opens(failing):
    for update in (
        failing.step_on(new_token(), PLACE, {}),
        failing.settle(new_token(), PLACE),
        failing.show_results(new_token(), PLACE),
    ):
        assert "no se pueden guardar" in update["notice"]


def test_a_missing_model_leaves_the_answer_saved_and_says_so(library, tmp_path):
    def refuse(_quiz: object, _rubric: object) -> None:
        raise ModelUnavailableError("no weights at /opt")

    study = Study(Library(library.courses.values(), open_grader=refuse), Store(tmp_path / "grader.db"))
    handlers, token = handlers_over(study), new_token()
    assert "Comprobando" in handlers.submit(token, PLACE, {}, "identidad", None, [])["outcome"]
    update = handlers.settle(token, PLACE)
    assert "está guardada" in update["notice"]
    assert "/opt" not in update["notice"]
    assert "settled" in update
    late = handlers.refresh(token, PLACE, {})
    assert "Pendiente de nota" in late["outcome"]
    assert "notice" not in late


def test_a_missing_model_leaves_a_way_to_try_again(library, tmp_path):
    def refuse(_quiz: object, _rubric: object) -> None:
        raise ModelUnavailableError("no weights")

    study = Study(Library(library.courses.values(), open_grader=refuse), Store(tmp_path / "grader.db"))
    handlers, token = handlers_over(study), new_token()
    assert not handlers.submit(token, PLACE, {}, "identidad", None, [])["retry"]["visible"]
    handlers.settle(token, PLACE)
    assert handlers.refresh(token, PLACE, {})["retry"]["visible"]
    assert handlers.step_back(token, PLACE | {"question": "q-multiple"}, {})["retry"]["visible"]
    again = handlers.retry(token, PLACE, {})
    assert again["answer_box"]["visible"]
    assert again["text"]["value"] == "identidad"


@pytest.mark.parametrize("record", ['{"status": gra', '{"status": "graded"}'])
def test_a_damaged_grade_is_a_trouble_like_others(study, record, capsys):
    handlers, token = handlers_over(study), new_token()
    handlers.submit(token, PLACE, {}, "identidad", None, [])
    handlers.settle(token, PLACE)
    with closing(sqlite3.connect(study.store.path)) as connection, connection:
        connection.execute("UPDATE grades SET record = ?", [record])
    assert handlers.refresh(token, PLACE, {}) == {}
    for update in (handlers.step_on(token, PLACE, {}), handlers.show_results(token, PLACE)):
        assert "ni leer" in update["notice"]
    assert "damaged" in capsys.readouterr().out


def test_a_refused_answer_changes_nothing_else(study):
    handlers = handlers_over(study)
    update = handlers.submit(new_token(), PLACE, {}, " ", None, [])
    assert list(update) == ["notice"]
    assert "Primero escribe" in update["notice"]


def test_a_learner_without_a_token_gets_one_that_the_answer_belongs_to(study):
    handlers = handlers_over(study)
    token = handlers.submit("forged", PLACE, {}, "identidad", None, [])["learner"]
    assert len(study.store.attempts(token)) == 1


def test_a_switch_of_language_leaves_what_is_typed(study):
    handlers = handlers_over(study)
    update = handlers.switch_lang(new_token(), PLACE, {"demo-attention/q-free": "old draft"}, "en")
    assert "value" not in update["text"]
    assert update["text"]["label"] == "Your answer"
    assert update["place"]["lang"] == "en"


def test_without_quizzes_the_page_says_so(tmp_path):
    handlers = handlers_over(Study(Library([], open_grader=open_fake), Store(tmp_path / "grader.db")))
    update = handlers.step_on(new_token(), PLACE, {})
    assert "ningún cuestionario" in update["question"]
    assert handlers.submit(new_token(), PLACE, {}, "x", None, []) == {}
    assert handlers.show_results(new_token(), PLACE)["results"] == ""
