"""A quiz full of canaries, a study over it, and a real server in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from ports import free_port
from ui_fakes import open_fake, write_quiz

from grader.store import Store
from grader.ui.batching import CAPACITY
from grader.ui.library import Course, Library, read_library
from grader.ui.study import Study

REPOSITORY = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 90.0


@dataclass
class Server:
    """A page being served.

    Args:
        folder: Where its quiz, database, gate and log are.
        quizzes: Quiz files or folders to serve.
        capacity: Answers that may wait for their grades.
        mcp: Whether it is an MCP server too.
    """

    folder: Path
    quizzes: Sequence[Path]
    capacity: int = CAPACITY
    mcp: bool = False
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def db(self) -> Path:
        """Its database."""
        return self.folder / "grader.db"

    @property
    def gate(self) -> Path:
        """Answers are graded only while this file exists."""
        return self.folder / "gate"

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it on a free port, or on the same port again."""
        port = self.url.rpartition(":")[2] or str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        program = [sys.executable, str(Path(__file__).with_name("ui_server.py"))]
        arguments = [port, str(self.db), str(self.gate), str(self.capacity), str(self.mcp), *map(str, self.quizzes)]
        path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*program, *arguments], stdout=log, stderr=log, env=environment)  # noqa: S603
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(self.url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server did not start:\n{self.log}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it as `kill -9` does; nothing in it can tidy up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None


@pytest.fixture(scope="session")
def quiz_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_quiz(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def library(quiz_path: Path) -> Library:
    return read_library([quiz_path], open_grader=open_fake)


@pytest.fixture(scope="session")
def course(library: Library) -> Course:
    return library.courses["demo-attention"]


@pytest.fixture
def study(library: Library, tmp_path: Path) -> Study:
    return Study(library, Store(tmp_path / "grader.db"))


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers that stop with the test."""
    made: list[Server] = []

    def make(*, gate: bool = True, extra: Sequence[Path] = (), capacity: int = CAPACITY, mcp: bool = False) -> Server:
        server = Server(tmp_path, [write_quiz(tmp_path), *extra], capacity, mcp)
        if gate:
            server.gate.touch()
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for every test that neither stops nor gates it; each browser is another learner."""
    folder = tmp_path_factory.mktemp("server")
    shared = Server(folder, [write_quiz(folder)])
    shared.gate.touch()
    shared.start()
    yield shared
    shared.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/config", timeout=5) as response:  # noqa: S310 -- our own address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
