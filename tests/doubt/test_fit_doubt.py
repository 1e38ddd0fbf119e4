"""Fitting what ships, from whatever a grader made of labelled answers."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from grader.doubt import read_doubts

fit_doubt = pytest.importorskip("training.fit_doubt", reason="needs scikit-learn")
EN, ES = ("rubric", "en"), ("judged rubric", "es")


def rows(size=600, seed=0):
    """Answers to thirty questions whose grader is too sure of itself in English."""
    rng = np.random.default_rng(seed)
    for number in range(size):
        sure = float(rng.uniform(0.3, 0.99))
        yield fit_doubt.Row(f"q{number % 30}", EN, sure, bool(rng.random() < sure - 0.2))
        yield fit_doubt.Row(f"q{number % 30}", ES, sure, bool(rng.random() < sure))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Fit rows from a file into ``calibration.json``."""
    data = [{"group": r.group, "basis": r.part[0], "lang": r.part[1], "confidence": r.confidence, "right": r.right}
            for r in rows()]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))

    def invoke(grader: str) -> dict:
        out = tmp_path / "calibration.json"
        options = ["--grader", grader, "--labelled", str(tmp_path / "rows.jsonl"), "--origin", "drawn"]
        monkeypatch.setattr(sys, "argv", ["fit_doubt", *options, "--out", str(out)])
        fit_doubt.main()
        return read_doubts(out)

    return invoke


def test_each_part_has_its_own_map_labels_and_questions():
    doubt = fit_doubt.fit_doubt("accurate", rows(), "drawn")
    assert (doubt.grader, set(doubt.parts)) == ("accurate", {EN, ES})
    assert doubt.confidence(0.8, EN) == pytest.approx(0.6, abs=0.06)
    assert doubt.confidence(0.8, ES) == pytest.approx(0.8, abs=0.06)
    assert [(len(found.labelled), found.questions) for found in doubt.parts.values()] == [(600, 30)] * 2


def test_one_command_replaces_a_grader_and_keeps_the_others(run, capsys):
    run("embedded+local")
    found = run("accurate")
    assert found["accurate"].parts == found["embedded+local"].parts
    assert run("accurate") == found
    printed = capsys.readouterr().out
    assert "rubric en: 600 answers to 30 questions" in printed
    assert "--max-error 0.05: keeps" in printed


def test_what_is_printed_is_held_out(capsys):
    """Nothing carries over from the questions measured: noise stays as uncertain as it is."""
    rng = np.random.default_rng(0)
    noise = [
        fit_doubt.Row(f"q{n % 30}", EN, float(rng.uniform(0.3, 0.99)), bool(rng.random() < 0.5)) for n in range(600)
    ]
    fit_doubt.show(EN, noise)
    lines = capsys.readouterr().out.splitlines()
    assert "keeps 0.000, none wrong" in lines[1]
