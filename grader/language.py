"""Which of the quiz's languages an answer is written in, and whether it is in that one at all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grader.schema import Lang

# Function words and endings that the other language does not share.
_WORDS: dict[Lang, frozenset[str]] = {
    "en": frozenset(
        """
        the of and is are it its that this to for with not on be by as from which when so because each
        only they you does do don't doesn't has have was were will would can could there their then than
        an but or if in at we i
        """.split()
    ),
    "es": frozenset(
        """
        el la los las de del y es son está están que se por con para no en un una unos unas como lo al más
        pero o si cada solo sólo porque cuando así ya su sus hay también entre sin sobre puede todo todos
        esta este eso yo
        """.split()
    ),
}
# Frequent words of other languages in Latin script, as far as they are no words of English or Spanish:
# French, Portuguese and Catalan, Italian and Romanian, German, Dutch, Nordic, Polish, Turkish.
_ELSEWHERE = frozenset(
    """
    le les des est et une dans ne pas ce cette sont avec mais où donc même au aux du il elle nous vous ils qui être
    é são não um uma da das em na pelo pela com também ao isso pois seu sua els amb és però són perquè això aquest
    che è di della dei delle gli sono più nel nella anche perché questo și nu sau pentru că din sunt
    der das und ist nicht ein eine einen dem den mit von auf für sich auch wird werden wenn weil durch oder sind
    het een van niet voor zijn worden wordt dat ook omdat naar och är att det som inte på av ikke og til
    nie jest się że oraz przez dla jako są ve bir bu için ile değil daha olarak
    """.split()
)
_ELISION = re.compile(r"(?:c|d|j|l|m|n|qu|s|t|dell|all|nell)'\w")
# Of the lists of English and Spanish not what the other uses too: "no", and letters, which stand for quantities.
_TELLING = (
    _ELSEWHERE.union(*_WORDS.values())
    - {"no"}
    - {word for words in _WORDS.values() for word in words if len(word) == 1}
)
_ENOUGH = 3  # words of another language: fewer may be a name, a term or a slip
_SPANISH_LETTERS = re.compile(r"[áéíóúñü¿¡]")
_SPANISH_ENDINGS = re.compile(r"(ción|ciones|mente|idad|ando|iendo|ado|ada|ados|adas)$")


def detect(text: str, langs: Sequence[Lang]) -> Lang:
    """Tell the language of a text by its function words.

    Args:
        text: The learner's answer, any length.
        langs: The quiz's languages; the first is the answer where nothing tells.
    """
    if len(langs) == 1:
        return langs[0]
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    scores: dict[Lang, float] = dict.fromkeys(langs, 0.0)
    for word in words:
        for lang in langs:
            scores[lang] += word in _WORDS[lang]
        if "es" in scores:
            scores["es"] += 0.7 * bool(_SPANISH_LETTERS.search(word)) + 0.5 * bool(_SPANISH_ENDINGS.search(word))
    return max(langs, key=lambda lang: scores[lang])


def fits(text: str, lang: Lang) -> bool:
    """Tell whether a text may be in a language: words of others are fewer than its own.

    Few words, terms, formulas and slips fit every language; that nothing tells is no reason to doubt.

    Args:
        text: The learner's answer, any length.
        lang: What it is graded in.
    """
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower().replace("’", "'"))
    own = _WORDS[lang]
    foreign = sum(word not in own and (word in _TELLING or bool(_ELISION.match(word))) for word in words)
    return foreign < _ENOUGH or foreign < sum(word in own for word in words)
