"""JSON Schemas of the quiz and rubric files, for editors that complete and check YAML."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from grader.errors import Fault
from grader.generated import find_drift, write_generated
from grader.load.fileformat import QuizFile, RubricFile

SCHEMAS: dict[str, type[BaseModel]] = {"quiz.schema.json": QuizFile, "rubric.schema.json": RubricFile}


def schema_text(model: type[BaseModel]) -> str:
    """Render a file format's JSON Schema as the text of a file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | model.model_json_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(out_dir: Path | str) -> list[Path]:
    """Write ``quiz.schema.json`` and ``rubric.schema.json`` into a folder, and list them.

    Raises:
        GraderError: The folder cannot be written to.
    """
    return [write_generated(Path(out_dir) / name, schema_text(model)) for name, model in SCHEMAS.items()]


def schema_drift(out_dir: Path | str) -> list[Fault]:
    """Find schema files in a folder that are missing or out of date."""
    found = (find_drift(Path(out_dir) / name, schema_text(model), "the file format") for name, model in SCHEMAS.items())
    return [fault for fault in found if fault is not None]
