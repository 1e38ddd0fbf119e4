"""Run the README's marked console blocks and put what they print below each command: ``python docs/refresh_readme.py``.

A block is run where ``<!-- run -->`` stands on the line before it. Commands start with ``$``; one that ends in a
backslash goes on in the next line. All of them run in the repository's root, with the commands of this environment.
"""

# ruff: noqa: INP001 -- a script beside what it writes about

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- run -->\n```console\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (?:.*\\\n)*.*\n", re.MULTILINE)


def run(command: str) -> str:
    """Run a command as typed, and return it with all that it prints."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(  # noqa: S603 -- the README's own commands
        ["/bin/bash", "-c", command.removeprefix("$ ")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(f"{command.strip()}\n  exit code {done.returncode}", file=sys.stderr)  # noqa: T201
    return command + "".join(f"{line.rstrip()}\n" for line in done.stdout.strip("\n").splitlines())


def refresh(text: str) -> str:
    """Replace the output in every marked block."""
    return BLOCK.sub(lambda block: block[1] + "".join(map(run, COMMAND.findall(block[2]))) + block[3], text)


readme = ROOT / "README.md"
readme.write_text(refresh(readme.read_text(encoding="utf-8")), encoding="utf-8")
