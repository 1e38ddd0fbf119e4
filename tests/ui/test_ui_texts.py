"""Both languages say the same things."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from grader import ui
from grader.feedback import for_free
from grader.schema import LANGS, Verdict
from grader.ui.texts import LANG_NAMES, TEXTS, number, say

SOURCES = "".join(path.read_text(encoding="utf-8") for path in Path(ui.__file__).parent.glob("*.py"))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_the_same_texts():
    assert set(TEXTS) == set(LANG_NAMES) == set(LANGS)
    assert list(TEXTS["en"]) == list(TEXTS["es"])


@pytest.mark.parametrize("key", TEXTS["en"])
def test_a_text_needs_the_same_values_in_each_language(key):
    assert fields(TEXTS["en"][key]) == fields(TEXTS["es"][key])
    assert TEXTS["en"][key].strip()
    assert TEXTS["es"][key].strip()


@pytest.mark.parametrize("key", TEXTS["en"])
def test_no_text_is_left_over(key):
    family = re.sub(r"_(correct|partial|contradictory|irrelevant|non_domain|unscored|pending)$", "_{", key)
    family = re.sub(r"^type_.*", "type_{", family)
    assert f'"{key}"' in SOURCES.replace(f'    "{key}":', "") or f'f"{family}' in SOURCES


@pytest.mark.parametrize("lang", LANGS)
def test_one_thing_has_one_name(lang):
    said = " ".join(
        [*TEXTS[lang].values(), for_free(Verdict.IRRELEVANT, lang, missing=[], corrections=[], orders=True)]
    )
    assert "calificador" not in said
    assert lang == "en" or said.count("corrector") == 2


def test_a_missing_value_is_an_error():
    with pytest.raises(KeyError):
        say("en", "answered_of", answered=1)


@pytest.mark.parametrize(
    ("value", "en", "es"), [(2.0, "2", "2"), (2.5, "2.5", "2,5"), (1 / 3, "0.33", "0,33"), (10, "10", "10")]
)
def test_numbers_follow_the_language(value, en, es):
    assert (number("en", value), number("es", value)) == (en, es)
