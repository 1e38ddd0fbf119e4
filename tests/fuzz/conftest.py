"""How many files are generated, and where the one under test is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from near_valid import File

Check = Callable[[Path], None]


@pytest.fixture
def search(tmp_path: Path) -> Callable[[st.SearchStrategy[File], Check, int], None]:
    """Write so many generated files, one after another, and check each.

    A short search draws the same files every time, so that a change is judged by itself; a long one always new ones.
    """

    def search(files: st.SearchStrategy[File], check: Check, count: int, *, long: bool) -> None:
        done = 0

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=not long,
            suppress_health_check=list(HealthCheck),
        )
        @given(files)
        def run(file: File) -> None:
            nonlocal done
            done += 1
            path = tmp_path / file.name
            path.write_bytes(file.content)
            check(path)

        run()
        assert done >= count

    return search
