"""Files that are almost right: a valid one, spoiled in a few places in the ways that people and machines spoil files.

Random bytes are refused at the first of them; what is nearly valid gets deep into a parser before it goes wrong.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from hypothesis import strategies as st

ODD_TEXTS = (
    "", " ", "\0", "\ufeff", "\u202e", "\u2028", "\x85", "\ud800", "\U0001f642", "ñ", "é", '"', "'", "\\", "\r", "\n",
    "\r\n", "\t", ",", ";", "=1+1", "nan", "Infinity", "null", "true", "~", "*a", "&a", "!!python/name:os.system",
    "{", "[", "]", "}", "- ", ": ", "# ", "%YAML 1.2", "---", "...", "|", ">", "?", "en", "es", "fr", "2,3", "x" * 300,
)  # fmt: skip
ODD_NUMBERS = (0, -1, 1, 2, 10**18, 10**40, -(2**63), 1e308, float("inf"), float("-inf"), float("nan"), 0.1, 2.5)
ODD_BYTES = (
    b"", b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\r", b"\n", b"\r\n",
    b"\t", b'"', b"'", b",", b";", b"{", b"}", b"[", b"]", b":", b"\\", b"\\u0000", b"\\ud800", b"&", b"*", b"!", b"%",
    b"@", b"`", b"#", b"-", b"|", b">", b"?", b"PAR1", b"\x1f\x8b", b"9" * 5000, b"[" * 2000, b'{"a":' * 1200,
)  # fmt: skip

words = st.sampled_from(ODD_TEXTS) | st.text(max_size=12)
scalars = st.none() | st.booleans() | st.sampled_from(ODD_NUMBERS) | st.integers() | st.floats() | words
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@dataclass(frozen=True)
class File:
    """A generated file.

    Args:
        name: Its ending tells the format.
        content: Its bytes.
    """

    name: str
    content: bytes


# --- Values -----------------------------------------------------------------------------------------------------------


@st.composite
def spoiled(draw: st.DrawFn, value: Any) -> Any:  # noqa: ANN401 -- plain values of any shape
    """Change a few places of a plain value: another value there, a key renamed or gone, an item twice."""
    for _ in range(draw(st.integers(0, 3))):
        value = _spoil(draw, value)
    return value


def _spoil(draw: st.DrawFn, value: Any) -> Any:  # noqa: ANN401 -- as above
    if not isinstance(value, (dict, list)) or not value or not draw(st.integers(0, 5)):
        return draw(junk)
    changed = value.copy()
    where = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    how = draw(st.sampled_from(["deeper", "deeper", "deeper", "gone", "again", "renamed"]))
    if how == "deeper":
        changed[where] = _spoil(draw, value[where])
    elif how == "gone":
        del changed[where]
    elif isinstance(changed, list):
        changed.insert(draw(st.integers(0, len(value))), value[where])
    else:
        other = draw(st.sampled_from([where.upper(), where[:-1], "id", "answer", "en"]) | words)
        changed[other] = changed.pop(where) if how == "renamed" else value[where]
    return changed


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Change a few places of a file's bytes: a piece replaced, repeated, moved, or all after it cut off."""
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 2, 5, 30])))
        before, piece, after = content[:start], content[start:end], content[end:]
        how = draw(st.sampled_from(["replace", "replace", "replace", "random", "repeat", "move", "cut"]))
        if how == "replace":
            content = before + draw(st.sampled_from(ODD_BYTES)) + after
        elif how == "random":
            content = before + draw(st.binary(max_size=4)) + after
        elif how == "repeat":
            content = before + piece * draw(st.sampled_from([2, 3, 50])) + after
        elif how == "move":
            content = piece + before + after
        else:
            content = before
    return content


# --- Submissions ------------------------------------------------------------------------------------------------------

COLUMNS = ("submission_id", "question_id", "answer", "lang", "learner_id")
answers = st.sampled_from(["It is exact.", "Es exacta, «sí».", "2,3", "2", 'a "quoted" word', "two\nlines"]) | words


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of a submissions file, most of them as they should be."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        row = {
            "submission_id": f"s{number}",
            "question_id": draw(st.sampled_from(["q-1", "q-2"])),
            "answer": draw(answers | st.lists(answers, max_size=3)),
            "lang": draw(st.sampled_from(["en", "es", None])),
            "learner_id": draw(st.sampled_from(["ana", None])),
        }
        found.append(row if draw(st.integers(0, 2)) else draw(spoiled(row)))
    return [row for row in found if isinstance(row, dict)]


@st.composite
def packed(draw: st.DrawFn, name: str, content: bytes) -> File:
    """Damage a file, before or after gzip where that comes in; at times its name promises another format."""
    content = draw(damaged(content))
    if draw(st.integers(0, 3)) == 0:
        content = draw(damaged(gzip.compress(content, mtime=0)))
        name += draw(st.sampled_from([".gz", ".gz", ""]))
    if draw(st.integers(0, 30)) == 0:
        name = draw(st.sampled_from(["s.csv", "s.jsonl", "s.parquet", "s.csv.gz", "s.txt", "s"]))
    return File(name, content)


@st.composite
def json_lines(draw: st.DrawFn) -> File:
    """A submissions file in JSON Lines."""
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\n\n"]))
    ascii_only = draw(st.booleans())
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + end for row in draw(rows()))
    return draw(packed("s.jsonl", text.encode("utf-8", "surrogatepass")))


@st.composite
def csv_file(draw: st.DrawFn) -> File:
    """A submissions file in CSV, of one of the dialects that spreadsheets write."""
    table = io.StringIO()
    writer = csv.writer(
        table,
        delimiter=draw(st.sampled_from([",", ",", ";", "\t", "|"])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
    )
    header = list(COLUMNS) if draw(st.integers(0, 4)) else draw(spoiled(list(COLUMNS)))
    writer.writerow(header if isinstance(header, list) else [header])
    for row in draw(rows()):
        cells = [row.get(name) for name in COLUMNS]
        writer.writerow([";".join(map(str, cell)) if isinstance(cell, list) else cell for cell in cells])
    start = draw(st.sampled_from(["", "", "", "\ufeff", "\n"]))
    return draw(packed("s.csv", (start + table.getvalue()).encode("utf-8", "surrogatepass")))


PARQUET_TYPES = (
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.int64(), pa.uint8(), pa.float64(), pa.bool_(),
    pa.null(), pa.date32(), pa.timestamp("ns"), pa.timestamp("us", tz="Europe/Madrid"), pa.decimal128(20, 3),
    pa.list_(pa.string()), pa.list_(pa.int64()), pa.struct([("a", pa.string())]),
    pa.dictionary(pa.int32(), pa.string()), pa.map_(pa.string(), pa.string()), pa.time64("us"),
    pa.duration("ns"), pa.float16(),
)  # fmt: skip


@st.composite
def parquet_file(draw: st.DrawFn) -> File:
    """A submissions file in Parquet, whose columns are text for the most part."""
    found = draw(rows())
    columns: dict[str, pa.Array] = {}
    names = list(COLUMNS) if draw(st.integers(0, 4)) else draw(st.lists(st.sampled_from(COLUMNS) | words, max_size=5))
    for name in names:
        kind = pa.string() if draw(st.integers(0, 3)) else draw(st.sampled_from(PARQUET_TYPES))
        columns[name] = pa.array([_fitting(row.get(name), kind) for row in found], kind)
    file = io.BytesIO()
    compression = draw(st.sampled_from(["snappy", "zstd", "gzip", "none"]))
    pq.write_table(
        pa.table([*columns.values()], names=[name.encode("utf-8", "replace").decode() for name in columns]),
        file,
        compression=compression,
        use_dictionary=draw(st.booleans()),
        row_group_size=draw(st.sampled_from([1, 2, 1000])),
        store_schema=draw(st.booleans()),
        write_page_checksum=draw(st.booleans()),
    )
    return draw(packed("s.parquet", file.getvalue()))


def _fitting(value: Any, kind: pa.DataType) -> Any:  # noqa: ANN401 -- as above
    """Make a value fit into a column where it can, or leave a hole."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        value = None if value is None else str(value).encode("utf-8", "replace").decode()
    if pa.types.is_struct(kind) and not isinstance(value, dict):  # alone it would pass
        return None
    try:
        pa.array([value], kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    return value


# --- Quizzes and rubrics ----------------------------------------------------------------------------------------------

sentences = st.sampled_from(["It is exact.", "Es exacta.", "¿Por qué?", "O(n²) «x»", "a: b", "- c", "no", "1.0", "{x}"])


@st.composite
def local_text(draw: st.DrawFn, langs: tuple[str, ...]) -> Any:  # noqa: ANN401 -- a mapping or a text
    """One text in each language; bare where a file has one language and its author likes it so."""
    if len(langs) == 1 and draw(st.booleans()):
        return draw(sentences)
    return {lang: draw(sentences) for lang in langs}


@st.composite
def quiz_value(draw: st.DrawFn) -> dict[str, Any]:
    """What a quiz file holds, without a fault save that choices may read the same."""
    langs = draw(st.sampled_from([("en", "es"), ("en", "es"), ("en",), ("es",)]))
    text = local_text(langs)
    questions = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        kind = draw(st.sampled_from(["free", "single", "multiple"]))
        question: dict[str, Any] = {"id": f"q-{number}", "type": kind, "prompt": draw(text)}
        if kind == "free":
            question["reference"] = {lang: draw(st.lists(sentences, min_size=1, max_size=2)) for lang in langs}
        else:
            count = draw(st.integers(2, 4))
            question["choices"] = [dict.fromkeys(langs, f"choice {place}") for place in range(count)]
            keys = st.lists(st.integers(1, count), min_size=1, max_size=count, unique=True)
            question["answer"] = draw(keys) if kind == "multiple" else [1]
        for name in draw(st.sets(st.sampled_from(["title", "explanation"]))):
            question[name] = draw(text)
        questions.append(question)
    head: dict[str, Any] = {"schema": 1, "id": "tiny", "title": draw(text), "questions": questions}
    return head | ({"lang": langs[0]} if len(langs) == 1 else {})


@st.composite
def rubric_value(draw: st.DrawFn) -> dict[str, Any]:
    """What the rubric of a quiz with the free questions q-1 and q-2 in two languages holds."""
    text = local_text(("en", "es"))
    found: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(["q-1", "q-2"]), min_size=1, unique=True)):
        points = st.sampled_from([1, 2, 0.5, 1e3])
        criteria = [
            {"id": f"c{place}", "points": draw(points), "statement": draw(text), "accept": {"en": ["x"], "es": ["y"]}}
            for place in range(draw(st.integers(1, 3)))
        ]
        myths = [{"id": f"m{place}", "statement": draw(text)} for place in range(draw(st.integers(0, 2)))]
        found[key] = {"criteria": criteria, "misconceptions": myths}
        if draw(st.booleans()):
            found[key]["max_points"] = draw(points)
    return found


@st.composite
def yaml_file(draw: st.DrawFn, value: st.SearchStrategy[dict[str, Any]]) -> File:
    """A YAML file of such a value, in one of the many spellings that YAML has for it."""
    found = draw(value)
    text = yaml.dump(
        found if draw(st.integers(0, 3)) == 0 else draw(spoiled(found)),
        allow_unicode=draw(st.booleans()),
        default_flow_style=draw(st.sampled_from([None, True, False])),
        default_style=draw(st.sampled_from([None, None, '"', "'", "|"])),
        indent=draw(st.sampled_from([2, 4])),
        width=draw(st.sampled_from([20, 80, 10_000])),
        explicit_start=draw(st.booleans()),
        sort_keys=draw(st.booleans()),
        line_break=draw(st.sampled_from(["\n", "\r\n"])),
    )
    return File("tiny.yaml", draw(damaged(text.encode("utf-8", "surrogatepass"))))
