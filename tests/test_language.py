"""The language of a short technical answer is told by its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.doubt import Doubt, Promise
from grader.grade import Grader
from grader.language import detect, fits
from grader.load import load_quiz
from grader.resources import find_quiz
from grader.schema import LANGS, Rubric, Submission

ROOT = Path(__file__).resolve().parents[1]
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


FOREIGN = (
    "Le résultat est le même parce que la somme ne dépend pas de l'ordre.",
    "Non, l’attention par blocs est exacte : le maximum et la somme sont mis à jour à chaque bloc.",
    "le resultat reste exact car on corrige la somme et le max",
    "O resultado é o mesmo porque a soma é corrigida em cada bloco e não depende da ordem.",
    "Il risultato è lo stesso perché la somma viene corretta a ogni blocco.",
    "Das Ergebnis ist exakt gleich, weil die Summe bei jedem Block neu skaliert wird.",
    "Het resultaat is hetzelfde omdat de som bij elk blok wordt gecorrigeerd.",
    "Wynik jest taki sam, ponieważ suma jest poprawiana w każdym bloku i nie zależy od kolejności.",
)
TERSE = (
    "",
    "8",
    "QKᵀ/√d",
    "L = logaddexp(L1, L2), return it too; o = e^(L1−L)·o1 + e^(L2−L)·o2; any reduction tree works",
    "dP = dO Vᵀ; D_i = Σ_j P_ij dP_ij; sale de Σ_k dO_ik O_ik",
    "No: no friction, no other force, so constant speed.",
    "GQA checkpoint conversion mean-pooling uptraining 5% heads groups T5 projection",
    "ventana W, tokens N, claves, valores, caché paginada, lineal, capas",
)


@pytest.mark.parametrize("answer", FOREIGN)
def test_another_language_does_not_fit(answer):
    assert not fits(answer, detect(answer, LANGS))


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("answer", TERSE)
def test_few_words_terms_and_formulas_fit_every_language(answer, lang):
    assert fits(answer, lang)


def test_an_answer_fits_its_own_language_alone():
    assert all(fits(answer, "en") for answer in (*ENGLISH, "teh max is rescalled evry tiem so its teh same resutl"))
    assert all(fits(answer, "es") for answer in SPANISH)
    assert not fits("Porque el máximo se reescala en cada bloque y las sumas son las mismas.", "en")
    assert not fits("Because the maximum is rescaled in each block and the sums are the same.", "es")


@pytest.mark.parametrize("path", ["training/authored", "benchmarks/unseen"])
def test_hardly_any_answer_written_in_its_language_is_doubted(path):
    texts = [file.read_text(encoding="utf-8") for file in sorted((ROOT / path).glob("*.answers.jsonl"))]
    answers = [json.loads(line) for text in texts for line in text.splitlines()]
    doubted = [answer["answer"] for answer in answers if not fits(answer["answer"], answer["lang"])]
    assert len(answers) > 300
    assert len(doubted) <= len(answers) / 1000, doubted  # they are half English, half Spanish


def test_what_is_graded_in_a_language_it_does_not_fit_needs_review():
    never = Promise(0.5, 0.0, 1, 0, 1)
    doubt = Doubt("", promises={("references", "en"): never, ("references", "es"): never})
    grader = Grader.open(load_quiz(find_quiz("phase-27-modern-attention")), Rubric(), doubt=doubt)
    answers = [
        Submission("french", "q-27-01", FOREIGN[0]),
        Submission("stated", "q-27-01", FOREIGN[0], lang="en"),
        Submission("spanish", "q-27-01", SPANISH[0]),
        Submission("english", "q-27-01", ENGLISH[0]),
    ]
    assert [grade.needs_review for grade in grader.grade(answers)] == [True, True, False, False]
