"""``--attention`` reaches the models, and a batch notices when it changes."""

from __future__ import annotations

import pytest

from grader.grade import Grader


@pytest.fixture
def opened(monkeypatch, fake_grader) -> list[str]:
    """The attention that each command opened its grader on."""
    asked = []

    def open_fake(*_: object, attention: str, **__: object) -> object:
        asked.append(attention)
        return fake_grader

    monkeypatch.setattr(Grader, "open", open_fake)
    return asked


def test_sdpa_unless_named(run, quiz, opened):
    run("grade", "--quiz", quiz, "--question", "q-1", "correct")
    run("grade", "--quiz", quiz, "--question", "q-1", "--attention", "ours", "correct")
    assert opened == ["sdpa", "ours"]


def test_a_batch_on_another_attention_is_not_resumed(run, quiz, submissions, tmp_path, opened):
    out = tmp_path / "grades.jsonl"
    run("batch", submissions, "--quiz", quiz, "--out", out, "--attention", "ours")
    result = run("batch", submissions, "--quiz", quiz, "--out", out, "--resume")
    assert opened == ["ours", "sdpa"]
    assert "attention: ours → sdpa" in result.stderr


def test_the_page_grades_on_the_attention_named(monkeypatch, run, opened):
    monkeypatch.setattr("grader.ui.serve", lambda *_args, open_grader, **_: open_grader(None, None))
    run("serve", "--attention", "ours")
    assert opened == ["ours"]


def test_another_attention_is_a_callers_mistake(run, quiz):
    result = run("grade", "--quiz", quiz, "--question", "q-1", "--attention", "magic", "correct")
    assert result.exit_code == 2
    assert "sdpa" in result.stderr
