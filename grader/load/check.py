"""Checking quiz and rubric files together, whatever order they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from grader.errors import Fault, FileFaultsError
from grader.load.quiz import load_quiz, parse_quiz
from grader.load.rubric import parse_rubric
from grader.load.yamltree import Document, read_document
from grader.resources import find_quiz_of_rubric
from grader.schema import Quiz

_QUIZ_KEYS = frozenset({"schema", "questions", "title"})


def check_files(paths: Sequence[Path | str]) -> tuple[Fault, ...]:
    """Check quiz and rubric files; each is recognised by what it holds.

    A rubric is checked against its quiz: one of the files given, or else the one that it is named after, beside it
    or bundled.

    Args:
        paths: YAML files.

    Returns:
        Every fault of every file, in the order given; none where all is well.
    """
    faults: dict[str, tuple[Fault, ...]] = {str(path): () for path in paths}
    quizzes: dict[str, Quiz | None] = {}
    rubrics: list[Document] = []
    for name in faults:
        try:
            document = read_document(name)
        except FileFaultsError as error:
            faults[name] = error.faults
            quizzes[Path(name).stem] = quizzes.get(Path(name).stem)
            continue
        if not _is_quiz(document):
            rubrics.append(document)
            continue
        quiz, faults[name] = parse_quiz(document)
        quizzes[quiz.id if quiz else Path(name).stem] = quiz
    for document in rubrics:
        quiz, missing = _quiz_of(document, quizzes)
        faults[document.path] = (*missing, *parse_rubric(document, quiz)[1])
    return tuple(fault for found in faults.values() for fault in found)


def _is_quiz(document: Document) -> bool:
    return not isinstance(document.data, dict) or not _QUIZ_KEYS.isdisjoint(document.data)


def _quiz_of(document: Document, quizzes: Mapping[str, Quiz | None]) -> tuple[Quiz | None, list[Fault]]:
    """Find a rubric's quiz; a faulty one among the files given speaks for itself."""
    path = Path(document.path)
    if path.stem in quizzes:
        return quizzes[path.stem], []
    found = find_quiz_of_rubric(path)
    if found is None:
        message = f"no quiz '{path.stem}' belongs to this rubric: check it together with its quiz file"
        return None, [Fault(document.path, None, "", message)]
    try:
        return load_quiz(found), []
    except FileFaultsError:
        return None, [Fault(document.path, None, "", f"its quiz {found} has faults: check that file too")]
