"""What the README promises: the Space's settings, the tree, and a quiz that can be copied."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from grader.load import check_files

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def blocks(language):
    """Contents of the fenced blocks in a language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [content for name, content in found if name == language]


def test_the_head_is_that_of_the_project():
    _, head, _ = README.split("---\n", 2)
    space = yaml.safe_load(head)
    gradio = next(Requirement(line) for line in PROJECT["dependencies"] if line.startswith("gradio"))
    assert space["sdk"] == "gradio"
    assert gradio.specifier.contains(space["sdk_version"])
    assert (ROOT / space["app_file"]).is_file()
    assert space["python_version"] == PROJECT["requires-python"].removeprefix(">=")
    assert space["license"] == PROJECT["license"].lower()
    assert len(space["short_description"]) <= 60


def test_the_quiz_and_the_rubric_can_be_copied(tmp_path):
    quiz, rubric = blocks("yaml")
    paths = [tmp_path / "my-quiz.yaml", tmp_path / "rubrics" / "my-quiz.yaml"]
    paths[1].parent.mkdir()
    for path, text in zip(paths, (quiz, rubric), strict=True):
        path.write_text(text, encoding="utf-8")
    assert check_files(paths) == ()


def test_the_tree_lists_everything_at_the_top_and_in_the_package():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("not a checkout")
    paths = [path.split("/") for path in listed.stdout.splitlines()]
    names = {path[0] for path in paths} | {path[1] for path in paths if path[0] == "grader"}
    tree = next(block for block in blocks("") if "grade.py" in block)
    assert sorted(name for name in names if not re.match(r"[._]", name) and name not in tree) == []


def test_what_the_page_links_to_is_there():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []
