"""A few sentences for the learner, in the learner's language."""

from __future__ import annotations

from collections.abc import Sequence

from grader.schema import Lang, Verdict

_OPENING: dict[Verdict, dict[Lang, str]] = {
    Verdict.CORRECT: {"en": "Right.", "es": "Correcto."},
    Verdict.PARTIAL: {"en": "Right as far as it goes, but not complete.", "es": "Vas bien, pero falta algo."},
    Verdict.CONTRADICTORY: {
        "en": "Something here contradicts the right answer.",
        "es": "Hay algo que contradice la respuesta correcta.",
    },
    Verdict.IRRELEVANT: {"en": "This does not answer the question.", "es": "Esto no responde a la pregunta."},
    Verdict.NON_DOMAIN: {"en": "There is nothing to grade yet.", "es": "Todavía no hay nada que corregir."},
}
# Where no misconception tells what is wrong: which unmet criterion it is about, or how to find it.
_CONTRADICTED: dict[Lang, tuple[str, str, str]] = {
    "en": (
        "Something here contradicts the right answer. Compare yours with the explanation: negations, numbers, causes.",
        "Something here seems to contradict the point that is missing.",
        "Something here seems to contradict one of the points that are missing.",
    ),
    "es": (
        "Algo contradice la respuesta correcta. Compara la tuya con la explicación: negaciones, números, causas.",
        "Hay algo que parece contradecir el punto que falta.",
        "Hay algo que parece contradecir uno de los puntos que faltan.",
    ),
}
_MISSING: dict[Lang, str] = {"en": "Missing:", "es": "Falta:"}
_ORDERS: dict[Lang, str] = {
    "en": "Sentences addressed to the grader were left out; a person will look at this answer.",
    "es": "Las frases dirigidas al corrector no se han tenido en cuenta; una persona revisará esta respuesta.",
}
_CHOICE: dict[Verdict, dict[Lang, str]] = {
    Verdict.CORRECT: {"en": "Right.", "es": "Correcto."},
    Verdict.PARTIAL: {"en": "Partly right: look again at your selection.", "es": "En parte: repasa tu selección."},
    Verdict.CONTRADICTORY: {"en": "Not this time.", "es": "Esta vez no."},
    Verdict.NON_DOMAIN: {"en": "Nothing was chosen.", "es": "No se ha elegido nada."},
}


def for_free(
    verdict: Verdict, lang: Lang, *, missing: Sequence[str], corrections: Sequence[str], orders: bool = False
) -> str:
    """Say what was right, what is missing and what to mend; of a blank answer nothing that would give it away.

    Args:
        verdict: Of the answer.
        lang: To write in.
        missing: Statements of the criteria not met.
        corrections: Feedback of the misconceptions asserted.
        orders: Whether the answer addressed the grader.
    """
    opening = _OPENING[verdict][lang]
    if verdict is Verdict.CONTRADICTORY and not any(text.strip() for text in corrections):
        opening = _CONTRADICTED[lang][min(len(missing), 2)]
    parts = [opening, *corrections]
    if missing and verdict not in {Verdict.CORRECT, Verdict.NON_DOMAIN}:
        parts += [_MISSING[lang], *missing]
    if orders:
        parts.append(_ORDERS[lang])
    return " ".join(part.strip() for part in parts if part.strip())


def for_choice(verdict: Verdict, lang: Lang) -> str:
    """Say whether the picks were right, without naming the key."""
    return _CHOICE[verdict][lang]
