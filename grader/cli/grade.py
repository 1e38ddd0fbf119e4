"""``grader grade``: one answer, graded and explained in the learner's language."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.console import print_json, results
from grader.cli.doubt import CalibrationOption, MaxErrorOption, open_doubt
from grader.cli.options import (
    AttentionOption,
    JsonOption,
    JudgeMaxCallsOption,
    JudgeModelOption,
    JudgeOption,
    JudgeWhenOption,
    LangOption,
    QuizOption,
    RubricsOption,
    TierOption,
    load_course,
    open_grader,
)
from grader.errors import GraderError
from grader.judge.settings import choose_judge
from grader.language import detect
from grader.plain import clean, clean_line
from grader.schema import Grade, Lang, LocalText, QuestionRubric, Submission, Unscored, Verdict

if TYPE_CHECKING:
    from rich.text import Text

    from grader.schema import Quiz

_MAX_STDIN_BYTES = 4_000_000

_VERDICTS: dict[Verdict, dict[Lang, str]] = {
    Verdict.CORRECT: {"en": "Correct", "es": "Correcta"},
    Verdict.PARTIAL: {"en": "Partly correct", "es": "Parcialmente correcta"},
    Verdict.CONTRADICTORY: {"en": "Contradicts the right answer", "es": "Contradice la respuesta correcta"},
    Verdict.IRRELEVANT: {"en": "Does not answer the question", "es": "No responde a la pregunta"},
    Verdict.NON_DOMAIN: {"en": "Nothing to grade", "es": "Sin contenido que evaluar"},
}
_WORDS: dict[str, dict[Lang, str]] = {
    "points": {"en": "points", "es": "puntos"},
    "missing": {"en": "missing", "es": "falta"},
    "misconceptions": {"en": "Misconceptions", "es": "Ideas equivocadas"},
    "criteria": {"en": "Criteria", "es": "Criterios"},
    "confidence": {"en": "Confidence", "es": "Confianza"},
    "review": {"en": "a person should look at this answer", "es": "conviene que una persona revise esta respuesta"},
    "unscored": {"en": "Not graded", "es": "Sin calificar"},
    "judged": {"en": "Checked by a judge model", "es": "Revisada por un modelo juez"},
    "unjudged": {"en": "Not checked by the judge model", "es": "Sin revisar por el modelo juez"},
}
_STYLES = {Verdict.CORRECT: "bold green", Verdict.PARTIAL: "bold yellow"}

QuestionOption = Annotated[str, typer.Option("--question", metavar="ID", help="Id of the question answered.")]
AnswerArgument = Annotated[
    str, typer.Argument(metavar="ANSWER", help="The answer (2,3 for choices); - reads standard input.")
]


def grade(
    answer: AnswerArgument,
    *,
    quiz: QuizOption,
    question: QuestionOption,
    lang: LangOption = None,
    rubrics: RubricsOption = None,
    tier: TierOption = "embedded",
    attention: AttentionOption = "sdpa",
    calibration: CalibrationOption = None,
    max_error: MaxErrorOption = None,
    judge: JudgeOption = "none",
    judge_when: JudgeWhenOption = "unsure",
    judge_max_calls: JudgeMaxCallsOption = None,
    judge_model: JudgeModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Grade one answer and say why."""
    asked = choose_judge(judge, when=judge_when, max_calls=judge_max_calls, model=judge_model)
    course, rubric = load_course(quiz, rubrics)
    _require_question(course, question)
    text = _read_answer(answer)
    submission = Submission("answer", question, text, lang)
    written = lang if lang in course.langs else detect(text, course.langs)
    doubt = open_doubt(
        (course, rubric), tier=tier, judge=asked, calibration=calibration, max_error=max_error, lang=written
    )
    from grader.records import to_record

    grader = open_grader(course, rubric, tier=tier, attention=attention, doubt=doubt, judge=asked)
    (outcome,) = grader.grade([submission])
    if as_json:
        print_json(to_record(outcome))
    else:
        lines = _lines(outcome, rubric.questions.get(question), lang or course.langs[0])
        results().print(*lines, sep="\n", soft_wrap=True)
    if isinstance(outcome, Unscored):
        raise typer.Exit(1)


def _require_question(quiz: Quiz, question_id: str) -> None:
    if quiz.question(question_id) is None:
        known = ", ".join(question.id for question in quiz.questions)
        raise GraderError(f"quiz {quiz.id} has no question {question_id!r}; it has {known}")


def _read_answer(argument: str) -> str:
    if argument != "-":
        return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    data = sys.stdin.buffer.read(_MAX_STDIN_BYTES + 1)
    if len(data) > _MAX_STDIN_BYTES:
        raise GraderError(f"the answer on standard input is longer than {_MAX_STDIN_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise GraderError(f"the answer on standard input is not UTF-8: {error.reason} at byte {error.start}") from error


def _lines(outcome: Grade | Unscored, rubric: QuestionRubric | None, lang: Lang) -> Iterator[Text]:
    from rich.text import Text

    if isinstance(outcome, Unscored):
        yield Text.assemble((_WORDS["unscored"][lang], "bold"), f": {clean_line(outcome.reason)}")
        return
    lang = outcome.lang
    earned = _number(outcome.points, lang), _number(outcome.max_points, lang), _WORDS["points"][lang]
    yield Text.assemble(
        (_VERDICTS[outcome.verdict][lang], _STYLES.get(outcome.verdict, "bold red")), " · {} / {} {}".format(*earned)
    )
    if outcome.feedback:
        yield Text(clean(outcome.feedback))
    yield from _criteria_lines(outcome, rubric)
    yield from _misconception_lines(outcome, rubric)
    doubt = f" · {_WORDS['review'][lang]}" if outcome.needs_review else ""
    yield Text(f"{_WORDS['confidence'][lang]}: {outcome.confidence:.0%}{doubt}", style="dim")
    if outcome.judge is not None:
        note = outcome.judge
        words = _WORDS["judged" if note.status == "judged" else "unjudged"][lang]
        yield Text(clean_line(f"{words}: {note.reason or note.name}"), style="dim")


def _criteria_lines(outcome: Grade, rubric: QuestionRubric | None) -> Iterator[Text]:
    from rich.text import Text

    statements = {criterion.id: criterion.statement for criterion in rubric.criteria} if rubric else {}
    if outcome.criteria:
        yield Text(f"{_WORDS['criteria'][outcome.lang]}:")
    for criterion in outcome.criteria:
        statement = _local(statements.get(criterion.id, {}), outcome.lang) or criterion.id
        if criterion.met:
            yield Text.assemble(("  ✓ ", "green"), clean_line(statement))
            if criterion.evidence is not None:
                yield _quote(criterion.evidence.text)
        else:
            yield Text.assemble(("  ✗ ", "red"), f"{clean_line(statement)} ({_WORDS['missing'][outcome.lang]})")


def _misconception_lines(outcome: Grade, rubric: QuestionRubric | None) -> Iterator[Text]:
    from rich.text import Text

    known = {misconception.id: misconception for misconception in rubric.misconceptions} if rubric else {}
    if outcome.misconceptions:
        yield Text(f"{_WORDS['misconceptions'][outcome.lang]}:")
    for held in outcome.misconceptions:
        author = known.get(held.id)
        statement = _local(author.statement, outcome.lang) if author else held.id
        yield Text.assemble(("  ! ", "red"), clean_line(statement))
        if held.evidence is not None:
            yield _quote(held.evidence.text)
        told = _local(author.feedback, outcome.lang) if author else ""
        if told and told not in outcome.feedback:
            yield Text(f"    {clean_line(told)}")


def _quote(evidence: str) -> Text:
    from rich.text import Text

    return Text(f"      «{clean_line(evidence)}»", style="italic")


def _local(text: LocalText, lang: Lang) -> str:
    return text.get(lang) or next(iter(text.values()), "")


def _number(value: float, lang: Lang) -> str:
    return f"{value:g}".replace(".", ",") if lang == "es" else f"{value:g}"
