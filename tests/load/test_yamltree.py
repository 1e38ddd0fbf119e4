"""YAML from strangers: nothing is built, nothing expands, nothing hides."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import FileFaultsError
from grader.load import load_quiz, load_rubric, yamltree
from grader.load.yamltree import read_document

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"


def faults(path):
    with pytest.raises(FileFaultsError) as caught:
        read_document(path)
    return caught.value.faults


def test_values_keep_their_lines(write):
    document = read_document(write("a: 1\nb:\n  - x\n  - {c: 2.5, d: ~}\n"))
    assert document.data == {"a": 1, "b": ["x", {"c": 2.5, "d": None}]}
    assert document.lines[("b", 1, "c")] == 4
    assert document.fault(("b", 1, "missing"), "").line == 4
    assert document.fault(("b", 7), "").field == "b[7]"


def test_every_tag_anchor_alias_and_repeated_key_is_named(write):
    text = "a: !!python/object/apply:os.system [ls]\nb: &b 1\nc: *b\nb: 2\n!t d: 3\n"
    found = [(fault.line, fault.field) for fault in read_document(write(text)).faults]
    assert found == [(1, "a"), (2, "b"), (3, "c"), (4, "b"), (5, "d")]


def test_an_alias_bomb_expands_to_nothing(write):
    assert len(read_document(write(BOMB)).faults) == 9


def test_the_first_of_two_equal_keys_is_named(write):
    (fault,) = read_document(write("a: 1\nb: 2\na: 3\n")).faults
    assert "line 1" in fault.message


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"a: 1\nb: \xe9\n", 2, "0xe9 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "UTF-16"),
        (b"a: 1\nb: \x00\n", 2, "U+0000"),
        (b"a: 1\nb: \x1b[31m\n", 2, "U+001B"),
        ("a: 1\nb: \u202e\n", 2, "U+202E"),
        ("a: 1\nb: }", 2, "YAML"),
        ("a: 1\n\tb: 1\n", 2, "YAML"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: 1\n? [b]\n: c\n", 2, "key"),
        ("a: 1\n*b : c\n", 2, "key"),
        ("%YAML 9.0\n---\na: 1\n", 1, "YAML"),
        ("a: 1\nb: {", 2, "YAML"),  # the parser says 3
        ("a: 1\nb", 2, "YAML"),
        ("[" * 60, 1, "nested deeper"),
        ("[" * 200_000, 1, "nest"),  # libyaml stops of itself first, from PyYAML 6.0.4 on
        ("a:\n" + "".join(f"{' ' * depth}- \n" for depth in range(1, 60)), None, "nested deeper"),
    ],
)
def test_what_breaks_off_says_where(write, content, line, says):
    found = faults(write(content))
    assert says in found[-1].message
    assert line in {None, found[-1].line}


@pytest.mark.parametrize("escaped", [r'"\0"', r'"\x1b"', r'"\u202E"', r'"\u0085"'])
def test_escapes_smuggle_no_control_characters(write, escaped):
    (fault,) = read_document(write(f"a: {escaped}\n")).faults
    assert (fault.line, fault.field) == (1, "a")


def test_a_lone_surrogate_is_refused_as_syntax_or_as_a_character(write, quiz_text):
    path = write(quiz_text.replace("Tiny", r"\uD800"))
    assert faults_of(load_quiz, path)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    started = time.perf_counter()
    assert "larger than" in faults(path)[0].message
    assert time.perf_counter() - started < 1


def test_a_file_of_countless_values_is_refused_soon(write):
    started = time.perf_counter()
    assert "more than" in faults(write("[" + "a," * 900_000 + "]"))[0].message
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b", "x" * 5000])
def test_what_cannot_be_opened_is_a_fault(tmp_path, name):
    assert "cannot be read" in faults(f"{tmp_path}/{name}")[0].message


def test_numbers_are_plain_decimals_only(write):
    text = "[1, -2, 1.5, 1e3, 007, 0x10, 1_000, 12:30, .nan, " + "9" * 5000 + "]"
    values = read_document(write(text)).data
    assert values[:4] == [1, -2, 1.5, 1000.0]
    assert all(isinstance(value, str) for value in values[4:])


KEYS = ["schema", "id", "lang", "title", "questions", "type", "prompt", "choices", "answer", "reference", "en", "es"]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["free", "single", "q1"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=20,
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def faults_of(load, path):
    """Faults of a file, or ``None`` where it loads."""
    try:
        load(path)
    except FileFaultsError as error:
        return error.faults
    return None


def loads_or_faults(path, quiz):
    assert faults_of(load_quiz, path) != ()
    assert faults_of(lambda path: load_rubric(path, quiz), path) != ()


@pytest.fixture(params=[yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)], ids=["python", "libyaml"])
def either_parser(request, monkeypatch):
    monkeypatch.setattr(yamltree, "_LOADER", request.param)


@FUZZ
@given(content=st.binary(max_size=200) | st.text(alphabet="abc:-[]{}&*!|>'\"%@`#, \n\t?~<=\\0é\ufeff", max_size=200))
@pytest.mark.usefixtures("either_parser")
def test_any_bytes_are_a_course_file_or_faults(write, quiz_text, content):
    loads_or_faults(write(content), load_quiz(write(quiz_text, "quiz.yaml")))


@FUZZ
@given(value=VALUES)
@pytest.mark.usefixtures("either_parser")
def test_any_yaml_is_a_course_file_or_faults(write, quiz_text, value):
    text = yaml.dump(value, allow_unicode=True)
    loads_or_faults(write(text.encode("utf-8", "surrogatepass")), load_quiz(write(quiz_text, "quiz.yaml")))


@FUZZ
@given(data=st.data())
def test_any_damage_to_a_course_file_is_a_course_file_or_faults(write, quiz_text, rubric_text, data):
    quiz = load_quiz(write(quiz_text, "quiz.yaml"))
    text = data.draw(st.sampled_from([quiz_text, rubric_text])).encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    loads_or_faults(write(text[:start] + data.draw(st.binary(max_size=6)) + text[end:]), quiz)
