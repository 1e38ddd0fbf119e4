"""Files that ship with the package absent, cut, emptied, altered or replaced: one message names the file."""

from __future__ import annotations

import re
import shutil

import pytest

from grader import address, entail, match, pair_weights
from grader.doubt import files as doubt_files
from grader.doubt import read_doubts
from grader.errors import GraderError
from grader.grade import Grader
from grader.judge.adapter import load_adapter
from grader.judge.local import ADAPTER_FOLDER
from grader.load import load_quiz
from grader.schema import Rubric


def flip(data, at):
    """Flip one bit of the byte there."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE = {
    "absent": None,
    "empty": lambda _data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "not text": lambda data: b"\xff" + data,
    "a mapping of nothing": lambda _data: b"{}",
    "a list": lambda _data: b"[]",
    "a number": lambda _data: b"1",
    "deep": lambda _data: b"[" * 100_000,
}
FLIPS = {f"bit {share:.0%}": share for share in (0.0, 0.3, 0.7, 1.0)}


def damage(path, how):
    """Do to a file what its name says; give whether there was anything to do."""
    data = path.read_bytes()
    path.unlink()
    if how in FLIPS:
        path.write_bytes(flip(data, int(FLIPS[how] * (len(data) - 1))))
    elif DAMAGE[how] is not None:
        path.write_bytes(DAMAGE[how](data))


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A copy of the pair model's files in place of the real ones."""
    folder = tmp_path / "pair"
    shutil.copytree(pair_weights.WEIGHTS, folder)
    monkeypatch.setattr(pair_weights, "WEIGHTS", folder)
    entail._load.cache_clear()
    yield folder
    entail._load.cache_clear()


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["card.json", "pair.safetensors"])
def test_the_pair_model(pair, name, how):
    damage(pair / name, how)
    with pytest.raises(GraderError, match=f"{name}.*reinstall the grader"):
        entail.load_reader()


@pytest.mark.parametrize("how", FLIPS)
def test_one_bit_of_the_pair_model(pair, how):
    damage(pair / "pair.safetensors", how)
    with pytest.raises(GraderError, match=r"pair\.safetensors has SHA-256 .* reinstall the grader"):
        entail.load_reader()


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize(
    "rule",
    [(match, "RULE_FILE", match.load_rule), (address, "FILE", address.load_address_rule)],
    ids=["verdicts", "address"],
)
def test_a_fitted_rule(tmp_path, monkeypatch, rule, how):
    module, name, load = rule
    path = tmp_path / getattr(module, name).name
    shutil.copyfile(getattr(module, name), path)
    monkeypatch.setattr(module, name, path)
    damage(path, how)
    with pytest.raises(GraderError, match=rf"{re.escape(path.name)} is missing or damaged; reinstall the grader"):
        load.__wrapped__()


@pytest.mark.parametrize("how", DAMAGE)
def test_the_calibration(tmp_path, how):
    path = tmp_path / "calibration.json"
    shutil.copyfile(doubt_files.SHIPPED, path)
    damage(path, how)
    with pytest.raises(GraderError, match=r"calibration\.json"):
        read_doubts(path)


@pytest.mark.parametrize("how", [*DAMAGE, *FLIPS])
@pytest.mark.parametrize("name", ["adapter-1-of-2.safetensors", "adapter-2-of-2.safetensors"])
def test_the_judges_adapter(tmp_path, name, how):
    folder = tmp_path / "judge"
    shutil.copytree(ADAPTER_FOLDER, folder)
    damage(folder / name, how)
    with pytest.raises(GraderError, match=f"{folder} is damaged: install the grader again"):
        load_adapter(folder)


@pytest.mark.parametrize("how", DAMAGE)
def test_what_describes_the_judges_adapter(tmp_path, how):
    folder = tmp_path / "judge"
    shutil.copytree(ADAPTER_FOLDER, folder)
    damage(folder / "adapter.json", how)
    with pytest.raises(GraderError, match=f"{folder}.*: install the grader again"):
        load_adapter(folder)


@pytest.mark.parametrize("how", ["absent", "cut"])
def test_a_grader_that_cannot_be_had_is_not_opened(pair, quiz, how):
    damage(pair / "pair.safetensors", how)
    with pytest.raises(GraderError, match="reinstall the grader"):
        Grader.open(load_quiz(quiz), Rubric())
