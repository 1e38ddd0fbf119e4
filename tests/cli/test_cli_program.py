"""The program as a whole: quick help, documented commands, exit codes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from grader import __version__
from grader.cli import app

ROOT = Path(__file__).resolve().parents[2]
SLOW = {"torch", "transformers", "gradio", "pyarrow", "pydantic", "numpy", "yaml", "sentence_transformers", "pandas"}


def command_names(group=None, prefix="grader"):
    """List every command as it is typed."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from command_names(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


def run_python(code):
    return subprocess.run(  # noqa: S603 -- our own code
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["--version"], set()),
        (["batch", "--help"], {"pydantic"}),  # typer itself checks the options of a command with it
        (["quiz", "mirror", "--help"], {"pydantic"}),
    ],
)
def test_help_imports_nothing_slow(arguments, allowed):
    code = (
        "import sys\nfrom grader.cli import app\n"
        f"try: app({arguments!r}, prog_name='grader')\nexcept SystemExit as end: assert not end.code\n"
        f"print({SLOW!r} & set(sys.modules) or {{}}, file=sys.stderr)"
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    assert set(ast.literal_eval(result.stderr)) <= allowed


def test_the_commands_are_those_of_the_design():
    assert set(command_names()) == {
        "grader grade", "grader batch", "grader evaluate", "grader report", "grader quiz check", "grader quiz mirror",
        "grader quiz schema", "grader attention facts", "grader attention bench", "grader serve", "grader calibrate",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(command_names()))
def test_every_command_is_shown_in_the_readme(name):
    assert name in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_version_is_the_packages(run):
    assert run("--version").stdout == f"grader {__version__}\n"


def test_no_arguments_print_help_and_end_with_2(run):
    result = run()
    assert result.exit_code == 2
    assert "Usage" in result.output


@pytest.mark.parametrize("arguments", [["nothing"], ["quiz"], ["quiz", "check"], ["serve", "--port", "0"]])
def test_usage_mistakes_end_with_2(run, arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("serve", "(grader[mcp])"),
        ("batch", "256 unless named"),
        ("evaluate", "Gold labels, one a submission; - reads standard input"),
        ("calibrate", "Models that the grades were made with"),
        ("calibrate", "That the grades were made with; what ships unless named"),
    ],
)
def test_help_says_all_of_it(run, command, says):
    shown = re.sub(r"[\s│]+", "", run(command, "--help").stdout)
    assert says.replace(" ", "") in shown


@pytest.mark.parametrize("arguments", [["benchmarks/latency.py"], ["-m", "training.prepare"]])
def test_help_of_a_script_runs_nothing(arguments):
    before = sorted((ROOT / "benchmarks/results").iterdir())
    result = subprocess.run(  # noqa: S603 -- our own code
        [sys.executable, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: ")
    assert sorted((ROOT / "benchmarks/results").iterdir()) == before


def test_python_dash_m_is_the_same_program():
    result = subprocess.run(
        [sys.executable, "-m", "grader", "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout == f"grader {__version__}\n"


def test_no_colour_is_printed_where_none_is_wanted(spawn, quiz):
    environment = {"NO_COLOR": "1", "FORCE_COLOR": "1"}
    process = spawn("grade", "--quiz", quiz, "--question", "q-1", "correct", env=environment)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
    assert not re.search(rb"\x1b\[(?:\d;)*[39][0-7]", out)
