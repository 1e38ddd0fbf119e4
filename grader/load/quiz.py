"""Quiz files: ``data/quizzes/<id>.yaml``."""

from __future__ import annotations

from pathlib import Path

from grader.errors import Fault, FileFaultsError
from grader.load.fileformat import AnyQuestion, FreeQuestion, Languages, QuizFile
from grader.load.validation import repeated_ids, validate, written_langs
from grader.load.yamltree import Document, read_document
from grader.schema import LANGS, Question, Quiz


def load_quiz(path: Path | str) -> Quiz:
    """Read a quiz.

    Args:
        path: A YAML file of at most 2 MB, UTF-8.

    Raises:
        FileFaultsError: With everything that is wrong, each with file, line and field.
    """
    quiz, faults = parse_quiz(read_document(path))
    if quiz is None:
        raise FileFaultsError(faults)
    return quiz


def parse_quiz(document: Document) -> tuple[Quiz | None, tuple[Fault, ...]]:
    """Turn a document into a quiz, or into every fault that it has; never into both."""
    data = document.data
    if not isinstance(data, dict):
        return None, (*document.faults, document.fault((), "expected a quiz: a mapping with schema, id, questions"))
    languages = _languages(data)
    found, faults = validate(QuizFile, document, (), data, languages)
    faults += repeated_ids(document, ("questions",), data.get("questions"))
    faults += document.faults
    if found is None or faults:
        return None, tuple(sorted(faults, key=lambda fault: fault.line or 0))
    quiz = Quiz(
        id=found.id,
        title=found.title.by_language(),
        langs=languages.langs,
        questions=tuple(_question(question) for question in found.questions),
        digest=document.digest,
    )
    return quiz, ()


def _languages(data: dict[str, object]) -> Languages:
    declared = next((lang for lang in LANGS if data.get("lang") == lang), None)
    return Languages((declared,) if declared else written_langs(data) or LANGS, declared)


def _question(question: AnyQuestion) -> Question:
    return Question(
        id=question.id,
        type=question.type,
        prompt=question.prompt.by_language(),
        title=question.title.by_language(),
        reference=question.reference.by_language() if isinstance(question, FreeQuestion) else {},
        choices=() if isinstance(question, FreeQuestion) else tuple(text.by_language() for text in question.choices),
        answer=() if isinstance(question, FreeQuestion) else tuple(question.answer),
        explanation=question.explanation.by_language(),
        fact=question.fact,
    )
