"""Bundled quizzes and rubrics are found in a checkout and in an installed package."""

from __future__ import annotations

import pytest

from grader import resources
from grader.errors import GraderError
from grader.resources import bundled_quizzes, find_quiz, find_quiz_of_rubric, find_rubric


def test_the_bundled_quizzes_are_found_by_id():
    assert [find_quiz(path.stem) for path in bundled_quizzes()] == list(bundled_quizzes())
    assert {"phase-27-modern-attention", "phase-27-attention-practice"} <= {path.stem for path in bundled_quizzes()}


def test_each_bundled_quiz_has_its_rubric_and_the_other_way_round():
    for quiz in bundled_quizzes():
        rubric = find_rubric(quiz, quiz.stem)
        assert rubric is not None
        assert find_quiz_of_rubric(rubric) == quiz


def test_a_quiz_is_found_by_its_path(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("")
    assert find_quiz(path) == find_quiz(str(path)) == path


@pytest.mark.parametrize("name", ["nope", "", ".", "../data", "a\0b", "x" * 5000, "phase-27-modern-attention.yaml"])
def test_an_unknown_quiz_is_answered_with_what_there_is(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraderError, match="phase-27-modern-attention") as caught:
        find_quiz(name)
    assert len(str(caught.value)) < 500


def test_a_misspelt_quiz_is_answered_with_the_nearest():
    with pytest.raises(GraderError, match="did you mean 'phase-27-modern-attention'\\?"):
        find_quiz("phase-27-modern-atention")


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(GraderError, match=r"is a folder: give the path of a YAML file, or one of phase-27"):
        find_quiz(tmp_path)


@pytest.mark.parametrize("folder", ["rubrics", "../rubrics", "../../rubrics"])
def test_a_rubric_near_its_quiz_comes_before_the_bundled_one(tmp_path, folder):
    quiz = tmp_path / "data" / "quizzes" / "own.yaml"
    quiz.parent.mkdir(parents=True)
    rubric = (quiz.parent / folder / "phase-27-modern-attention.yaml").resolve()
    rubric.parent.mkdir(exist_ok=True)
    rubric.write_text("")
    assert find_rubric(quiz, "phase-27-modern-attention").resolve() == rubric
    assert find_rubric(quiz, "no-such-quiz") is None


def test_an_installed_package_uses_the_data_inside_it(tmp_path, monkeypatch):
    package = tmp_path / "grader"
    (package / "_data" / "quizzes").mkdir(parents=True)
    (package / "_data" / "quizzes" / "inside.yaml").write_text("")
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert [path.stem for path in bundled_quizzes()] == ["inside"]
    with pytest.raises(GraderError, match="install it again"):
        find_rubric(tmp_path / "x.yaml", "inside")
