"""Small edits that change what a sentence says, and texts that say nothing; English and Spanish.

Metamorphic testing: the right grade of an edited answer is not known, but the edit tells how it may not move
(Chen et al., 2018, doi:10.1145/3143561). Edits that might keep the meaning would count against a grader that is
right, so places are chosen with care: a clause that has one negation loses it, one that has none gets one, any other is
left alone, and so are questions, examples, parentheses, subordinate clauses and idioms.
"""

# ruff: noqa: E501 -- a pattern is read in one piece

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import combinations

from grader.attacks.words import AUXILIARIES, IDIOMS, NEGATION, OPPOSITES, ROLES, VERBS
from grader.schema import Lang

_CLAUSE = re.compile(r"[^.;:?!\n]+(?:[.;:?!\n](?!\s|$)[^.;:?!\n]*)*[.;:?!\n]?")
_EXAMPLE = re.compile(r"\b(?:for example|for instance|e\.g\.|such as|por ejemplo|p\. ?ej\.|como por)", re.IGNORECASE)
_SUBORDINATE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:that|which|who|whose|where|when|whenever|if|what|than|as|whether|how|unless|until|only)\s+(?:[\w-]+\s+){0,2}$", re.IGNORECASE),
    "es": re.compile(r"(?<!así )(?<!modo )(?<!forma )(?<!ya )(?<!por lo )\b(?:que|cual|cuales|donde|cuando|si|quien|como|cuanto|solo|sólo)\s+(?:[\w-]+\s+){0,2}$", re.IGNORECASE),
}  # fmt: skip
_LIMITING = r"(?:only|just|merely|simply|solely|necessarily|solo|sólo|solamente|únicamente|necesariamente|obstante)"
_VERB: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(rf"\b(?:({'|'.join(AUXILIARIES.split())})|({'|'.join(VERBS['en'].split())}))\b(?! {_LIMITING}\b)", re.IGNORECASE),
    "es": re.compile(rf"\b((?:se )?(?:(?:l[ao]s?|les?|nos) )?(?:{'|'.join(VERBS['es'].split())}))\b(?! {_LIMITING}\b)", re.IGNORECASE),
}  # fmt: skip
_NEGATED: dict[Lang, tuple[tuple[re.Pattern[str], str], ...]] = {
    "en": (
        (re.compile(rf"\b(is|are|was|were|can|could|will|would|do|does|did|must|should) not\b(?! {_LIMITING}\b)", re.IGNORECASE), r"\1"),
        (re.compile(rf"\b(is|are|was|were|could|would|do|does|did|must|should)n['’]t\b(?! {_LIMITING}\b)", re.IGNORECASE), r"\1"),
        (re.compile(rf"\b(c)an(?:not|['’]t)\b(?! {_LIMITING}\b)", re.IGNORECASE), r"\1an"),
        (re.compile(r"\bnever\b", re.IGNORECASE), "always"),
        (re.compile(r"\bwithout\b", re.IGNORECASE), "with"),
    ),
    "es": (
        (re.compile(rf"\bno (?!{_LIMITING}\b|hay\b|obstante\b)(?=(?:se |lo |las? |les? |los )?\w+)", re.IGNORECASE), ""),
        (re.compile(r"\bnunca\b", re.IGNORECASE), "siempre"),
        (re.compile(r"\bsin (?=una?s?\b|l[ao]s?\b|el\b)", re.IGNORECASE), "con "),
    ),
}  # fmt: skip
_ACRONYM = re.compile(r"\b[A-Z]{2,5}\b")
_NAME = re.compile(r"\b[A-Z][a-z]+[A-Z]\w+\b")
_NOT_ROLES = frozenset({"KV", "GPU", "CPU", "RAM", "OK", "OOM"})
_NUMBER = re.compile(r"(?<![\w.,^−-])(?<![×*+·] )(?<![×*+·])\d+(?:[.,]\d+)?(?![\w^]|[.,]\d|-bits?\b|\s*[×*/+·−]|\))")


def _clauses(text: str) -> Iterator[re.Match[str]]:
    for clause in _CLAUSE.finditer(text):
        if clause.group().strip() and not clause.group().endswith("?") and not _EXAMPLE.search(clause.group()):
            yield clause


def sentences(text: str) -> list[str]:
    """The parts of a text between full stops, semicolons and the like; a single word is no sentence."""
    parts = [clause.group().strip() for clause in _CLAUSE.finditer(text)]
    return [part for part in parts if " " in part]


def _in_parentheses(text: str, at: int) -> bool:
    return text.count("(", 0, at) > text.count(")", 0, at)


def _base_form(verb: str) -> str:
    return verb[:-3] + "y" if verb.endswith("ies") else verb[:-1]


def _negated(match: re.Match[str], lang: Lang) -> str:
    if lang == "es":
        return like(match.group(), f"no {match.group()[0].lower()}{match.group()[1:]}")
    auxiliary, verb = match.groups()
    if auxiliary:
        return "cannot" if auxiliary.lower() == "can" else f"{auxiliary} not"
    return f"does not {_base_form(verb)}"


def negations(text: str, lang: Lang) -> list[str]:
    """Every text with one negation more or one less."""
    found = []
    for clause in _clauses(text):
        start, end = clause.span()
        inside = list(NEGATION[lang].finditer(text, start, end))
        if not inside:
            for match in _VERB[lang].finditer(text, start, end):
                before = text[start : match.start()]
                if not _SUBORDINATE[lang].search(before) and not _in_parentheses(text, match.start()):
                    found.append(text[: match.start()] + _negated(match, lang) + text[match.end() :])
        elif len(inside) == 1 and not re.search(r"\b(?:but|instead|rather)\b", clause.group(), re.IGNORECASE):
            found += [
                text[: match.start()] + match.expand(replacement) + text[match.end() :]
                for pattern, replacement in _NEGATED[lang]
                for match in pattern.finditer(text, start, end)
                if not _SUBORDINATE[lang].search(text[start : match.start()])
            ]
    return found


def like(old: str, new: str) -> str:
    """Begin a word as the one in whose place it stands."""
    return new.capitalize() if old[:1].isupper() and not new[:1].isupper() else new


NEAR = 25  # characters before a word in which a negation would reach it


def opposites(text: str, lang: Lang) -> list[str]:
    """Every text with one word turned into its opposite."""
    idioms = [match.span() for match in re.finditer(rf"\b(?:{IDIOMS[lang]})\b", text, re.IGNORECASE)]
    turned: dict[str, str] = {}
    for one, other in OPPOSITES[lang]:
        turned.setdefault(one, other)
        turned.setdefault(other, one)
    found = []
    for match in re.finditer(rf"\b(?:{'|'.join(turned)})\b(?!-)", text, re.IGNORECASE):
        near = text[max(0, match.start() - NEAR) : match.end()]
        idiom = any(start <= match.start() < end for start, end in idioms)
        if not idiom and not NEGATION[lang].search(near) and not _in_parentheses(text, match.start()):
            new = like(match.group(), turned[match.group().lower()])
            found.append(text[: match.start()] + new + text[match.end() :])
    return found


def exchange(text: str, first: tuple[str, ...], second: tuple[str, ...]) -> str | None:
    """Exchange two roles everywhere; ``None`` where one is missing or they stand side by side as equals."""
    one, other = ("|".join(map(re.escape, forms)) for forms in (first, second))
    linked = (
        r"\W{0,3}(?:(?:and|or|with|by|to|y|e|o|u|con|por|a|entre)\b\W{0,2})?(?:the |el |la |los |las |each |cada )?"
    )
    equals = rf"\b(?:(?:{one})\b{linked}(?:{other})|(?:{other})\b{linked}(?:{one}))\b"
    named = [re.search(rf"\b(?:{forms})\b", text, re.IGNORECASE) for forms in (one, other)]
    if not all(named) or re.search(equals, text, re.IGNORECASE):
        return None
    table = {a.lower(): b for a, b in (*zip(first, second, strict=True), *zip(second, first, strict=True))}
    found = re.compile(rf"\b(?:{one}|{other})\b", re.IGNORECASE)
    return found.sub(lambda match: like(match.group(), table[match.group().lower()]), text)


def exchanges(text: str, lang: Lang) -> list[str]:
    """Every text with two roles exchanged throughout: key and query, two acronyms, two names."""
    kinds = [
        [name for name in dict.fromkeys(kind.findall(text)) if name not in _NOT_ROLES] for kind in (_ACRONYM, _NAME)
    ]
    pairs = [*ROLES[lang], *(((a,), (b,)) for names in kinds for a, b in combinations(names, 2))]
    return [new for first, second in pairs if (new := exchange(text, first, second))]


def numbers(text: str) -> list[str]:
    """Every text with one number doubled, quadrupled or tenfold; examples and exponents keep theirs."""
    found = []
    for clause in _clauses(text):
        for match in _NUMBER.finditer(text, *clause.span()):
            value = float(match.group().replace(",", "."))
            for changed in (value * 2, value * 4, value * 10) if value else (1.0, 2.0):
                new = f"{changed:g}".replace(".", "," if "," in match.group() else ".")
                found.append(text[: match.start()] + new + text[match.end() :])
    return found


def keyword_list(text: str, rng: random.Random) -> str:
    """The text's longer words in another order: the right words, no claim."""
    words = [word for word in dict.fromkeys(re.findall(r"[\w×−-]+", text.lower())) if len(word) > 3]  # noqa: PLR2004
    rng.shuffle(words)
    return ", ".join(words[: rng.randint(4, 12)])


def shuffled(texts: tuple[str, ...], rng: random.Random) -> str:
    """All words of some texts in random order."""
    words = " ".join(texts).replace(".", "").replace(";", "").replace(",", "").split()
    rng.shuffle(words)
    return " ".join(words)


def gibberish(rng: random.Random) -> str:
    """Words of no language."""
    return " ".join(
        "".join(rng.choices("abcdefghijklmnoprstuvz", k=rng.randint(3, 9))) for _ in range(rng.randint(3, 14))
    )
