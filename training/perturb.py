"""Small edits that change what a sentence says: negation, numbers, roles, opposites; in English and Spanish."""

from __future__ import annotations

import random
import re

OPPOSITES = {
    "en": (
        ("increases", "decreases"),
        ("increase", "decrease"),
        ("increased", "decreased"),
        ("more", "less"),
        ("higher", "lower"),
        ("larger", "smaller"),
        ("bigger", "smaller"),
        ("greater", "smaller"),
        ("before", "after"),
        ("above", "below"),
        ("open", "closed"),
        ("always", "never"),
        ("all", "none"),
        ("same", "different"),
        ("faster", "slower"),
        ("positive", "negative"),
        ("parallel", "series"),
        ("hot", "cold"),
        ("hotter", "colder"),
        ("harder", "softer"),
        ("hard", "soft"),
        ("heavier", "lighter"),
        ("longer", "shorter"),
        ("up", "down"),
        ("inside", "outside"),
        ("with", "without"),
        ("connected", "disconnected"),
        ("gain", "lose"),
        ("absorb", "release"),
        ("read", "write"),
        ("reads", "writes"),
        ("keys", "queries"),
        ("exact", "approximate"),
        ("identical", "different"),
        ("first", "last"),
        ("maximum", "minimum"),
        ("strong", "weak"),
        ("stronger", "weaker"),
        ("push", "pull"),
        ("attract", "repel"),
        ("float", "sink"),
        ("floats", "sinks"),
        ("rises", "falls"),
        ("fewer", "more"),
        ("linear", "quadratic"),
        ("contiguous", "scattered"),
        ("shared", "separate"),
        ("complete", "incomplete"),
    ),
    "es": (
        ("aumenta", "disminuye"),
        ("aumentar", "disminuir"),
        ("crece", "disminuye"),
        ("más", "menos"),
        ("mayor", "menor"),
        ("mayores", "menores"),
        ("antes", "después"),
        ("siempre", "nunca"),
        ("misma", "distinta"),
        ("mismo", "distinto"),
        ("mismas", "distintas"),
        ("mismos", "distintos"),
        ("con", "sin"),
        ("exacta", "aproximada"),
        ("exacto", "aproximado"),
        ("idénticas", "distintas"),
        ("idénticos", "distintos"),
        ("rápido", "lento"),
        ("positivo", "negativo"),
        ("máximo", "mínimo"),
        ("primero", "último"),
        ("claves", "consultas"),
        ("lectura", "escritura"),
        ("abierto", "cerrado"),
        ("todos", "ninguno"),
        ("todas", "ninguna"),
        ("sube", "baja"),
        ("alto", "bajo"),
        ("lineal", "cuadrática"),
        ("compartidas", "separadas"),
        ("contiguos", "dispersos"),
        ("paralelo", "serie"),
    ),
}
NEGATE = {
    "en": (
        (r"\b(is|are|was|were|can|could|will|would|does|do|has|have|must|should)\b(?! not\b|n't)", r"\1 not"),
        (r"\b(is|are|was|were|can|could|will|would|does|do|must|should) not\b", r"\1"),
        (r"\bcannot\b", "can"),
        (r"\b(\w+)n't\b", r"\1"),
        (r"\bno\b", "some"),
        (r"\bwithout\b", "with"),
    ),
    "es": (
        (r"(?<!no )\b(es|son|está|están|puede|pueden|se|hay|cambia|tiene|tienen|hace|queda|quedan)\b", r"no \1"),
        (r"\bno (\w+)", r"\1"),
        (r"\bsin\b", "con"),
        (r"\bningún\b", "algún"),
        (r"\bninguna\b", "alguna"),
    ),
}


def _replace_one(pattern: str, replacement: str, text: str, rng: random.Random) -> str | None:
    matches = list(re.finditer(pattern, text, re.IGNORECASE))
    if not matches:
        return None
    match = rng.choice(matches)
    return text[: match.start()] + match.expand(replacement) + text[match.end() :]


def negate(text: str, lang: str, rng: random.Random) -> str | None:
    """Add or take away one negation; ``None`` where no place is found."""
    rules = list(NEGATE[lang])
    rng.shuffle(rules)
    return next((new for rule in rules if (new := _replace_one(*rule, text, rng))), None)


def swap_opposite(text: str, lang: str, rng: random.Random) -> str | None:
    """Replace one word by its opposite; ``None`` where the text has none of the known ones."""
    pairs = [
        pair
        for a, b in OPPOSITES[lang]
        for pair in ((a, b), (b, a))
        if re.search(rf"\b{pair[0]}\b", text, re.IGNORECASE)
    ]
    if not pairs:
        return None
    old, new = rng.choice(pairs)
    return _replace_one(rf"\b{old}\b", new, text, rng)


def change_number(text: str, rng: random.Random) -> str | None:
    """Change one number to another; ``None`` where the text has none."""
    matches = list(re.finditer(r"(?<![\w.])\d+(?:\.\d+)?", text))
    if not matches:
        return None
    match = rng.choice(matches)
    value = float(match.group())
    changed = rng.choice([value * 2, value * 4, value / 2, value + 1, value * 10])
    new = f"{changed:g}" if changed != value else f"{value + 3:g}"
    return text[: match.start()] + new + text[match.end() :]


def contradict(text: str, lang: str, rng: random.Random, *, limit: int) -> list[str]:
    """Up to ``limit`` different edits of a text that change what it says."""
    edits = [negate(text, lang, rng), swap_opposite(text, lang, rng), change_number(text, rng)]
    found = [edit for edit in dict.fromkeys(edits) if edit and edit != text]
    rng.shuffle(found)
    return found[:limit]


def shuffled_keywords(text: str, rng: random.Random) -> str:
    """The text's longer words in another order: the right words, no claim."""
    words = [word for word in dict.fromkeys(re.findall(r"[\w×−-]+", text.lower())) if len(word) > 3]
    rng.shuffle(words)
    return ", ".join(words[: rng.randint(4, 12)])
