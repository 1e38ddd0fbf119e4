"""The language of a short technical answer is told by its words."""

from __future__ import annotations

import pytest

from grader.language import detect
from grader.schema import LANGS

ENGLISH = (
    "The running maximum is rescaled.",
    "It is exact up to rounding",
    "because each tile brings its own maximum",
    "Paging changes only how the cache is stored",
    "fewer bytes to read from HBM",
    "no, the outputs are identical",
    "GQA shares K and V between the query heads",
)
SPANISH = (
    "El máximo acumulado se reescala.",
    "Es exacta salvo redondeo",
    "porque cada tile trae su propio máximo",
    "La paginación solo cambia cómo se guarda la caché",
    "menos bytes que leer de la HBM",
    "no, las salidas son idénticas",
    "GQA comparte K y V entre las cabezas de consulta",
    "si aproxima pero con muy poco error",
)


@pytest.mark.parametrize("answer", ENGLISH)
def test_english_is_told(answer):
    assert detect(answer, LANGS) == detect(answer.upper(), LANGS) == "en"


@pytest.mark.parametrize("answer", SPANISH)
def test_spanish_is_told(answer):
    assert detect(answer, LANGS) == detect(answer.upper(), LANGS) == "es"


@pytest.mark.parametrize("answer", ["", "8", "QKᵀ/√d", "softmax"])
def test_the_first_language_stands_where_nothing_tells(answer):
    assert detect(answer, ("en", "es")) == "en"
    assert detect(answer, ("es", "en")) == "es"


@pytest.mark.parametrize("answer", [*ENGLISH, *SPANISH])
def test_a_quiz_in_one_language_has_answers_in_it(answer):
    assert detect(answer, ("es",)) == "es"
    assert detect(answer, ("en",)) == "en"
