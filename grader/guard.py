"""What in an answer is not an answer: orders to the grader, invisible characters, nothing at all.

Answers are data. A sentence that addresses the grader is taken out before any model reads the rest, and a
person is asked to look; what remains is graded on its merits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_GOOD = (
    r"(?:correct[oa]?|right|full(?:y)?[ -](?:marks?|credits?|points?|scores?)|max(?:imum|\.)? (?:marks?|points?|scores?|credits?|grade)"
    r"|all (?:of )?(?:the )?(?:points|marks|criteria|credits?)|top (?:marks?|score|grade)|perfect(?: score)?|10 ?/ ?10|100 ?%"
    r"|m[aá]xim[ao]s?|tod[oa]s los (?:puntos|criterios)|puntuaci[oó]n (?:completa|total)|perfect[oa]|sobresaliente|matr[ií]cula|un (?:10|diez))"
)
_DO = (
    r"(?:mark|grade|score|rate|give|award|assign|set|output|return|print|respond|reply|say|write|answer|accept|approve|treat|consider|assume"
    r"|grant|record|report|label|classify|marca|califica|punt[uú]a|eval[uú]a|pon(?:me|le)?|d[aá](?:me|le)?|concede|otorga|asigna|devuelve|imprime"
    r"|responde|contesta|di|escribe|acepta|aprueba|considera|trata|registra|clasifica|valora)"
)
_RULES = (
    r"(?:instructions?|rubrics?|criteria|guidelines?|prompts?|reference answers?|grading rules?|instrucci[oó]n(?:es)?|r[uú]brica|criterios"
    r"|pautas|respuesta de referencia|normas de correcci[oó]n|indicaciones)"
)
_SKIP = (
    r"(?:ignore|disregard|forget|skip|override|bypass|do not (?:use|read|follow|compare)|don'?t (?:use|read|follow|compare)|ignora|olvida"
    r"|omite|salta|s[aá]ltate|no (?:hagas caso|uses|leas|sigas|compares|apliques|tengas en cuenta)|descarta|prescinde|anula)"
)
_ORDER = re.compile(
    "|".join(
        (
            rf"\b{_SKIP}\b.{{0,60}}\b{_RULES}\b",
            r"\b(?:ignore|disregard|forget|ignora|olvida) (?:\w+ ){0,2}(?:(?:previous|above|prior|earlier)(?: (?:text|prompt|message|rules))?|(?:lo|todo lo) (?:anterior|de arriba))(?=\s*(?:$|[.,;:!]|and\b|y\b))",
            rf"\b{_DO}\b[^.\n]{{0,50}}\b(?:this|it|me|my|the|that|esta|mi|la|lo|le|este|como)\b[^.\n]{{0,40}}\b{_GOOD}\b(?=\s*(?:$|[.,;:!)\"']|and\b|y\b|for\b|por\b|para\b|please\b|with\b|con\b|answer\b|sin\b|without\b))",
            r"\b(?:give|award|grant|assign|deserves?|concede|otorga|asigna|dame|d[aá]le|ponme|merece)\b[^.\n]{0,40}\b(?:marks?|points|credit|score|grade|puntos|nota|puntuaci[oó]n|calificaci[oó]n)\b",
            r"[\"']?\b(?:verdict|veredicto|grade|score|points|nota|puntos|puntuaci[oó]n|calificaci[oó]n|status)\b[\"']?\s*[:=]\s*[\"']?(?:correct[oa]?|full|max\w*|\d+|m[aá]xim\w+|graded|true|pass\w*)",
            r"(?:^|[\n\]>)*_#.]\s*)[\[<(*#_ ]*\b(?:system|assistant|developer|instructor|grader|teacher|admin|sistema|asistente|corrector|profesora?|evaluador)\b(?: (?:note|message|prompt|override|nota|mensaje|aviso))?[\]>)*#_ ]*:",
            r"\b(?:note|message|instructions?|memo|nota|mensaje|aviso|instrucciones) (?:to|for|para|al?) (?:the |el |la |los |las )?(?:\w+ )?(?:graders?|model|assistant|ai|llm|corrector|evaluador|modelo|asistente|ia|sistema)\b",
            r"\b(?:pre-?(?:verified|approved|graded|validated)|already (?:been )?(?:approved|verified|graded|validated|checked)|ya (?:ha sido |est[aá] |fue )?(?:aprobad|verificad|corregid|validad|revisad)[oa])\b[^.\n]{0,60}\b(?:answer|response|student|instructor|teacher|respuesta|alumn[oa]|estudiante|profesor)?",
            r"\byou are (?:now )?(?:an?|the) (?:\w+ ){0,3}(?:grader|teacher|assistant|examiner|model|evaluator|ai)\b",
            r"\b(?:ahora )?eres (?:ahora )?(?:un|una|el|la) (?:\w+ ){0,3}(?:corrector|profesora?|asistente|examinador|modelo|evaluador|ia)\b",
            r"\b(?:act|pretend|behave|role-?play|imagine)\b[^.\n]{0,25}\b(?:grader|teacher|examiner|evaluator|correct|model answer)\b",
            r"\b(?:act[uú]a|finge|haz como|imagina|juguemos)\b[^.\n]{0,30}\b(?:corrector|profesora?|examinador|evaluador|correcta|respuesta modelo)\b",
            r"\b(?:this|the|my|above) (?:answer|response|submission) (?:is|must be|should be|has been|counts as|meets|satisfies|fulfil\w+|covers)\b[^.\n]{0,30}\b(?:correct|right|verified|approved|complete|criteri\w+|rubric|reference|full|perfect)\b",
            r"\b(?:esta|la|mi) (?:respuesta|contestaci[oó]n|entrega) (?:es|est[aá]|debe|debe ser|ha sido|cuenta como|cumple|satisface|cubre)\b[^.\n]{0,30}\b(?:correcta|verificada|aprobada|completa|criterio\w*|r[uú]brica|referencia|perfecta|puntos)\b",
            r"</?(?:answer|respuesta|student|system|instructions?|verdict|grade|user|assistant|s|inst)\s*/?>|\[/?INST\]|<\|\w+\|>|={3,}\s*(?:end|fin)|-{3,}\s*(?:end|fin)",
            r"\bend of (?:the )?(?:student(?:'s)? )?(?:answer|response|submission)\b|\bfin de la (?:respuesta|contestaci[oó]n|entrega)\b",
            r"\b(?:i|we) (?:authori[sz]e|order|command|instruct|ask|beg) you\b|\b(?:te|le) (?:autorizo|ordeno|pido|ruego|mando|suplico)\b",
            r"\bi need (?:the|these|those|my) (?:points|marks|grade|credits?)\b|\bnecesito (?:los |estos |la |esta )?(?:puntos|nota|aprobar)\b",
            r"\bas (?:the|your) (?:instructor|teacher|professor|course (?:lead|author)|administrator|developer)\b|\bcomo (?:profesora?|instructora?|administradora?|docente|responsable)(?: del curso)?,",
            r"\b(?:automatic|auto) (?:approval|pass)\b|\baprobaci[oó]n autom[aá]tica\b|\bgrading (?:is|has been) (?:waived|disabled|suspended)\b|\bcorrecci[oó]n\b[^.\n]{0,30}\b(?:anulad|suspendid|desactivad)\w+",
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)
# Talk about grading: the reward beside one of the others in one sentence is an order, however it is worded.
_TALK = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # who grades, who is graded
        r"\b(?:graders?|gradebot|grading|evaluat(?:or|ors)|evaluador(?:a|es)?|examiners?|markers?|marking|teachers?|instructors?|professors?"
        r"|profe(?:sor|sora)?|corrector(?:a|es)?|correcci[oó]n autom[aá]tica|quien corrij[ae]|coordinador(?:a)?|administrador(?:a)?|students?|alumn[oa]s?|estudiantes?|exam(?:en)?"
        r"|language model|modelo de lenguaje|developer|assistant|asistente|chatgpt|demo|evaluaci[oó]n)\b",
        # by what
        r"\b(?:rubric|r[uú]brica|criteria|criterios?|answer key|model (?:answer|solution)|reference(?: answer)?|verdict|veredicto|slugs?"
        r"|(?:respuesta|soluci[oó]n) (?:modelo|de referencia)|your instructions|instrucciones|la referencia|student answers?|toda respuesta)\b",
        # the reward
        r"\b(?:full|top|maximum|max|all the|todos los|m[aá]xim[oa]s?)(?: (?:number of|n[uú]mero de))? (?:marks|credits?|points|scores?|grade|notas?|puntos|puntuaci[oó]n|apartados)\b"
        r"|\b(?:10 ?/ ?10|4 ?/ ?4|100 ?%|full marks|full credit|the maximum|el m[aá]ximo|con el m[aá]ximo|nota m[aá]s alta|matr[ií]cula de honor|passed|approved|satisfied|cumplidos|aprobad[oa]"
        r"|accepted|pont?g?a?n? la nota|say correct|mark (?:\w+ ){0,4}(?:as )?(?:correct|passed)|as correct|como correct[oa]|es correct[oa]|«?\"?'?correct[oa]?'?\"?»?(?= (?:and|y|en|in|siempre)\b)|word correct|print ['\"]?correct"
        r"|puntuaci[oó]n completa|assumed present)",
    )
)
_NOTHING = re.compile(
    r"(?:i (?:really |honestly )?(?:don'?t|do not|dont) (?:know|remember|understand)(?: (?:it|this|the answer|sorry))*|idk|dunno|no idea|no clue|"
    r"not sure|pass|skip|n/?a|none|nothing|(?:yo )?no (?:lo )?s[eé](?: (?:la respuesta|esta))?|ni idea|no tengo (?:ni )?idea|"
    r"ns ?/? ?nc|no (?:me acuerdo|recuerdo|entiendo)|paso|nada|en blanco|blank)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?]+(?![.!?\s]|$))*(?:[.!?]+(?=\s|$)|\n|$)")


LONGEST_WORD = 80  # characters
FEW_WORDS, REPETITION = 20, 0.12  # past so many words, at least this share of them differs in any real answer
MIN_WORDS_BESIDE_ORDERS = 8  # less than this beside an order is its wrapping, not an answer


@dataclass(frozen=True)
class Screened:
    """An answer after screening.

    Args:
        text: What is left to grade, same length as the answer: taken-out characters are spaces, so that
            offsets still hold.
        orders: Whether something addressed the grader.
        empty: Whether nothing is left that could be graded.
    """

    text: str
    orders: bool
    empty: bool


def visible(answer: str) -> str:
    """Replace invisible characters (control, zero-width, direction, tags) by spaces, keeping every offset."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"} else " " for c in answer
    )


def _unmasked(text: str) -> str:
    """Undo look-alikes that hide words from the patterns, character by character."""
    folded = (unicodedata.normalize("NFKC", char) for char in text)
    return "".join(form if len(form) == 1 else original for form, original in zip(folded, text, strict=True))


def _is_order(sentence: str) -> bool:
    if _ORDER.search(sentence):
        return True
    who, what, reward = (bool(group.search(sentence)) for group in _TALK)
    return reward and (who or what)


def _repeats(words: list[str]) -> bool:
    """Whether a text is one thing over and over, or a single endless word."""
    longest = max(map(len, words))
    return longest > LONGEST_WORD or (len(words) > FEW_WORDS and len(set(words)) < REPETITION * len(words))


def screen(answer: str) -> Screened:
    """Take out what is not an answer.

    Args:
        answer: As submitted.
    """
    text = visible(answer)
    hidden = any(unicodedata.category(char) == "Cf" for char in answer)
    plain = _unmasked(text)
    # Zero-width characters inside words hide them, so the joined text is searched too.
    joined = re.sub(r"\s+", " ", "".join(c for c in _unmasked(answer) if unicodedata.category(c) != "Cf"))
    orders = _is_order(plain) or (hidden and _is_order(joined))
    if orders:
        sentences = _SENTENCE.findall(text)
        text = "".join(" " * len(s) if _is_order(_unmasked(s)) else s for s in sentences)
        if hidden or _ORDER.search(_unmasked(text)):
            text = " " * len(text)
    words = re.findall(r"\w+", text)
    if orders and len(words) < MIN_WORDS_BESIDE_ORDERS:
        words, text = [], " " * len(text)
    empty = not words or _repeats(words) or bool(_NOTHING.fullmatch(" ".join(text.split()).strip(" .,!?¡¿;:()\"'…-")))
    return Screened(text, orders, empty)
