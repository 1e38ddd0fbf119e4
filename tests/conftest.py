"""What every test may use, and what none may: its presence puts ``tests`` on the import path, for ``fakes``."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FORCED_COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "GITHUB_ACTIONS")
OWN_SETTINGS = (
    "GRADER_QUIZZES",
    "GRADER_HOST",
    "GRADER_PORT",
    "GRADER_API",
    "GRADER_TIER",
    "GRADER_JUDGE",
    "GRADER_JUDGE_MODEL",
    "GRADER_JUDGE_KEY",
    "GRADER_DEVICE",
    "GRADER_PRECISION",
)

# Before anything imports a hub client or a console: models come from installed packages, and output is plain.
os.environ["HF_HUB_OFFLINE"] = os.environ["NO_COLOR"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # tests poison memory, which PyTorch does in deterministic mode only
for name in (*FORCED_COLOURS, *OWN_SETTINGS):
    os.environ.pop(name, None)
try:
    ctypes.CDLL("libcuda.so.1")
except OSError:
    os.environ["TRITON_INTERPRET"] = "1"  # without a CUDA driver kernels run on the processor; read on Triton's import


class OutsideConnectionError(RuntimeError):
    """A test reached for a machine other than this one."""


def _is_here(host: object) -> bool:
    """Whether an address or a host name means this machine."""
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if text in {"", "None", "localhost", socket.gethostname()}:
        return True
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(scope="session")
def loaded_by_reading() -> frozenset[str]:
    """Modules in a process of its own that has read an answer with both models of the tier."""
    program = (
        "import sys\nfrom grader.embed import load_embedder\nfrom grader.entail import load_reader\n"
        "load_embedder().encode(['x'])\nload_reader().read('x', 'y', ['z'])\nprint(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return frozenset(done.stdout.split())


@pytest.fixture(scope="module")
def single_precision() -> Iterator[None]:
    """Compute in float32 whatever the machine multiplies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_PRECISION", "float32")
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute on one thread where the test itself does not ask for more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def stay_on_this_machine() -> Iterator[None]:
    """Refuse connections and look-ups that leave this machine, and fail the run where code hid the refusal."""
    refused: list[str] = []
    patch = pytest.MonkeyPatch()

    def check(host: object) -> None:
        if not _is_here(host):
            refused.append(str(host))
            raise OutsideConnectionError(f"a test reached for {host!r}")

    def guard_socket(name: str) -> None:
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, *arguments: object) -> object:
            address = arguments[-1]  # of connect(address) and of sendto(data, [flags,] address)
            if self.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
                check(address[0])
            return real(self, *arguments)

        patch.setattr(socket.socket, name, guarded)

    def guarded_getaddrinfo(host: object, *arguments: object, **options: object) -> object:
        check(host)
        return getaddrinfo(host, *arguments, **options)

    for name in ("connect", "connect_ex", "sendto"):
        guard_socket(name)
    getaddrinfo = socket.getaddrinfo
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    yield
    patch.undo()
    assert not refused, f"tests reached for {', '.join(sorted(set(refused)))}"


@pytest.fixture(autouse=True)
def own_database(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test records out of the user's database, and out of other tests."""
    monkeypatch.setenv("GRADER_DB", str(tmp_path_factory.getbasetemp() / f"{os.urandom(8).hex()}.db"))


@cache
def find_browser() -> str | None:
    """Find a Chromium: the one that ``GRADER_CHROMIUM`` names, or one on the path."""
    return os.environ.get("GRADER_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


@cache
def has_cuda() -> bool:
    """Whether there is a CUDA device."""
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """Path of the browser that tests drive."""
    found = find_browser()
    assert found is not None, "only tests marked `browser` may use this"
    return Path(found)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run; in CI a missing browser is a failure."""
    if item.get_closest_marker("gpu") and not has_cuda():
        pytest.skip("needs a CUDA device")
    if item.get_closest_marker("browser") and find_browser() is None:
        message = f"no browser: install one of {', '.join(BROWSERS)}, or set GRADER_CHROMIUM to the path of one"
        (pytest.fail if os.environ.get("CI", "").lower() in {"1", "true"} else pytest.skip)(message)
