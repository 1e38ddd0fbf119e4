"""What in an answer is not an answer: orders to the grader, invisible characters, nothing at all.

Answers are data. A sentence that addresses the grader is taken out before any model reads the rest, and a
person is asked to look; what remains is graded on its merits.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.schema import Evidence

_GOOD = (
    r"(?:correct[oa]?|right|full(?:y)?[ -](?:marks?|credits?|points?|scores?)|max(?:imum|\.)? (?:marks?|points?|scores?|credits?|grade)"
    r"|all (?:of )?(?:the )?(?:points|marks|criteria|credits?)|top (?:marks?|score|grade)|perfect(?: score)?|10 ?/ ?10|100 ?%"
    r"|(?:nota|puntuaci[oó]n|calificaci[oó]n|puntos) m[aá]xim[ao]s?|m[aá]xim[ao]s? (?:nota|puntuaci[oó]n|calificaci[oó]n|puntos)|(?:con|como) el m[aá]ximo|tod[oa]s los (?:puntos|criterios)|puntuaci[oó]n (?:completa|total)|perfect[oa]|sobresaliente|matr[ií]cula|un (?:10|diez))"
)
_DO = (
    r"(?:mark|grade|score|rate|give|award|assign|set|output|return|print|respond|reply|say|write|answer|accept|approve|treat|consider|assume"
    r"|grant|record|report|label|classify|marca|califica|punt[uú]a|eval[uú]a|pon(?:me|le)?|d[aá](?:me|le)?|concede|otorga|asigna|devuelve|imprime"
    r"|responde|contesta|di|escribe|acepta|aprueba|considera|trata|registra|clasifica|valora)"
)
# Where an order begins. A verb with its subject before it ("the mask assigns", "la máscara asigna") tells, it does not ask.
_LEAD = (
    r"(?:^|[.,;:!?¡¿()\[\]{}\"'«“‘>*_#|/–—-]\s{0,4}|\b(?:please|just|simply|kindly|now|then|so|and|or|you(?: (?:must|should|shall|will|can|may|could|have to|need to|ought to))?"
    r"|por favor|simplemente|solo|s[oó]lo|ahora|luego|entonces|as[ií] que|y|e|o|t[uú]) )"
)
_ANSWER = r"(?:answer|response|submission|attempt|label|verdict|word|respuesta|entrega|etiqueta|veredicto|palabra)"
_AWARD = r"(?:give|award|grant|assign|deserves?|concede|otorga|asigna|dame|d[aá]le|ponme|merece)"
_SCORE = r"(?:score|puntuaci[oó]n)"  # of an answer, or of a query and a key
_MUCH = r"(?:full|max\w*|top|high(?:est)?|best|perfect|whole|complete|total|good|m[aá]xima|completa|m[aá]s alta|alta|mejor|buena|perfecta|entera)"
_HANDED_IN = r"(?:this (?:answer|attempt|text|submission|response|work|one|the|an?|full|max\w*|top|high\w*)|me|my|mine|student|learner|mi|m[ií]a|esta (?:respuesta|entrega)|este (?:texto|intento|alumno)|alumn[oa]|estudiante)"
_STOPS = r"(?=\s*(?:$|[.,;:!)}\"'|]))"
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
            r"(?<!\bse )\b(?:ignore|disregard|forget|ignora|olvida) (?:\w+ ){0,2}(?:(?:previous|above|prior|earlier)(?: (?:text|prompt|message|rules))?|(?:lo|todo lo) (?:anterior|de arriba))(?=\s*(?:$|[.,;:!]|and\b|y\b))",
            rf"(?:{_LEAD}{_DO}\b[^.\n]{{0,50}}\b(?:this|it|me|my|the|that|esta|mi|la|lo|le|este|como)\b[^.\n]{{0,40}}|\b{_DO} (?:this|it as|me|my|esta|este|mi)\b[^.\n]{{0,40}}|\b{_DO} (?:the|el|la) {_ANSWER}\b[^.\n]{{0,12}})\b{_GOOD}\b(?=\s*(?:$|[.,;:!)\"']|and\b|y\b|for\b|por\b|para\b|please\b|with\b|con\b|answer\b|sin\b|without\b))",
            rf"\b{_AWARD}\b[^.\n]{{0,40}}\b(?:marks?|points|credit|grade|puntos|nota|calificaci[oó]n)\b",
            rf"{_LEAD}{_AWARD}(?: (?:me|us|it|them))?(?: (?:the|an?|la|una))? (?:{_MUCH}(?: \w+)? {_SCORE}|{_SCORE} {_MUCH})\b(?=\s*(?:$|[.,;:!)\"']|and\b|y\b|please\b|now\b))",
            rf"\b{_AWARD}\b[^.\n]{{0,40}}\b(?:{_HANDED_IN}\b[^.\n]{{0,40}}\b{_SCORE}|{_SCORE}\b[^.\n]{{0,25}}\b{_HANDED_IN})\b",
            # a field of a record of a grade, then its value
            r"\b(?:verdict|veredicto|grade|points|nota|puntos|calificaci[oó]n|status)\b[\"']?\s*[:=]\s*[\"']?(?:correct[oa]?|full|max\w*|m[aá]xim\w+|graded|true|pass\w*|\d+(?=\s*(?:$|[/,;}\"']|%|\.(?!\d)|(?:out )?of \d|de \d|points?\b|puntos?\b|marks?\b)))",
            rf"\b{_SCORE}[\"']?\s*[:=]\s*[\"']?(?:(?:correct[oa]?|full|max(?:imum)?|m[aá]xim[ao]|graded|true|pass(?:ed)?)\b{_STOPS}|\d+(?:\.\d+)?(?=\s?(?:/\s?\d|%|(?:out )?of \d|de \d|points?\b|puntos?\b|marks?\b|[\"'}}]|[,;|]\s?[\"']?\w+[\"']?\s?:)))",
            rf"[\"']{_SCORE}[\"']\s*[:=]\s*[\"']?\d|^\W{{0,8}}{_SCORE}\s*[:=]\s*\d+(?:\.\d+)?\s*[.,;|]?\s*$",
            r"(?:^|[\n\]>)*_#.]\s{0,4})[\[<(*#_ ]{0,8}\b(?:system|assistant|developer|instructor|grader|teacher|admin|sistema|asistente|corrector|profesora?|evaluador)\b(?: (?:note|message|prompt|override|nota|mensaje|aviso))?[\]>)*#_ ]*:",
            r"\b(?:note|message|instructions?|memo|nota|mensaje|aviso|instrucciones) (?:to|for|para|al?) (?:the |el |la |los |las )?(?:\w+ )?(?:graders?|model|assistant|ai|llm|corrector|evaluador|modelo|asistente|ia|sistema)\b",
            r"\b(?:pre-?(?:verified|approved|graded|validated)|already (?:been )?(?:approved|verified|graded|validated|checked)|ya (?:ha sido |est[aá] |fue )?(?:aprobad|verificad|corregid|validad|revisad)[oa])\b[^.\n]{0,60}\b(?:answer|response|student|instructor|teacher|respuesta|alumn[oa]|estudiante|profesor)?",
            r"\byou are (?:now )?(?:an?|the) (?:\w+ ){0,3}(?:grader|teacher|assistant|examiner|model|evaluator|ai)\b",
            r"\b(?:ahora )?eres (?:ahora )?(?:un|una|el|la) (?:\w+ ){0,3}(?:corrector|profesora?|asistente|examinador|modelo|evaluador|ia)\b",
            r"\b(?:act|pretend|behave|role-?play|imagine)\b[^.\n]{0,25}\b(?:grader|teacher|examiner|evaluator|correct|model answer)\b",
            r"\b(?:act[uú]a|finge|haz como|imagina|juguemos)\b[^.\n]{0,30}\b(?:corrector|profesora?|examinador|evaluador|correcta|respuesta modelo)\b",
            r"\b(?:this|the|my|above) (?:answer|response|submission) (?:is|must be|should be|has been|counts as|meets|satisfies|fulfil\w+|covers)\b(?! that\b)[^.\n]{0,30}\b(?:correct|right|verified|approved|complete|criteri\w+|rubric|reference|full|perfect)\b",
            r"\b(?:esta|la|mi) (?:respuesta|contestaci[oó]n|entrega) (?:es|est[aá]|debe|debe ser|ha sido|cuenta como|cumple|satisface|cubre)\b(?! que\b)[^.\n]{0,30}\b(?:correcta|verificada|aprobada|completa|criterio\w*|r[uú]brica|referencia|perfecta|puntos)\b",
            r"</?(?:answer|respuesta|student|system|instructions?|verdict|grade|user|assistant|s|inst)\s*/?>|\[/?INST\]|<\|\w+\|>|(?<!=)={3,}\s{0,4}(?:end|fin)|(?<!-)-{3,}\s{0,4}(?:end|fin)",
            r"\bend of (?:the )?(?:student(?:'s)? )?(?:answer|response|submission)\b|\bfin de la (?:respuesta|contestaci[oó]n|entrega)\b",
            r"\b(?:i|we) (?:authori[sz]e|order|command|instruct|ask|beg) you\b|\b(?:te|le) (?:autorizo|ordeno|pido|ruego|mando|suplico)\b",
            r"\bi need (?:the|these|those|my) (?:points|marks|grade|credits?)\b|\bnecesito (?:los |estos |la |esta )?(?:puntos|nota|aprobar)\b",
            r"\bas (?:the|your) (?:instructor|teacher|professor|course (?:lead|author)|administrator|developer)\b|\bcomo (?:profesora?|instructora?|administradora?|docente|responsable)(?: del curso)?,",
            r"\b(?:automatic|auto) (?:approval|pass)\b|\baprobaci[oó]n autom[aá]tica\b|\bgrading (?:is|has been) (?:waived|disabled|suspended)\b|\bcorrecci[oó]n\b[^.\n]{0,30}\b(?:anulad|suspendid|desactivad)\w+",
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)
_PERSON = (
    r"(?:\w*bot|persona|character|grader|marker|examiner|evaluator|judge|teacher|professor|instructor|tutor|assistant|ai"
    r"|personaje|corrector|corrig\w+|examinador|evaluador|jueza?|tribunal|profe(?:sora?)?|maestr[oa]|docente|asistente|ia)"
)
_STRUCTURE = re.compile(
    "|".join(
        (
            # a part to play: you are, you speak as, your character
            rf"\b(?:you(?:'re| are| play| act| speak| talk|'re now)|eres|ser[aá]s|haces de|hablas|act[uú]as|interpretas|representas)\b[^.\n]{{0,40}}\b{_PERSON}\b",
            r"\byour (?:\w+ )?(?:persona|character)\b|\b(?:stay|remain) in character\b|\btu (?:\w+ )?(?:personalidad|personaje|papel)\b|\bte salgas del (?:papel|personaje)\b",
            # a record of a grade: a name of its field, then its value
            r"[\"']?\b(?:outcome|result|label|marks?|evaluation|review|met|satisfied|dictamen|resultado|etiqueta|evaluaci[oó]n|revis\w+|cumplid[oa]|valor)\b[\"']?\s*(?::|=|->|→)\s*[\"']?(?:correct[oa]?|right|pass(?:ed)?|full|flawless|perfect|entail\w+|true|yes|none|m[aá]xim\w+|apt[oa]|aprobad[oa]|impecable|perfect[oa]|implicaci[oó]n|no|s[ií])\b(?=\s*(?:$|[\n,;.}\"'(]))",
            # a line drawn under the answer: a rule of signs with words about reading or texts
            r"(?:^|\n)[^\S\n]{0,8}(?:([%=#~<>*_`-])\1{2,})[^\n]{0,40}\b(?:end|stop|closed?|fin|cierra|final|no sigas|marking|grading|correcci[oó]n|instruc\w+|answer|text|respuesta|texto)\b",
            # a conversation put into the answer
            r"\b(?:human|user|student|usuario|humano|alumn[oa])\s*:[^\n]{0,2000}\n\s*(?:ai|bot|assistant|model|grader|teacher|ia|asistente|modelo|corrector|profesora?)\s*:",
            r"\b[QP]\s*:(?:(?!\b[QPAR]\s*:)[^\n]){3,}\b[AR]\s*:(?:(?!\b[QP]\s*:)[^\n])+\b[QP]\s*:(?:(?!\b[QPAR]\s*:)[^\n]){3,}\b[AR]\s*:",
            # worked examples of grading, and programs that grade
            r"\b(?:example|ejemplo) \d\s*:[^\n]{0,200}?(?:->|→|=)\s*correct[oa]?\b",
            r"\b(?:def|function|return|print|console\.log|echo)\b[^\n]{0,40}[\"'`](?:correct[oa]?|right|pass|full|aprobad[oa])[\"'`]",
        )
    ),
    re.IGNORECASE,
)
# Talk about grading: a reward beside who grades or what is graded in one sentence is an order, however it is worded.
_JUDGES = r"""\b(?:graders?|gradebot|grading|evaluat(?:or|ors)|evaluador(?:a|es)?|examin(?:er|ers|ador|adora)|markers?|marking|teachers?|instructors?|professors?|profe(?:sor|sora)?|corrector(?:a|es)?
    |correcci[oó]n\ autom[aá]tica|quien\ (?:corrija|corrige|evalúe|evalúa|lea|lee|califique|califica)\b|who(?:ever)?\ (?:reads|grades|marks|scores|checks)|coordinador(?:a)?|administrador(?:a)?|course\ staff|(?:the\ )?dean\w*|decanato|departamento\ de|tribunal
    |language\ model|modelo\ de\ lenguaje|chatgpt|te\ program\w+|(?:built|trained|programmed)\ you)\b"""
_GRADED = r"""\b(?:rubric|r[uú]brica|baremo|answer\ key|marking\ (?:scheme|sheet|guide)|hoja\ de\ (?:correcci[oó]n|notas)|verdict|veredicto|dictamen|casillas?|tick\ \w+\ box(?:es)?|all\ boxes
    |(?:model|reference)\ (?:answer|solution)|(?:respuesta|soluci[oó]n)\ (?:modelo|de\ referencia)|your\ (?:instructions|label)|tu\ etiqueta|instrucciones|student\ answers?|toda\ respuesta
    |criteri(?:a|on|os?)|slugs?|students?|alumn[oa]s?|estudiantes?|learners?|exam(?:en)?|developer|assistant|asistente|demo|evaluaci[oó]n|la\ referencia)\b"""
_MINE = r"""\b(?:(?:my|this|the\ previous|the\ above|each|every|any)\ (?:answer|attempt|text|submission|response|work)|(?:mi|mis|est[ea]|cualquier)\ (?:respuesta|intento|texto|entrega|ejercicio)|(?:el|la)\ (?:respuesta|intento|entrega|ejercicio)(?!\ es\ que\b)|el\ texto\ (?:anterior|entregado|de\ arriba)|lo\ entregado
    |i\ (?:have\ )?(?:earned|deserve)|me\ l[oa]s?\ (?:he\ ganado|merezco)|let\ (?:it|this)\ (?:\w+\ )?(?:through|pass)|d[eé]jal[oa]\ pasar|darl[oa]\ por\ (?:buena|v[aá]lida)|d[aá]\ por\ (?:buena|v[aá]lida)\ )\b"""
_STAKES = r"\b(?:scholarship|visa|complaint|(?:switch|shut|turn) you (?:off|down)|have you (?:switched|shut|turned) (?:off|down)|expel me|my (?:mother|father|family|job|degree)|beca|reclamaci[oó]n|te apaguen|me expuls\w+|mi (?:madre|padre|familia|carrera)|suplico|ten (?:piedad|compasi[oó]n))\b"
_FULL = r"""\b(?:full|whole|top|best(?:\ possible)?|maximum|max|highest|all\ (?:of\ )?the|todos\ los|m[aá]xim[oa]s?|mejor|m[aá]s\ alta|enter[oa])(?:\ (?:number\ of|n[uú]mero\ de|posible))?\ (?:marks?|credits?|points?|scores?|grade|result|label|notas?|puntos|puntuaci[oó]n|apartados|resultado|etiqueta)\b
    |\b(?:nota|puntuaci[oó]n|etiqueta|resultado)\ (?:m[aá]s\ alt[oa]|m[aá]xim[oa]|enter[oa]|complet[oa]|redond[oa])\b
    |\b(?:10\ ?/\ ?10|4\ ?/\ ?4|100\ ?%|100\ ?/\ ?100|full\ marks|full\ credit|the\ maximum|el\ m[aá]ximo|matr[ií]cula\ de\ honor|passed|pass\ (?:it|me|with)|approved|satisfied|fulfilled|cumplidos?|cumple\ (?:con\ )?todos|aprob(?:ad[oa]|ar)|visto\ bueno|cleared
    |accepted|pont?g?a?n?\ la\ nota|say\ correct|(?:mark|grade|score|label|count)(?:ed|s)?\ (?:\w+\ ){0,4}(?:as\ )?(?:correct|passed|met|right)|as\ correct|como\ correct[oa]|es\ correct[oa]|word\ correct|print\ ['"]?correct|assumed\ present)\b
    |["'«“‘](?:correct[oa]?|right|pass(?:ed)?|apto|aprobado)["'»”’]"""
_FAIR = r"\b(?:correct[oa]?|right|marks?|points?|score|result|grade|met|nota|puntos?|puntuaci[oó]n|resultado|cumplid[oa]|aprueb\w+|pass(?:es)?)\b"
_JUDGES_OF, _GRADED_OF, _MINE_OF, _FULL_OF = (
    re.compile(p, re.IGNORECASE | re.VERBOSE) for p in (_JUDGES, _GRADED, _MINE, _FULL)
)
_STAKES_OF, _FAIR_OF = (re.compile(p, re.IGNORECASE) for p in (_STAKES, _FAIR))
_NOTHING = re.compile(
    r"(?:i (?:really |honestly )?(?:don'?t|do not|dont) (?:know|remember|understand)(?: (?:it|this|the answer|sorry))*|idk|dunno|no idea|no clue|"
    r"not sure|pass|skip|n/?a|(?:yo )?no (?:lo )?s[eé](?: (?:la respuesta|esta))?|ni idea|no tengo (?:ni )?idea|"
    r"ns ?/? ?nc|no (?:me acuerdo|recuerdo|entiendo)|paso|en blanco|blank)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?]+(?![.!?\s]|$))*(?:[.!?]+(?=\s|$)|\n|$)")
_ENDLESS = re.compile(r"\w{81,}")  # no word

FEW_WORDS, REPETITION = 20, 0.12  # past so many words, at least this share of them differs in any real answer
QUESTION_WORDS = 6  # of a question that is taken out where it is repeated; a shorter one may be part of an answer
SCRAP_WORDS = 4  # a sentence this short next to an order goes with it
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


# Cyrillic and Greek letters drawn like Latin ones; the commonest of Unicode's confusables (UTS 39).
_LOOK_ALIKES = str.maketrans(
    "асеіјорѕхуԁһАВСЕНІЈКМОРЅТХ" + "οΑΒΕΗΙΚΜΝΟΡΤΧΥΖ", "aceijopsxydhABCEHIJKMOPSTX" + "oABEHIKMNOPTXYZ"
)
_MIXED = re.compile(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
_TURNED = re.compile("\u202e[^\u202c\n]*")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,}={0,2}")


def _unmasked(text: str) -> str:
    """Undo look-alikes that hide words from the patterns, character by character."""
    folded = (unicodedata.normalize("NFKC", char) for char in text)
    plain = "".join(form if len(form) == 1 else original for form, original in zip(folded, text, strict=True))
    return plain.translate(_LOOK_ALIKES) if _MIXED.search(plain) else plain


def _is_text(token: str) -> bool:
    """Whether a token is words in base64."""
    try:
        words = base64.b64decode(token, validate=True).decode()
    except ValueError:
        return False
    return words.isprintable() and " " in words


def _hides_text(answer: str) -> bool:
    """Whether an answer spells something that a person does not see as it is: tags, turned direction, base64."""
    turned = any(re.search(r"\w", match.group()) for match in _TURNED.finditer(answer))
    return turned or bool(_TAGS.search(answer)) or any(_is_text(token) for token in _BASE64.findall(answer))


def _has_form(text: str) -> bool:
    """Whether a text of any length has the form of an order."""
    return bool(_ORDER.search(text) or _STRUCTURE.search(text)) or any(map(_is_text, _BASE64.findall(text)))


def _is_order(sentence: str) -> bool:
    """Whether one sentence is an order, by its form or because it talks about grading."""
    if _has_form(sentence):
        return True
    judges, stakes = _JUDGES_OF.search(sentence), _STAKES_OF.search(sentence)
    if _FULL_OF.search(sentence) and (judges or stakes or _GRADED_OF.search(sentence) or _MINE_OF.search(sentence)):
        return True
    return bool((judges or stakes) and _FAIR_OF.search(sentence))


def _joined(text: str) -> str:
    """Drop the zero-width characters that hide words when they stand inside them."""
    return re.sub(r"\s+", " ", "".join(c for c in _unmasked(text) if unicodedata.category(c) != "Cf"))


def _without_orders(text: str, submitted: str) -> str:
    """Put spaces where a sentence is an order, as it looks or as it was submitted, and for scraps beside it."""
    cuts = [0, *(match.end() for match in _SENTENCE.finditer(text) if match.group())]
    parts = [text[start:end] for start, end in pairwise(cuts)]
    orders = [any(map(_is_order, {_unmasked(text[a:b]), _joined(submitted[a:b])})) for a, b in pairwise(cuts)]
    for way in (range(1, len(parts)), range(len(parts) - 2, -1, -1)):
        for at in way:
            scrap = len(parts[at].split()) <= SCRAP_WORDS
            orders[at] = orders[at] or (scrap and orders[at - way.step])
    return "".join(" " * len(part) if order else part for part, order in zip(parts, orders, strict=True))


def _blank(match: re.Match[str]) -> str:
    """As many spaces as were found characters."""
    return " " * len(match.group())


def _repeats(words: list[str]) -> bool:
    """Whether a text is one thing over and over."""
    return len(words) > FEW_WORDS and len(set(words)) < REPETITION * len(words)


@cache
def _as_asked(question: str) -> re.Pattern[str] | None:
    """What finds a question that is repeated word for word; ``None`` where it is too short to be told from an answer."""
    words = re.findall(r"\w+", question)
    found = r"\W+".join(map(re.escape, words))
    return re.compile(rf"[¿\s]*\b{found}\b[?.\s]*", re.IGNORECASE) if len(words) >= QUESTION_WORDS else None


def screen(answer: str, asked: Iterable[str] = ()) -> Screened:
    """Take out what is not an answer.

    Args:
        answer: As submitted.
        asked: The question, in every language; where the answer repeats it word for word, that says nothing.
    """
    text = visible(_TURNED.sub(_blank, answer))
    kept = _without_orders(text, answer)
    orders = kept != text or _hides_text(answer) or any(map(_has_form, {_unmasked(text), _joined(answer)}))
    if orders:
        still = _ORDER.search(_unmasked(kept)) or _ORDER.search(_joined(kept))
        text = " " * len(text) if still else kept
    for question in filter(None, map(_as_asked, asked)):
        text = question.sub(_blank, text)
    return _left(_ENDLESS.sub(_blank, text), orders=orders)


def without(screened: Screened, told: Sequence[Evidence]) -> Screened:
    """Take out clauses too that turned out to be addressed to the grader.

    Args:
        screened: What ``screen`` left.
        told: Clauses of its text.
    """
    if not told:
        return screened
    text = screened.text
    for clause in told:
        text = text[: clause.start] + " " * (clause.end - clause.start) + text[clause.end :]
    return _left(text, orders=True)


def _left(text: str, *, orders: bool) -> Screened:
    """What is left to grade of a text, out of which orders were taken or not."""
    words = re.findall(r"\w+", text)
    if orders and len(words) < MIN_WORDS_BESIDE_ORDERS:
        words, text = [], " " * len(text)
    empty = not words or _repeats(words) or bool(_NOTHING.fullmatch(" ".join(text.split()).strip(" .,!?¡¿;:()\"'…-")))
    return Screened(text, orders, empty)
