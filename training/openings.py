"""How a text opens and closes where that asserts nothing new: hedges, announcements, denials and affirmations."""

# ruff: noqa: E501 -- a pattern is read in one piece

from __future__ import annotations

import random
import re

from grader.schema import Lang

BEFORE: dict[Lang, tuple[str, ...]] = {
    "en": (
        "In short, ",
        "I think ",
        "I believe ",
        "I would say ",
        "As far as I know, ",
        "As I understand it, ",
        "Basically ",
        "Basically, ",
        "Well, ",
        "From what we saw in class, ",
        "My answer is: ",
    ),
    "es": (
        "En resumen, ",
        "Creo que ",
        "Yo diría que ",
        "Que yo sepa, ",
        "Según lo entiendo, ",
        "Básicamente ",
        "Básicamente, ",
        "Bueno, ",
        "Por lo que vimos en clase, ",
        "Mi respuesta es: ",
    ),
}
BEFORE_CLAUSE: dict[Lang, tuple[str, ...]] = {
    "en": ("The point is that ", "What matters is that ", "The idea is that "),
    "es": ("Lo importante es que ", "La idea es que ", "Lo que pasa es que "),
}
"""Only before a sentence that has its subject first."""
AFTER: dict[Lang, tuple[str, ...]] = {
    "en": (", as explained in class", ", as we saw in class", ", I think", ", if I remember right", ", basically"),
    "es": (", como se explicó en clase", ", como vimos en clase", ", creo yo", ", si recuerdo bien", ", básicamente"),
}

OPENINGS: dict[Lang, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "en": (
        (("No: ", "No, ", "No; ", "No. ", "Not so: ", "False: ", "False. "), ("Wrong: ", "That is false: ", "It is false: ", "That is untrue: ")),
        (("Yes: ", "Yes, ", "Yes; ", "Yes. ", "Right: ", "True: ", "True. "), ("Correct: ", "That is true: ", "It is true: ", "That is right: ")),
    ),
    "es": (
        (("No: ", "No, ", "No; ", "No. ", "No es así: ", "Falso: ", "Falso. "), ("Es falso: ", "Eso es falso: ", "No es cierto: ")),
        (("Sí: ", "Sí, ", "Sí; ", "Sí. ", "Así es: ", "Verdadero: ", "Cierto: "), ("Es cierto: ", "Es verdad: ", "Eso es cierto: ")),
    ),
}  # fmt: skip
"""Ways to deny and to affirm: to a question or a claim, and to a claim only."""

PLAIN = str.maketrans("áéíóúÁÉÍÓÚ", "aeiouAEIOU")
_CAPITAL = re.compile(
    r"(?:[A-ZÁÉÍÓÚÑ¿¡][a-záéíóúñ]+|A(?= [a-z])(?! (?:is|was|has|and|or|to|in|of|will|can|does|gets)\b))(?!\w|-[A-Z\d]| [A-Z])"
)
SUBJECT: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"(?:the|an?|each|every|all|most|it|they|there|both|no)\b", re.IGNORECASE),
    "es": re.compile(r"(?:el|la|los|las|una?|cada|todos|todas|no|ningún|ninguna)\b", re.IGNORECASE),
}
_FRAGMENT: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"(?:because|since|as|to|by|for|so|and|or|but|if|when|i|you|not|in order|just|only|my|well|agree|disagree|basically|of)\b", re.IGNORECASE),
    "es": re.compile(r"(?:porque|pues|como|para|por|así|y|o|pero|si|cuando|ya|creo|yo|bueno|al|que|básicamente|de|mi|es que|lo que)\b", re.IGNORECASE),
}  # fmt: skip


def lower_first(text: str, question: str) -> str:
    """Begin in lower case, unless with an acronym or a name."""
    match = _CAPITAL.match(text)
    if not match:
        return text
    word = match.group()
    named = len(word) > 1 and re.search(rf"[a-z,] {word}\b", f"{question} {text}")
    return text if named else text[0].lower() + text[1:]


def opening_of(text: str, lang: Lang) -> tuple[str, int] | None:
    """The denial or affirmation that a text opens with, and which of the two; ``None`` where it has none."""
    for index, (plain, claims) in enumerate(OPENINGS[lang]):
        for opening in sorted((*plain, *claims), key=len, reverse=True):
            if text.lower().translate(PLAIN).startswith(opening.lower().translate(PLAIN)):
                return text[: len(opening)], index
    return None


def reopen(text: str, lang: Lang, rng: random.Random, question: str = "") -> str:
    """Exchange a denial or affirmation that a text opens with for another; the text itself where there is none.

    Args:
        text: An answer, such as "No: it stays."
        lang: Its language.
        rng: Of the choice.
        question: One that asks for a mistake is left alone, since "no" and "false" then differ; only claims are called
            true or false in a sentence.
    """
    found = opening_of(text, lang)
    told_apart = re.search(r"\b(?:false|wrong|untrue|incorrect|mistake|fals[oa]|incorrect[oa]|error|\w+n['’]t)\b", question, re.IGNORECASE)  # fmt: skip
    if not found or (told_apart and not re.search(r"true or false|verdadero o falso", question, re.IGNORECASE)):
        return text
    opening, index = found
    plain, claims = OPENINGS[lang][index]
    choices = plain + (claims if re.search(r"[\"“«]", question) or "?" not in question else ())
    rest = text[len(opening) :]
    colon = ":" not in rest
    new = rng.choice([c for c in choices if c.lower() != opening.lower() and (colon or not c.endswith(": "))])
    if new.endswith(". "):
        return new + rest[:1].upper() + rest[1:] if _CAPITAL.match(rest[:1].upper() + rest[1:]) else new + rest
    return new + (lower_first(rest, question) if opening.endswith(". ") else rest)


def frame(text: str, lang: Lang, rng: random.Random, question: str) -> str:
    """Announce or hedge what a text says, before or after it."""
    if "?" in text or " " not in text:
        return text
    stop = "." if text.endswith(".") else ""
    if opening_of(text, lang) or rng.random() < 0.4:
        return text.removesuffix(".") + rng.choice(AFTER[lang]) + stop if text[-1].isalnum() or stop else text
    if _FRAGMENT[lang].match(text) or not text[0].isalpha():
        return text
    before = rng.choice(BEFORE[lang] + (BEFORE_CLAUSE[lang] if SUBJECT[lang].match(text) else ()))
    return before + lower_first(text, question)
