"""Options that several commands share, and the files they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.schema import Lang, Rubric

if TYPE_CHECKING:
    from grader.schema import Quiz

Tier = Literal["embedded"]

QuizOption = Annotated[str, typer.Option("--quiz", metavar="QUIZ", help="Id of a quiz, or path of its YAML file.")]
RubricsOption = Annotated[
    Path | None, typer.Option("--rubrics", metavar="FILE", help="Rubric file; the one beside the quiz unless named.")
]
TierOption = Annotated[Tier, typer.Option("--tier", help="Models to grade with; embedded needs no model hub.")]
LangOption = Annotated[Lang | None, typer.Option("--lang", help="Language of the answer; detected unless named.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_course(quiz: str, rubrics: Path | None) -> tuple[Quiz, Rubric]:
    """Load a quiz by id or path, with the rubric named or the one that belongs to it.

    Raises:
        GraderError: A file is missing or faulty.
    """
    from grader.load import load_quiz, load_rubric
    from grader.resources import find_quiz, find_rubric

    path = find_quiz(quiz)
    course = load_quiz(path)
    rubric_path = rubrics or find_rubric(path, course.id)
    return course, Rubric() if rubric_path is None else load_rubric(rubric_path, course)
