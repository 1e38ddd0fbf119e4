"""The house rules of the tests hold: no other machine is reached, and a missing device skips."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

REACH = """\
import contextlib, socket, pytest

def test_here():
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("localhost", 1), timeout=1)

def test_there():
    with contextlib.suppress(Exception):
        socket.create_connection(("192.0.2.1", 80), timeout=1)

def test_name():
    with contextlib.suppress(Exception):
        socket.getaddrinfo("example.org", 443)
"""
DEVICE = """\
import pytest

@pytest.mark.gpu
def test_device():
    import torch
    assert torch.cuda.is_available()
"""


def run_pytest(folder, code):
    shutil.copyfile(Path(__file__).with_name("conftest.py"), folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    gpu: x\n    browser: x\n")
    (folder / "test_inside.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def test_reaching_another_machine_fails_even_where_code_hides_it(tmp_path):
    done = run_pytest(tmp_path, REACH)
    assert done.returncode == 1
    assert "3 passed, 1 error" in done.stdout
    assert "tests reached for 192.0.2.1, example.org" in done.stdout


def test_without_a_device_its_tests_are_skipped(tmp_path):
    done = run_pytest(tmp_path, DEVICE)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout or "1 passed" in done.stdout
