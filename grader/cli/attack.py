"""What ``grader quiz check --attack`` does: attack an author's quiz and say where it is weak."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.attacks import INJECTION, Result, Row, attack, count, make_cases, sample, table
from grader.cli.console import messages, print_json, results
from grader.errors import FileFaultsError, GraderError
from grader.plain import clean_line
from grader.schema import Grade, Quiz, Rubric

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from grader.grade import Grader

OpenGrader = Callable[[Quiz, Rubric], "Grader"]
PER_ATTACK = 10  # cases of one attack and language


def attack_files(files: Sequence[Path], max_moved: float, open_grader: OpenGrader, *, as_json: bool) -> bool:
    """Attack the quizzes among some files that have no faults, and print what came of it.

    Args:
        files: Quizzes and rubrics; a rubric alone stands for its quiz.
        max_moved: Share of all cases but injections that may move the wrong way, 0 to 1.
        open_grader: Opens the grader to attack.
        as_json: Print one JSON object.

    Returns:
        Whether all is well: no injection raised a grade, and no larger share than ``max_moved`` moved.

    Raises:
        GraderError: No quiz has a free question.
    """
    found = [result for quiz, rubric in _courses(files) for result in _attacked(quiz, rubric, open_grader)]
    if not found:
        raise GraderError("there is nothing to attack: no quiz among these files has a free question")
    raised, moved = (
        count("injections", "", [result for result in found if _orders(result)]),
        count("other attacks", "", [result for result in found if not _orders(result)]),
    )
    _refuse_silent_judge(found)
    weak = [result for result in found if result.wrong]
    if as_json:
        rows = [dataclasses.asdict(row) for row in (*table(found), raised, moved)]
        print_json({"faults": [], "attacks": rows, "weak": [_record(result) for result in weak]})
    else:
        console = results()
        console.print(_table([*table(found), raised, moved]))
        console.print(*_weak_lines(weak), sep="\n", soft_wrap=True)
    return raised.wrong == 0 and moved.share <= max_moved


def _courses(files: Sequence[Path]) -> Iterator[tuple[Quiz, Rubric]]:
    from grader.load import load_quiz, load_rubric
    from grader.resources import find_quiz_of_rubric, find_rubric

    quizzes: dict[str, tuple[Path, Quiz]] = {}
    rubrics: dict[str, Path] = {}
    for path in files:
        try:
            quiz = load_quiz(path)
            quizzes[quiz.id] = path, quiz
        except FileFaultsError:  # a rubric, since the file has no faults of its own
            rubrics[path.stem] = path
    for name, path in rubrics.items():
        if name not in quizzes and (home := find_quiz_of_rubric(path)):
            quizzes[name] = home, load_quiz(home)
    for name, (path, quiz) in quizzes.items():
        rubric = rubrics.get(name) or find_rubric(path, quiz.id)
        yield quiz, load_rubric(rubric, quiz) if rubric else Rubric()


def _attacked(quiz: Quiz, rubric: Rubric, open_grader: OpenGrader) -> list[Result]:
    cases = sample(make_cases(quiz, rubric), PER_ATTACK)
    if not cases:
        return []
    messages().print(f"attacking {quiz.id} with {len(cases)} answers")
    return attack(cases, open_grader(quiz, rubric))


def _orders(result: Result) -> bool:
    return result.case.attack.startswith(INJECTION)


def _refuse_silent_judge(found: Sequence[Result]) -> None:
    """See that the judge answered: a grade that is the tier's alone says nothing about the judge.

    Raises:
        GraderError: It gave no verdict on some answers.
    """
    notes = [result.outcome.judge for result in found if isinstance(result.outcome, Grade) and result.outcome.judge]
    silent = [note for note in notes if note.status == "unscored"]
    if silent:
        raise GraderError(f"the judge gave no verdict on {len(silent)} of {len(notes)} answers: {silent[0].reason}")


def _table(rows: Sequence[Row]) -> Table:
    from rich.table import Table

    shown = Table("attack", "lang", title="Grades that moved the wrong way [95 % interval]", title_justify="left")
    for column in ("cases", "wrong", "share"):
        shown.add_column(column, justify="right")
    for row in rows:
        share = f"{row.share:.2f} [{row.low:.2f}, {row.high:.2f}]" if row.cases else "–"
        shown.add_row(row.attack, row.lang, str(row.cases), str(row.wrong), share)
    return shown


def _place(result: Result) -> str:
    case = result.case
    detail = case.detail if case.attack.startswith(INJECTION) or not case.detail else f"criterion {case.detail}"
    return ", ".join(filter(None, (case.question_id, case.lang, case.attack, detail)))


def _weak_lines(weak: Sequence[Result]) -> Iterator[Text]:
    from rich.text import Text

    for result in weak:
        yield Text(f"{clean_line(_place(result))}: {result.case.expect}, but is {_told(result)}")
        yield Text(f"    «{clean_line(result.case.answer)}»")


def _told(result: Result) -> str:
    outcome = result.outcome
    return f"{outcome.verdict}, score {outcome.score:g}" if isinstance(outcome, Grade) else clean_line(outcome.reason)


def _record(result: Result) -> dict[str, object]:
    outcome = result.outcome
    verdict = outcome.verdict.value if isinstance(outcome, Grade) else None
    return dataclasses.asdict(result.case) | {"verdict": verdict, "score": getattr(outcome, "score", None)}
