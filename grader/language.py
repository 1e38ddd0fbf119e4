"""Which of the quiz's languages an answer is written in."""

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
