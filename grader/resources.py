"""Where the bundled quizzes and rubrics are: inside an installed package, or in the checkout."""

from __future__ import annotations

import contextlib
import difflib
import re
from pathlib import Path

from grader.errors import GraderError

_PACKAGE = Path(__file__).resolve().parent
_QUIZ_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")


def bundled_quizzes() -> tuple[Path, ...]:
    """List the quiz files that came with the grader, by name."""
    return tuple(sorted(_quizzes_folder().glob("*.yaml")))


def find_quiz(name_or_path: str | Path) -> Path:
    """Find a quiz by the id of a bundled one, or by the path of any.

    Raises:
        GraderError: Neither exists; the message lists the bundled ids.
    """
    name = str(name_or_path)
    candidates = [Path(name_or_path)]
    if _QUIZ_ID.fullmatch(name):
        candidates.insert(0, _quizzes_folder() / f"{name}.yaml")
    for path in candidates:
        if _holds_a_file(path):
            return path
    known = [quiz.stem for quiz in bundled_quizzes()]
    near = difflib.get_close_matches(name[:200], known, n=1)
    wrong = f"{name[:200]!r} is a folder" if _is_folder(Path(name_or_path)) else f"no quiz {name[:200]!r}"
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise GraderError(f"{wrong}: give the path of a YAML file, or one of {', '.join(known)}{hint}")


def find_rubric(quiz_path: Path, quiz_id: str) -> Path | None:
    """Find the rubric that belongs to a quiz, or ``None`` where it has none.

    Args:
        quiz_path: The quiz file; rubrics are looked for in ``rubrics`` beside it, and one or two folders up.
        quiz_id: Its id, the name of the rubric file; the bundled rubrics come last.
    """
    return _first_file([*_around(quiz_path, "rubrics"), _rubrics_folder()], f"{quiz_id}.yaml")


def find_quiz_of_rubric(rubric_path: Path) -> Path | None:
    """Find the quiz that a rubric file is named after, or ``None`` where there is none."""
    near = [*_around(rubric_path, "quizzes"), *_around(rubric_path, "data/quizzes"), rubric_path.parent]
    found = _first_file([*near, _quizzes_folder()], rubric_path.name)
    return None if found is not None and found.resolve() == rubric_path.resolve() else found


def _around(path: Path, name: str) -> list[Path]:
    folder = path.absolute().parent
    return [parent / name for parent in (folder, *list(folder.parents)[:2])]


def _first_file(folders: list[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if _holds_a_file(folder / name)), None)


def _holds_a_file(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a name that no file system would take names no file
        return path.exists() and not path.is_dir()
    return False


def _is_folder(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return path.is_dir()
    return False


def _quizzes_folder() -> Path:
    return _data_folder("quizzes", "data/quizzes")


def _rubrics_folder() -> Path:
    return _data_folder("rubrics", "rubrics")


def _data_folder(packaged: str, in_checkout: str) -> Path:
    installed = _PACKAGE / "_data" / packaged
    folder = installed if installed.is_dir() else _PACKAGE.parent / in_checkout
    if not folder.is_dir():
        raise GraderError(f"the grader's own {packaged} are missing from {installed}: install it again")
    return folder
