"""The JSON Schemas that editors use say what the loaders do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.load import schema_drift, write_schemas
from grader.resources import bundled_quizzes

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schema"


def test_the_exported_schemas_are_current():
    assert schema_drift(SCHEMAS) == []


def test_drift_is_noticed(tmp_path):
    written = write_schemas(tmp_path)
    assert schema_drift(tmp_path) == []
    written[0].write_text(written[0].read_text().replace('"Text"', '"Texte"', 1))
    written[1].unlink()
    changed, missing = schema_drift(tmp_path)
    assert (changed.path, missing.path) == (str(written[0]), str(written[1]))
    assert changed.line is not None


def test_every_field_is_described():
    for name in ("quiz.schema.json", "rubric.schema.json"):
        schema = json.loads((SCHEMAS / name).read_text())
        for model in [schema, *schema["$defs"].values()]:
            for field in model.get("properties", {}).values():
                assert field["description"]


@pytest.mark.parametrize(
    "path",
    [*bundled_quizzes(), *sorted((ROOT / "rubrics").glob("*.yaml"))],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_course_files_name_their_schema_for_editors(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = (path.parent / first.partition("=")[2]).resolve()
    kind = "rubric" if path.parent.name == "rubrics" else "quiz"
    assert schema == SCHEMAS / f"{kind}.schema.json"
