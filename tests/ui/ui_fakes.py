"""A quiz with canaries and a grader that needs no model: both known by heart by the tests of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader.schema import (
    CriterionGrade,
    Evidence,
    Grade,
    Lang,
    MisconceptionGrade,
    Outcome,
    Question,
    Quiz,
    Rubric,
    Submission,
    Unscored,
    Verdict,
)

# Nothing with this word in it may reach a browser before its question is answered.
CANARY = "canary"

QUIZ = """\
schema: 1
id: demo-attention
title: {en: "Attention, briefly", es: "Atención, en breve"}
questions:
  - id: q-free
    type: free
    title: {en: "FlashAttention is exact", es: "FlashAttention es exacta"}
    prompt:
      en: "A teammate says that tiling makes `softmax` approximate. Refute it in one sentence."
      es: "Una compañera dice que trabajar por bloques vuelve aproximada a `softmax`. Refútalo en una frase."
    reference:
      en: ["canary-reference-en: the online recurrence is an algebraic identity."]
      es: ["canary-reference-es: la recurrencia en línea es una identidad algebraica."]
    explanation:
      en: "canary-explanation-free-en: rescaling the running sum undoes the change of maximum."
      es: "canary-explanation-free-es: reescalar la suma deshace el cambio de máximo."
  - id: q-multiple
    type: multiple
    title: {en: "What stays in SRAM", es: "Qué queda en SRAM"}
    prompt: {en: "What never crosses to HBM?", es: "¿Qué no pasa nunca a HBM?"}
    choices:
      - {en: "The whole logits matrix", es: "La matriz de logits entera"}
      - {en: "The running maximum", es: "El máximo acumulado"}
      - {en: "The tile of logits", es: "El bloque de logits"}
    answer: [2, 3]
    explanation: {en: "canary-explanation-multiple-en", es: "canary-explanation-multiple-es"}
  - id: q-single
    type: single
    title: {en: "GQA cache", es: "Caché con GQA"}
    prompt: {en: "By what factor does the cache shrink?", es: "¿En qué factor se reduce la caché?"}
    choices: [{en: "2×", es: "2×"}, {en: "4×", es: "4×"}, {en: "8×", es: "8×"}]
    answer: [3]
    explanation: {en: "canary-explanation-single-en", es: "canary-explanation-single-es"}
"""

RUBRIC = """\
q-free:
  criteria:
    - id: identity
      points: 2
      statement: {en: "canary-identity-en: an algebraic identity", es: "canary-identity-es: una identidad algebraica"}
      accept: {en: ["identity"], es: ["identidad"]}
    - id: rounding
      points: 1
      statement: {en: "canary-rounding-en: up to rounding", es: "canary-rounding-es: salvo redondeo"}
      accept: {en: ["rounding"], es: ["redondeo"]}
  misconceptions:
    - id: lossy
      statement: {en: "Tiles are lossy", es: "Los bloques son lossy"}
      feedback: {en: "canary-feedback-en: nothing is dropped.", es: "canary-feedback-es: no se pierde nada."}
"""


def write_quiz(folder: Path) -> Path:
    """Write the quiz and its rubric where the loader expects them."""
    quizzes, rubrics = folder / "quizzes", folder / "rubrics"
    for made in (quizzes, rubrics):
        made.mkdir(parents=True, exist_ok=True)
    (rubrics / "demo-attention.yaml").write_text(RUBRIC, encoding="utf-8")
    quiz = quizzes / "demo-attention.yaml"
    quiz.write_text(QUIZ, encoding="utf-8")
    return quiz


class FakeGrader:
    """Meets a criterion where the answer has its first accepted word; the word is the evidence.

    Args:
        quiz: The quiz.
        rubric: Its rubric.
    """

    def __init__(self, quiz: Quiz, rubric: Rubric) -> None:
        self.quiz = quiz
        self.rubric = rubric

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order."""
        return [self._grade(submission) for submission in submissions]

    def _grade(self, submission: Submission) -> Outcome:
        question = self.quiz.question(submission.question_id)
        if question is None or submission.answer == "unscorable":
            return Unscored(submission.submission_id, submission.question_id, "nobody can tell")
        lang = submission.lang or "en"
        if question.type == "free":
            return self._grade_text(submission, question, str(submission.answer), lang)
        parts = submission.answer if isinstance(submission.answer, tuple) else submission.answer.split(",")
        picked, keys = {int(part) for part in parts}, set(question.answer)
        points = max(0.0, (len(picked & keys) - len(picked - keys)) / len(keys))
        return _outcome(submission, lang, points, 1.0, feedback="")

    def _grade_text(self, submission: Submission, question: Question, answer: str, lang: Lang) -> Grade:
        rubric = self.rubric.questions[question.id]
        criteria = []
        for criterion in rubric.criteria:
            found = _find(answer, criterion.accept[lang][0])
            points = criterion.points if found else 0.0
            criteria.append(CriterionGrade(criterion.id, found is not None, points, 0.9 if found else 0.1, found))
        held = [
            MisconceptionGrade(item.id, 0.8, found)
            for item in rubric.misconceptions
            if (found := _find(answer, item.statement[lang].split()[-1]))
        ]
        points = sum(criterion.points for criterion in criteria)
        return _outcome(
            submission,
            lang,
            points,
            rubric.max_points,
            criteria=tuple(criteria),
            misconceptions=tuple(held),
            feedback="Graded.",
        )


def open_fake(quiz: Quiz, rubric: Rubric) -> FakeGrader:
    """Open the fake grader."""
    return FakeGrader(quiz, rubric)


def _find(answer: str, word: str) -> Evidence | None:
    start = answer.lower().find(word.lower())
    return None if start < 0 else Evidence(answer[start : start + len(word)], start, start + len(word))


def _outcome(
    submission: Submission,
    lang: Lang,
    points: float,
    max_points: float,
    *,
    criteria: tuple[CriterionGrade, ...] = (),
    misconceptions: tuple[MisconceptionGrade, ...] = (),
    feedback: str,
) -> Grade:
    full, none = points == max_points, points == 0
    verdict = Verdict.CORRECT if full else Verdict.IRRELEVANT if none else Verdict.PARTIAL
    return Grade(
        submission_id=submission.submission_id,
        question_id=submission.question_id,
        verdict=Verdict.CONTRADICTORY if misconceptions else verdict,
        points=points,
        max_points=max_points,
        score=round(points / max_points, 3),
        confidence=1.0 if not criteria else 0.9,
        needs_review="unsure" in submission.answer,
        criteria=criteria,
        misconceptions=misconceptions,
        feedback=feedback,
        lang=lang,
        receipt="sha256:" + "0" * 64,
    )
