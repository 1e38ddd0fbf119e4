"""Questions and the answers that a person judged, for benchmarks that grade them."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from grader.schema import LANGS, Criterion, Misconception, Question, QuestionRubric, Quiz, Rubric

QUESTIONS, ANSWERS = "questions.yaml", "answers.jsonl"  # ends of the two files' names, which are alike before


def read_labelled(questions: Path) -> tuple[Quiz, Rubric, list[dict]]:
    """Read questions with criteria as one quiz, and the answers beside them with their labels as they stand there."""
    answers = questions.with_name(questions.name.removesuffix(QUESTIONS) + ANSWERS)
    asked, rubrics = [], {}
    for row in yaml.safe_load(questions.read_text(encoding="utf-8")):
        reference = {lang: tuple(texts) for lang, texts in row["reference"].items()}
        asked.append(Question(row["id"], "free", row["prompt"], reference=reference))
        criteria = tuple(Criterion(c["id"], float(c["points"]), c["statement"]) for c in row["criteria"])
        beliefs = tuple(Misconception(m["id"], m["statement"]) for m in row.get("misconceptions", ()))
        rubrics[row["id"]] = QuestionRubric(criteria, beliefs, sum(c.points for c in criteria))
    rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    return Quiz(questions.parent.name, {}, LANGS, tuple(asked), ""), Rubric(rubrics), rows
