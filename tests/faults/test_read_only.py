"""Where nothing may be written, not even by who starts the process: one line names the place, and nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from limits import obey_modes

from grader.store import Store

# Opens a database, reads what is there and adds to it.
OPENER = """
import sys
from pathlib import Path
from grader.store import Store, StoreError
try:
    Store(Path(sys.argv[1])).add_attempt("ana", "quiz", "q", "en", "x")
except StoreError as error:
    print(error)
"""


@pytest.fixture
def folder(tmp_path, quiz, answers):
    """A folder with a quiz, answers and an older output."""
    made = tmp_path / "frozen"
    made.mkdir()
    for path in (quiz, answers):
        shutil.copy(path, made)
    for name in ("g.jsonl", "out.html", "mini.md"):
        (made / name).write_text("before")
    return made


def test_no_command_writes_in_a_read_only_folder(run, folder, freeze, tmp_path):
    quiz, answers, grades = folder / "mini.yaml", folder / "a.jsonl", tmp_path / "g.jsonl"
    assert run("batch", answers, "--quiz", quiz, "--out", grades, "--limit", 30)[0] == 0
    grades.chmod(0o444)
    freeze(folder)
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    for arguments in (
        ["batch", answers, "--quiz", quiz, "--out", folder / "g.jsonl"],
        ["batch", answers, "--quiz", quiz, "--out", folder / "new.parquet", "--resume"],
        ["report", grades, "--out", folder / "out.html"],
        ["quiz", "mirror", quiz, "--out", folder],
        ["quiz", "mirror", quiz, "--out", folder / "deeper"],
    ):
        code, error = run(*arguments, preexec_fn=obey_modes)
        assert code == 2, (arguments, error)
        (line,) = error.strip().splitlines()
        assert "Permission denied" in line
        assert str(folder) in line
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before


def test_a_file_that_may_not_be_read_is_named(run, folder, freeze, tmp_path):
    freeze(folder)
    secret = folder / "a.jsonl"
    secret.chmod(0)
    for arguments in (
        ["batch", secret, "--quiz", folder / "mini.yaml", "--out", tmp_path / "x.jsonl"],
        ["evaluate", secret, "--labels", secret],
    ):
        code, error = run(*arguments, preexec_fn=obey_modes)
        assert (code, error) == (2, f"grader: {secret}: cannot be read: Permission denied\n")


def test_a_database_in_a_read_only_folder_is_named_and_kept(tmp_path, freeze):
    folder = tmp_path / "frozen"
    store = Store(folder / "grader.db")
    store.add_attempt("ana", "quiz", "q", "en", "kept")
    freeze(folder)
    command = [sys.executable, "-c", OPENER, str(store.path)]
    done = subprocess.run(  # noqa: S603 -- our own code
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=obey_modes,
    )
    assert done.stdout.startswith(f"{store.path}: cannot be opened or written; set GRADER_DB"), done.stderr
    folder.chmod(0o755)
    store.path.chmod(0o644)
    assert [attempt.answer for attempt in Store(store.path).attempts("ana")] == ["kept"]
