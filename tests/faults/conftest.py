"""A course, answers, programs in processes of their own, and places that refuse to be written."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import QUIZ
from limits import LIBC

TESTS = Path(__file__).resolve().parents[1]
ROWS = 1000  # four windows


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    """Path of a quiz with one free question."""
    path = tmp_path / "mini.yaml"
    path.write_text(QUIZ, encoding="utf-8")
    return path


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Path of a thousand different answers to it."""
    rows = [{"submission_id": f"s{n}", "question_id": "q-1", "answer": f"partial {n} ñ"} for n in range(ROWS)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start ``grader`` in a process of its own, with a grader that loads no model; killed with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        *arguments: object,
        slow_s: float = 0.0,
        program: Path = TESTS / "cli" / "slow_main.py",
        **options: Any,  # noqa: ANN401 -- Popen's
    ) -> subprocess.Popen[bytes]:
        path = f"{TESTS.parent}{os.pathsep}{TESTS}"
        environment = os.environ | {"PYTHONPATH": path, "SLOW_S": str(slow_s)}
        environment.pop("PYTHONUNBUFFERED", None)  # output is buffered, as it is at home
        command = [sys.executable, str(program), *map(str, arguments)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=environment, **pipes | options)  # noqa: S603 -- our own command
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start) -> Callable[..., tuple[int, str]]:
    """Run ``grader`` to its end, and give its exit code and what it said on standard error."""

    def run(*arguments: object, **options: Any) -> tuple[int, str]:  # noqa: ANN401 -- as above
        process = start(*arguments, **options)
        _, error = process.communicate(timeout=60)
        return process.returncode, error.decode()

    return run


@pytest.fixture
def freeze() -> Iterator[Callable[[Path], None]]:
    """Take the right to write in a folder and to its files from everybody."""
    folders: list[Path] = []

    def freeze(folder: Path) -> None:
        folders.append(folder)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o555 if path.is_dir() else 0o444)

    yield freeze
    for folder in folders:
        folder.chmod(0o755)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount file systems of so many KiB, which fill up as disks do; skipped where that takes more rights."""
    mounted: list[Path] = []

    def mount(size_kib: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        options = f"size={size_kib}k".encode()
        if LIBC.mount(b"none", str(folder).encode(), b"tmpfs", 0, options) != 0:
            pytest.skip(f"no small disk can be mounted here: {os.strerror(ctypes.get_errno())}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        LIBC.umount2(str(folder).encode(), 2)  # detached even while something in it is open
