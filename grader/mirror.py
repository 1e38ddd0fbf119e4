"""Readable Markdown mirrors of quizzes, one a language.

A mirror is generated and never edited. Texts are escaped, so nothing in a quiz file can become markup of its own.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.errors import Fault
from grader.generated import find_drift, write_generated
from grader.load import load_quiz, load_rubric
from grader.resources import find_rubric
from grader.schema import Lang, Question, QuestionRubric, Quiz, Rubric

_LANGUAGE_NAMES: dict[Lang, str] = {"en": "English", "es": "Español"}
_LABELS: dict[Lang, dict[str, str]] = {
    "en": {
        "generated": "Generated from {file} by `grader quiz mirror`; edit that file instead.",
        "question": "Question {number}",
        "free": "free answer",
        "single": "one right choice",
        "multiple": "several right choices possible",
        "answer": "Answer",
        "key": "Right",
        "reference": "Full-mark answers",
        "why": "Why",
        "criteria": "Criteria ({points} in all)",
        "point": "{points} point",
        "points": "{points} points",
        "accept": "Also accepted",
        "misconceptions": "Common misconceptions",
    },
    "es": {
        "generated": "Generado a partir de {file} con `grader quiz mirror`; los cambios se hacen en ese archivo.",
        "question": "Pregunta {number}",
        "free": "respuesta libre",
        "single": "una sola opción correcta",
        "multiple": "puede haber varias opciones correctas",
        "answer": "Respuesta",
        "key": "Correcto",
        "reference": "Respuestas de máxima puntuación",
        "why": "Por qué",
        "criteria": "Criterios ({points} en total)",
        "point": "{points} punto",
        "points": "{points} puntos",
        "accept": "También se acepta",
        "misconceptions": "Errores frecuentes",
    },
}
_MARKUP = re.compile(r"([\\`*_{}\[\]|~$@])")
_AT_START = re.compile(r"\A(\d{1,9}(?=[.)])|(?=[#+=-]))(.)")


def mirror_name(quiz_id: str, lang: Lang) -> str:
    """Name the mirror of a quiz: ``<quiz>.md`` in English, ``<quiz>.es.md`` in Spanish."""
    return f"{quiz_id}.md" if lang == "en" else f"{quiz_id}.{lang}.md"


def render_mirror(quiz: Quiz, rubric: Rubric, lang: Lang) -> str:
    """Write a quiz as Markdown in one of its languages, answers behind ``<details>``."""
    labels = _LABELS[lang]
    source = f"data/quizzes/{quiz.id}.yaml"
    blocks = [f"<!-- {labels['generated'].format(file=source)} -->"]
    if len(quiz.langs) > 1:
        blocks.append(" · ".join(_switch(quiz.id, other, lang) for other in quiz.langs))
    blocks.append(f"# {escape(quiz.title[lang])}")
    for number, question in enumerate(quiz.questions, start=1):
        blocks += _question(number, question, rubric.questions.get(question.id), lang)
    return "\n\n".join(blocks) + "\n"


def write_mirrors(quiz_path: Path | str, out_dir: Path | str) -> list[Path]:
    """Write the mirrors of a quiz into a folder, and list them.

    Raises:
        FileFaultsError: The quiz or its rubric is faulty.
        GraderError: The folder cannot be written to.
    """
    return [write_generated(Path(out_dir) / name, text) for name, text in _mirrors(quiz_path)]


def drift(quiz_path: Path | str, out_dir: Path | str) -> list[Fault]:
    """Find mirrors that are missing or differ from what their quiz says now.

    Raises:
        FileFaultsError: The quiz or its rubric is faulty.
    """
    found = (find_drift(Path(out_dir) / name, text, str(quiz_path)) for name, text in _mirrors(quiz_path))
    return [fault for fault in found if fault is not None]


def escape(text: str) -> str:
    """Make a text plain Markdown on one line: no markup, no HTML, no block that starts in it."""
    flat = html.escape(" ".join(text.split()), quote=False)
    marked = _MARKUP.sub(r"\\\1", flat)
    return _AT_START.sub(r"\1\\\2", marked)


def _mirrors(quiz_path: Path | str) -> Iterator[tuple[str, str]]:
    quiz = load_quiz(quiz_path)
    rubric_path = find_rubric(Path(quiz_path), quiz.id)
    rubric = Rubric() if rubric_path is None else load_rubric(rubric_path, quiz)
    for lang in quiz.langs:
        yield mirror_name(quiz.id, lang), render_mirror(quiz, rubric, lang)


def _switch(quiz_id: str, lang: Lang, current: Lang) -> str:
    name = _LANGUAGE_NAMES[lang]
    return f"**{name}**" if lang == current else f"[{name}]({mirror_name(quiz_id, lang)})"


def _question(number: int, question: Question, rubric: QuestionRubric | None, lang: Lang) -> Iterator[str]:
    labels = _LABELS[lang]
    heading = labels["question"].format(number=number)
    if question.title:
        heading += f". {escape(question.title[lang])}"
    yield f"## {heading}"
    yield f"`{question.id}` · {labels[question.type]}"
    yield from _paragraphs(question.prompt[lang])
    if question.choices:
        yield "\n".join(f"{key}. {escape(choice[lang])}" for key, choice in enumerate(question.choices, start=1))
    yield f"<details>\n<summary>{labels['answer']}</summary>"
    if question.choices:
        yield f"**{labels['key']}:** {', '.join(map(str, question.answer))}"
    if question.reference:
        yield f"**{labels['reference']}**"
        yield _bullets(question.reference[lang])
    if question.explanation:
        yield f"**{labels['why']}**"
        yield from _paragraphs(question.explanation[lang])
    if rubric is not None:
        yield from _rubric(rubric, lang)
    yield "</details>"


def _rubric(rubric: QuestionRubric, lang: Lang) -> Iterator[str]:
    labels = _LABELS[lang]
    yield f"**{labels['criteria'].format(points=_points(rubric.max_points, lang))}**"
    lines = []
    for criterion in rubric.criteria:
        lines.append(f"- **{_points(criterion.points, lang)}** – {escape(criterion.statement[lang])}")
        if criterion.accept:
            lines.append(f"  - {labels['accept']}:")
            lines += [f"    - {escape(wording)}" for wording in criterion.accept[lang]]
    yield "\n".join(lines)
    if rubric.misconceptions:
        yield f"**{labels['misconceptions']}**"
        lines = []
        for belief in rubric.misconceptions:
            lines.append(f"- {escape(belief.statement[lang])}")
            if belief.feedback:
                lines.append(f"  - {escape(belief.feedback[lang])}")
        yield "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    return (escape(part) for part in re.split(r"\n\s*\n", text) if part.strip())


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {escape(text)}" for text in texts)


def _points(points: float, lang: Lang) -> str:
    number = f"{points:g}" if lang == "en" else f"{points:g}".replace(".", ",")
    return _LABELS[lang]["point" if points == 1 else "points"].format(points=number)
