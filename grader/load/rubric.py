"""Rubric files: ``rubrics/<quiz id>.yaml``."""

from __future__ import annotations

import re
from pathlib import Path

from grader.errors import Fault, FileFaultsError
from grader.load.faults import Place, shown, suggestion
from grader.load.fileformat import ID_PATTERN, Languages, QuestionRubricFile
from grader.load.validation import repeated_ids, validate, written_langs
from grader.load.yamltree import Document, read_document
from grader.schema import LANGS, Criterion, Misconception, QuestionRubric, Quiz, Rubric


def load_rubric(path: Path | str, quiz: Quiz) -> Rubric:
    """Read the rubric of a quiz.

    Args:
        path: A YAML file of at most 2 MB, UTF-8.
        quiz: Its free questions are what a rubric may be about, its languages what texts must be in.

    Raises:
        FileFaultsError: With everything that is wrong, each with file, line and field.
    """
    rubric, faults = parse_rubric(read_document(path), quiz)
    if rubric is None:
        raise FileFaultsError(faults)
    return rubric


def parse_rubric(document: Document, quiz: Quiz | None) -> tuple[Rubric | None, tuple[Fault, ...]]:
    """Turn a document into a rubric, or into every fault that it has; never into both.

    Args:
        document: The rubric file.
        quiz: Its quiz; where it is unknown, question ids go unchecked.
    """
    data = document.data
    if not isinstance(data, dict) or not data:
        return None, (*document.faults, document.fault((), "expected a rubric: a mapping from question id to criteria"))
    languages = _languages(data, quiz)
    faults = list(document.faults)
    questions: dict[str, QuestionRubric] = {}
    for key, value in data.items():
        found, wrong = validate(QuestionRubricFile, document, (key,), value, languages)
        faults += wrong + _check_key(document, (key,), key, quiz)
        if isinstance(value, dict):
            faults += repeated_ids(document, (key, "criteria"), value.get("criteria"))
            faults += repeated_ids(document, (key, "misconceptions"), value.get("misconceptions"))
        if found is not None:
            questions[key] = _question_rubric(found)
    if faults:
        return None, tuple(sorted(faults, key=lambda fault: fault.line or 0))
    return Rubric(questions, document.digest), ()


def _languages(data: object, quiz: Quiz | None) -> Languages:
    langs = quiz.langs if quiz else written_langs(data) or LANGS[:1]
    return Languages(langs, langs[0] if len(langs) == 1 else None)


def _check_key(document: Document, place: Place, key: str, quiz: Quiz | None) -> list[Fault]:
    if not re.fullmatch(ID_PATTERN, key):
        return [document.fault(place, f"expected a question id; got {shown(key)}")]
    if quiz is None:
        return []
    question = quiz.question(key)
    if question is None:
        hint = suggestion(key, [question.id for question in quiz.questions if question.type == "free"])
        return [document.fault(place, f"the quiz {shown(quiz.id)} has no question {shown(key)}{hint}")]
    if question.type != "free":
        return [document.fault(place, f"{shown(key)} is a {question.type} question; only free ones have rubrics")]
    return []


def _question_rubric(found: QuestionRubricFile) -> QuestionRubric:
    criteria = tuple(
        Criterion(item.id, item.points, item.statement.by_language(), item.accept.by_language())
        for item in found.criteria
    )
    misconceptions = tuple(
        Misconception(item.id, item.statement.by_language(), item.feedback.by_language())
        for item in found.misconceptions
    )
    full = sum(criterion.points for criterion in criteria) if found.max_points is None else found.max_points
    return QuestionRubric(criteria, misconceptions, full)
