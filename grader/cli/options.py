"""Options that several commands share, and the files they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.judge.settings import JudgeSettings, When
from grader.model_attention import Attention
from grader.schema import Lang, Rubric
from grader.tiers import Tier

if TYPE_CHECKING:
    from grader.doubt import Doubt
    from grader.grade import Grader
    from grader.schema import Quiz

QuizOption = Annotated[str, typer.Option("--quiz", metavar="QUIZ", help="Id of a quiz, or path of its YAML file.")]
RubricsOption = Annotated[
    Path | None, typer.Option("--rubrics", metavar="FILE", help="Rubric file; the one beside the quiz unless named.")
]
TierOption = Annotated[
    Tier,
    typer.Option(
        "--tier",
        help="Models to grade with: embedded needs no model hub; accurate reads with mpnet too, 440 MB from the hub.",
    ),
]
AttentionOption = Annotated[
    Attention,
    typer.Option("--attention", help="What models compute attention with: PyTorch's kernel, or grader.attention."),
]
LangOption = Annotated[Lang | None, typer.Option("--lang", help="Language of the answer; detected unless named.")]
JudgeOption = Annotated[
    str,
    typer.Option(
        "--judge",
        metavar="JUDGE",
        help="A language model asked too: none, local (ours, on this machine), prompt (its untrained base), or the "
        "URL of an OpenAI-compatible server, whose key is read from GRADER_JUDGE_KEY.",
    ),
]
JudgeWhenOption = Annotated[
    When, typer.Option("--judge-when", help="Ask about every answer, or where the tier alone would want a review.")
]
JudgeMaxCallsOption = Annotated[
    int | None,
    typer.Option("--judge-max-calls", metavar="N", min=0, help="Answers to ask the judge about at most."),
]
JudgeModelOption = Annotated[
    str | None, typer.Option("--judge-model", metavar="NAME", help="Model of the server; the only one unless named.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_grader(
    quiz: Quiz,
    rubric: Rubric,
    *,
    tier: Tier,
    attention: Attention = "sdpa",
    doubt: Doubt | None = None,
    judge: JudgeSettings | None = None,
) -> Grader:
    """Open the grader that a command's options ask for.

    Raises:
        ModelUnavailableError: A model or the judge cannot be had.
    """
    from grader.grade import Grader

    return Grader.open(quiz, rubric, tier=tier, attention=attention, doubt=doubt, judge=judge)


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
