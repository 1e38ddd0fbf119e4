"""Files of calibrations: back as written, and every fault with its place."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from grader.doubt import Calibration, Doubt, Labelled, dump_doubts, load_doubt, read_doubts
from grader.doubt.files import MAX_BYTES, SHIPPED
from grader.errors import FileFaultsError, GraderError

LABELLED = (Labelled(0.9, True), Labelled(0.4, True), Labelled(0.7, False))
DOUBT = Doubt("embedded", {("rubric", "es"): Calibration(1.25, -0.5, "a class", 2, LABELLED)})
ENTRY = json.loads(dump_doubts([DOUBT]))["parts"][0]


@pytest.fixture
def file(tmp_path):
    """Write a text, or a value as JSON, to a file."""

    def write(content: object) -> Path:
        path = tmp_path / "calibration.json"
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(data)
        return path

    return write


def test_what_was_written_reads_back(file):
    other = Doubt("accurate+local", DOUBT.parts)
    assert read_doubts(file(dump_doubts([DOUBT, other]).encode())) == {"embedded": DOUBT, "accurate+local": other}
    text = SHIPPED.read_text(encoding="utf-8")
    assert dump_doubts(read_doubts(SHIPPED).values()) == text


def test_a_file_comes_before_what_ships_and_takes_nothing_else_away(file):
    path = file(dump_doubts([DOUBT]).encode())
    for grader in ("embedded", "embedded+local"):
        shipped, found = load_doubt(grader).parts, load_doubt(grader, path).parts
        assert found == {**shipped, **DOUBT.parts}
        assert found != shipped


def test_a_file_for_another_grader_is_named(file):
    path = file(dump_doubts([DOUBT]).encode())
    with pytest.raises(GraderError, match=r"calibrates embedded, not accurate"):
        load_doubt("accurate", path)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"slope": 0}, "parts[0].slope"),
        ({"slope": -1.0}, "parts[0].slope"),
        ({"slope": "1"}, "parts[0].slope"),
        ({"slope": True}, "parts[0].slope"),
        ({"offset": 1e300}, "parts[0].offset"),
        ({"offset": None}, "parts[0].offset"),
        ({"lang": "fr"}, "parts[0].lang"),
        ({"basis": "guess"}, "parts[0].basis"),
        ({"grader": ""}, "parts[0].grader"),
        ({"right": [0.5, 1.5]}, "parts[0].right[1]"),
        ({"wrong": "none"}, "parts[0].wrong"),
        ({"extra": 1}, "parts[0].extra"),
    ],
)
def test_a_faulty_field_is_named(file, change, place):
    path = file({"calibration": 1, "parts": [ENTRY | change]})
    with pytest.raises(FileFaultsError) as error:
        read_doubts(path)
    assert str(error.value).startswith(f"{path}: {place}: ")
    assert all(len(line) < 300 for line in str(error.value).splitlines())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"calibration": 1}',
        b'{"calibration": 2, "parts": []}',
        dump_doubts([DOUBT]).replace("1.25", "NaN").encode(),
        dump_doubts([DOUBT]).replace("1.25", "1e999").encode(),
        b" " * (MAX_BYTES + 1),
        b'{"calibration": 1, "parts": [' + b",".join([b"{}"] * 1000) + b"]}",
    ],
    ids=lambda content: content[:30].decode("latin-1"),
)
def test_what_is_no_calibration_is_refused(file, content):
    with pytest.raises(FileFaultsError, match=r"calibration\.json") as error:
        read_doubts(file(content))
    assert len(error.value.faults) <= 20


def test_one_part_twice_is_refused(file):
    with pytest.raises(FileFaultsError, match=r"parts\[1\]: 'embedded' rubric es stands there twice"):
        read_doubts(file({"calibration": 1, "parts": [ENTRY, ENTRY]}))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileFaultsError, match=r"absent\.json: cannot be read: No such file"):
        read_doubts(tmp_path / "absent.json")
    with pytest.raises(FileFaultsError, match="cannot be read"):
        read_doubts(tmp_path)
    with pytest.raises(FileFaultsError, match="cannot be read"):
        read_doubts("nul\0")


def test_numbers_that_are_none_are_never_written():
    bad = Doubt("embedded", {("rubric", "en"): Calibration(math.nan, 0.0, "", 0, ())})
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_doubts([bad])
