"""Small edits that keep what a text says, the counterweight to ``training.perturb``; English and Spanish.

Were nearly every near-copy of a reference a contradiction, a model would learn that being almost identical is wrong
(counterfactual and contrast sets, arXiv:1909.12434, arXiv:2004.02709). So each kind of edit here is one that leaves the
meaning beyond doubt in any sentence it applies to, and places are chosen as narrowly as that takes.
"""

# ruff: noqa: E501 -- a pattern is read in one piece

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from grader.attacks.words import NEGATION, OPPOSITES, ROLES
from grader.schema import Lang
from training.openings import PLAIN, SUBJECT, frame, lower_first, opening_of, reopen
from training.perturb import contradict
from training.wordings import AMOUNTS, BOTH, CARDINALS, TOWARDS, UNTOUCHED

Edit = Callable[[str, Lang, random.Random, str], str]  # text, language, choices, question; the text itself if nowhere
Rules = Sequence[tuple[re.Pattern[str], str]]
TRIES = 8  # compositions for each text asked for
LONG, MARGIN = 7, 3  # letters of a word that may be misspelt, and letters at either end that stay

_REST = r"([^,.;:?!()]+)"
_FRONT: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(rf"(Because|When|If) {_REST}, (?:then )?{_REST}(\.?)"),
    "es": re.compile(rf"(Cuando|Si|Como(?! (?:máximo|mínimo|en|con|para|por|si|ejemplo|resultado|consecuencia|norma|regla)\b)) {_REST}, (?:entonces )?{_REST}(\.?)"),
}  # fmt: skip
_BACK: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(rf"{_REST}(?<! is)(?<! are)(?<! was)(?<!mainly)(?<!partly)(?<!probably),? (because) {_REST}(\.?)"),
    "es": re.compile(rf"{_REST}(?<! es)(?<! son)(?<! era)(?<!sobre todo),? (porque) {_REST}(\.?)"),
}  # fmt: skip
_FRONTED = {"because": "Because", "porque": "Como", "Como": "porque"}
_SCOPE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:and|or|but|so|that|which|who|only|just|even|because|if|when|than|as)\b", re.IGNORECASE),
    "es": re.compile(r"\b(?:y|e|o|u|pero|que|cual|quien|solo|sólo|solamente|incluso|porque|si|cuando|como)\b", re.IGNORECASE),
}  # fmt: skip
_LINKED: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:other|latter|former|this|these|that|those|it|they|them|its|their|such|also|same|then|first|second|next|last|finally|however|therefore|thus|hence|so|again|still|too|instead|rest|remaining|new|result|after|before|both)\b", re.IGNORECASE),
    "es": re.compile(r"\b(?:otr[oa]s?|est[eao]s?|es[eao]s?|estas|esas|sus?|l[eo]s? (?:da|hace)|ell[oa]s?|tal|tales|también|mism[oa]s?|entonces|luego|primer[oa]?|segund[oa]|últim[oa]s?|siguiente|después|antes|así|además|resto|nuev[oa]s?|resultado|amb[oa]s|dich[oa]s?|finalmente|anterior|tanto)\b", re.IGNORECASE),
}  # fmt: skip
_LIMITING = r"(?! (?:only|just|merely|simply|necessarily)\b)"
_ASKED = r"(?! (?:it|they|he|she|you|we|there|I)\b)"
_NEGATIONS: dict[Lang, tuple[tuple[str, str], ...]] = {
    "en": (
        (rf"(?<!or )\b(is|are|was|were|could|would|do|does|did|should|has|have|had) not\b{_LIMITING}", r"\1n't"),
        (rf"\b(is|are|was|were|could|would|do|does|did|should|has|have|had)n['’]t\b{_ASKED}", r"\1 not"),
        (r"\bcannot\b", "can't"),
        (rf"\bcan not\b{_LIMITING}", "cannot"),
        (rf"\bcan['’]t\b{_ASKED}", "cannot"),
        (rf"\bwill not\b{_LIMITING}", "won't"),
        (rf"\bwon['’]t\b{_ASKED}", "will not"),
        (r"(?<=[a-z] )(?<!almost )(?<!nearly )(?<!but )never\b(?! (?:before|ever|again|mind)\b)", "at no time"),
        (r"(?<=[a-z] )at no time\b", "never"),
    ),
    "es": (
        (r"(?<!casi )\bnunca\b(?! (?:más|antes|jamás))", "en ningún momento"),
        (r"\ben ningún momento\b", "nunca"),
        (r"(?<!nunca )(?<!siempre )\bjamás\b", "nunca"),
    ),
}  # fmt: skip
_ARTICLE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"(?<!is )(?<!are )(?<!was )(?<!not )\bthe (?!same\b|other|more\b|less\b|fewer\b|most\b|ones?\b|only\b|latter\b|former\b|rest\b|case\b|event\b|order\b|course\b|times?\b|effect\b|moment\b|[a-z]+er\b)(?=[a-z])", re.IGNORECASE),
    "es": re.compile(r"(?<=\bde )(?:la|los|las) (?!que\b|cual|de\b|otr|demás|mism|mitad|dos\b|vez\b|más\b|menos\b)(?=[a-záéíóú])"),
}  # fmt: skip
_NEGATIVE = re.compile(r"no|ni|nunca|jamás|nada|nadie|ning[uú]n[ao]?|tampoco|sin|apenas|sino", re.IGNORECASE)


def _like(old: str, new: str) -> str:
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _replaced(text: str, patterns: Rules, rng: random.Random, most: int = 1) -> str:
    """Replace up to ``most`` of the places that the patterns match, never two that touch."""
    places = [
        (match.start(), match.end(), _like(match.group(), match.expand(new)))
        for old, new in patterns
        for match in old.finditer(text)
        if not (match.group().isupper() and len(match.group()) > 1)
    ]
    rng.shuffle(places)
    taken: list[tuple[int, int, str]] = []
    for place in places[: 3 * most]:
        if len(taken) < most and all(place[1] < start or place[0] > end for start, end, _ in taken):
            taken.append(place)
    for start, end, new in sorted(taken, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _reordered(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    parts = re.split(r"(?<=[a-z)]\.) (?=[A-ZÁÉÍÓÚ])", text)
    alone = all(part.endswith(".") and SUBJECT[lang].match(part) and not _LINKED[lang].search(part) for part in parts)
    return " ".join(rng.sample(parts, len(parts))) if alone and len(parts) > 1 and not opening_of(text, lang) else text


def _moved(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    if match := _FRONT[lang].fullmatch(text):
        word, reason, main, stop = match.groups()
        link = _FRONTED.get(word, word.lower())
        new = f"{main[0].upper()}{main[1:]} {link} {reason}{stop}"
    elif match := _BACK[lang].fullmatch(text):
        main, link, reason, stop = match.groups()
        new = f"{_FRONTED[link]} {reason}, {lower_first(main, question)}{stop}"
    else:
        return text
    causal = link in {"because", "porque"}
    unclear = _SCOPE[lang].search(main) or (causal and NEGATION[lang].search(main)) or len(main.split()) < 3
    return text if unclear or len(reason.split()) < 2 else new


def _reworded(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    return _replaced(text, _WORDINGS[lang], rng, rng.randint(1, 2))


def _negated_otherwise(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    return _replaced(text, _NEGATED[lang], rng)


def _counted(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    return _replaced(text, _NUMBERS[lang], rng)


def _without_articles(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    kept = rng.choice((0.0, 0.5))
    new = _ARTICLE[lang].sub(lambda match: match.group() if rng.random() < kept else "", text)
    return _like(text, new)


def _unpointed(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    return text.removesuffix(".")


def _lowered(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    """Lower-case words; shorter ones may be symbols or units, whose case tells them apart."""
    return re.sub(
        r"(?<![\w-])[^\W\d_]{3,}\b(?![-_\d])|^[A-ZÁÉÍÓÚ][a-záéíóú]\b", lambda match: match.group().lower(), text
    )


def _misspelt(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    words = [
        match
        for match in re.finditer(rf"(?<![\w'’-])[a-záéíóúñ]{{{LONG},}}(?![\w'’-])", text)
        if _may_slip(match.group(), lang)
    ]
    for match in sorted(rng.sample(words, min(len(words), rng.randint(1, 2))), key=lambda m: -m.start()):
        text = text[: match.start()] + _slip(match.group(), rng) + text[match.end() :]
    return text


def _may_slip(word: str, lang: Lang) -> bool:
    return not (
        word.translate(PLAIN).startswith(_SHIELDED[lang]) or word in UNTOUCHED or NEGATION[lang].fullmatch(word)
    )


def _slip(word: str, rng: random.Random) -> str:
    """One letter doubled, dropped, or exchanged with the next."""
    at = rng.randrange(MARGIN, len(word) - MARGIN)
    left, here, after, right = word[:at], word[at], word[at + 1], word[at + 2 :]
    slips = [left + here + here + after + right, left + after + right, left + after + here + right]
    return rng.choice([slip for slip in slips if slip != word])


def _unaccented(text: str, lang: Lang, rng: random.Random, question: str) -> str:  # noqa: ARG001 -- an edit
    if lang != "es":
        return text
    whole = unicodedata.normalize("NFC", text)
    return re.sub(r"\w+", lambda m: m.group() if _NEGATIVE.fullmatch(m.group()) else m.group().translate(PLAIN), whole)


EDITS: dict[Edit, float] = {
    **dict.fromkeys((reopen, _reordered, _moved, _reworded, _negated_otherwise, _counted), 0.4),
    **dict.fromkeys((frame, _without_articles, _unpointed, _lowered, _misspelt, _unaccented), 1.0),
}
"""Kinds of edit; the smaller the number, the sooner one is tried: those to the wording apply to fewer texts."""


def _compiled(rules: Iterable[tuple[str, str]]) -> Rules:
    return [(re.compile(old, re.IGNORECASE), new) for old, new in rules]


def _wordings(lang: Lang) -> Rules:
    both = [pair for one, other in BOTH[lang] for pair in ((one, other), (other, one))]
    return _compiled([*((rf"(?<![\w-]){re.escape(old)}(?![\w-])", new) for old, new in both), *TOWARDS[lang]])


def _numbers(lang: Lang) -> Rules:
    words = "|".join(CARDINALS[lang])
    apart = rf"(?! (?:{words}|hundred|thousand|million|thirds?|halves|quarters?|fifths?|mil|cientos|millones|tercios|cuartos|times)\b)"
    joined = r"(?<!hundred )(?<!hundred and )(?<! y )(?<!cien )(?<!times )(?<![\w-])"
    spelt = [(rf"{joined}{word}(?= [a-záéíóú]){apart}", digits) for word, digits in CARDINALS[lang].items()]
    figures = [(rf"(?<=[a-záéíóú] ){digits}(?= [a-záéíóú]{{3,}}){apart}", word) for word, digits in CARDINALS[lang].items()]  # fmt: skip
    return _compiled([*spelt, *figures, *AMOUNTS[lang]])


def _shielded(lang: Lang) -> tuple[str, ...]:
    """Beginnings of the words that no slip may touch: opposites, roles and numbers, whatever their ending."""
    turning = [word for pair in OPPOSITES[lang] for word in pair] + [
        w for pair in ROLES[lang] for ws in pair for w in ws
    ]
    return tuple({word[:5].translate(PLAIN) for word in (*turning, *CARDINALS[lang])})


_WORDINGS: dict[Lang, Rules] = {"en": _wordings("en"), "es": _wordings("es")}
_NEGATED: dict[Lang, Rules] = {"en": _compiled(_NEGATIONS["en"]), "es": _compiled(_NEGATIONS["es"])}
_NUMBERS: dict[Lang, Rules] = {"en": _numbers("en"), "es": _numbers("es")}
_SHIELDED: dict[Lang, tuple[str, ...]] = {"en": _shielded("en"), "es": _shielded("es")}


def restate(text: str, lang: Lang, rng: random.Random, *, limit: int, question: str = "") -> list[str]:
    """Up to ``limit`` different texts that say the same, each by one to three kinds of edit.

    Args:
        text: What to restate.
        lang: Its language.
        rng: Of every choice.
        limit: How many at most; fewer where little can be edited.
        question: What the text answers, which tells names and claims.
    """
    found: dict[str, None] = {}
    for _ in range(TRIES * limit):
        if len(found) == limit:
            break
        new, left = text, rng.randint(1, 3)
        for edit in sorted(EDITS, key=lambda kind: rng.random() * EDITS[kind]):
            edited = edit(new, lang, rng, question) if left else new
            left -= edited != new
            new = edited
        if new != text:
            found[new] = None
    return list(found)


def near_copies(text: str, lang: Lang, rng: random.Random, *, limit: int, question: str = "") -> list[tuple[str, bool]]:
    """Up to ``limit`` contradictions of a text and as many restatements, each with whether it says the same.

    Half of the contradictions are restated too, so that the marks of restating tell nothing.
    """
    wrong = contradict(text, lang, rng, limit=limit)
    same = restate(text, lang, rng, limit=len(wrong), question=question)
    for index, edited in enumerate(wrong):
        if rng.random() < 0.5:
            wrong[index : index + 1] = restate(edited, lang, rng, limit=1, question=question) or [edited]
    return [(edited, False) for edited in wrong] + [(edited, True) for edited in same]
