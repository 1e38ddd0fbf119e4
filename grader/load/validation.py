"""From what pydantic finds to faults with file, line, field and the value received."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from grader.errors import Fault
from grader.load.faults import Place, shown, suggestion
from grader.load.fileformat import COURSE_FILE, FreeQuestion, Languages, MultipleQuestion, SingleQuestion
from grader.load.yamltree import Document
from grader.schema import LANGS, Lang

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

_QUESTIONS: Mapping[str, type[BaseModel]] = {
    "free": FreeQuestion,
    "single": SingleQuestion,
    "multiple": MultipleQuestion,
}
_TYPES = "free, single or multiple"
_WORDING = {
    COURSE_FILE: "{message}",
    "missing": "is required",
    "string_type": "expected text; got {received}; put it in quotes if it is meant as text",
    "string_pattern_mismatch": "expected an id of a-z, 0-9, '-', '_', '.', a letter or digit first; got {received}",
    "model_type": "expected a mapping; got {received}",
    "model_attributes_type": "expected a mapping; got {received}",
    "list_type": "expected a list; got {received}",
    "too_short": "expected at least {limits[min_length]} of them; got {received}",
    "greater_than": "expected a number above {limits[gt]:g}; got {received}",
    "greater_than_equal": "expected a number from {limits[ge]} up; got {received}",
}


def validate(
    model: type[Model], document: Document, place: Place, value: object, languages: Languages
) -> tuple[Model | None, list[Fault]]:
    """Check one part of a document against its model.

    Args:
        model: What the part should be.
        document: The file, for lines and its own faults.
        place: Where the part stands in it.
        value: The part.
        languages: What its texts must be written in.

    Returns:
        The model and no faults, or ``None`` and every fault that the YAML itself does not explain.
    """
    try:
        return model.model_validate(value, context=languages), []
    except ValidationError as error:
        faults = []
        for details in error.errors(include_url=False):
            below, message = _describe(model, details)
            if not document.spoils((*place, *below)):
                faults.append(document.fault((*place, *below), message))
        return None, faults


def written_langs(data: object) -> tuple[Lang, ...]:
    """List the languages that the texts of a document name."""
    found: set[str] = set()
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.update(key for key in value if key in LANGS)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return tuple(lang for lang in LANGS if lang in found)


def repeated_ids(document: Document, place: Place, items: object) -> list[Fault]:
    """Find ids that occur again in a list of mappings; what is not such a list is none of its business."""
    first: dict[str, int | None] = {}
    faults = []
    for index, item in enumerate(items if isinstance(items, list) else ()):
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        here = (*place, index, "id")
        if name in first:
            faults.append(document.fault(here, f"the id {shown(name)} already stands on line {first[name]}"))
        first.setdefault(name, document.lines.get(here))
    return faults


def _describe(model: type[BaseModel], details: ErrorDetails) -> tuple[Place, str]:
    """Name the place below the model and word what is wrong there."""
    place, kind = _place(details), details["type"]
    if kind == "extra_forbidden":
        return place, _unknown_key(_model_at(model, place[:-1], details), str(place[-1]))
    if kind == "union_tag_not_found":
        return (*place, "type"), f"is required: {_TYPES}"
    if kind == "union_tag_invalid":
        tag = details["ctx"]["tag"]
        return (*place, "type"), f"expected {_TYPES}; got {shown(tag)}{suggestion(tag, _QUESTIONS)}"
    wording = _WORDING.get(kind, "{message}; got {received}")
    received = shown(details["input"])
    return place, wording.format(message=details["msg"], received=received, limits=details.get("ctx", {}))


def _place(details: ErrorDetails) -> Place:
    """Take pydantic's location without the question type that it puts after a question's index."""
    place = details["loc"]
    if len(place) > 2 and place[0] == "questions" and place[2] in _QUESTIONS:  # noqa: PLR2004
        return (*place[:2], *place[3:])
    return place


def _unknown_key(model: type[BaseModel], key: str) -> str:
    known = [field.alias or name for name, field in model.model_fields.items()]
    others = {name for question in _QUESTIONS.values() for name in question.model_fields}
    if model in _QUESTIONS.values() and key in others:
        kind = next(name for name, question in _QUESTIONS.items() if question is model)
        return f"a {kind} question has no '{key}'"
    return f"unknown key {shown(key)}{suggestion(key, known)}"


def _model_at(model: type[BaseModel], place: Place, details: ErrorDetails) -> type[BaseModel]:
    """Follow a location from a model to the model of the mapping there."""
    if details["loc"][:1] == ("questions",) and len(details["loc"]) > 2:  # noqa: PLR2004
        model, place = _QUESTIONS[str(details["loc"][2])], place[2:]
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
