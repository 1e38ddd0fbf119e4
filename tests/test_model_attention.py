"""Grades are the same on either attention, up to rounding, and their receipts name which one it was."""

from __future__ import annotations

import copy
import dataclasses
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import grader.attention
from grader.e5 import load_tokenizer
from grader.embed import Embedder, load_embedder
from grader.entail import PairReader, _Pairs, load_reader
from grader.grade import Grader
from grader.load import load_quiz, load_rubric, read_submissions
from grader.model_attention import Attention, attend_ours, attend_sdpa
from grader.packing import Packing
from grader.pair_layout import lay_out_answer
from grader.resources import find_quiz, find_rubric
from grader.schema import Grade, Submission

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

pytestmark = pytest.mark.usefixtures("single_precision")
ROOT = Path(__file__).parents[1]
ANSWER = "Each new block rescales the running max and denominator exactly, so the output is that of plain softmax."
QUESTION = "Is FlashAttention an approximation?"
STATEMENTS = (
    "The result is exact.",
    "It approximates softmax, since the tiles are never seen together and something is lost between them.",
    "Solo cambia el redondeo.",
)
NOTED = "+attention:ours"
ANSWERS = (
    ANSWER,
    "no",
    "Una ventana deslizante olvida los tokens más antiguos.",
    "The cache is in blocks.",
    "word " * 300,
)
LAST_DECIMAL = 1.001e-3  # grades are rounded to three
# Both round alike outside attention, where most roundings are: the errors' sizes differ by chance, not by kind.
SCATTER = 2.0

each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: for tensors this small, threads on a busy machine only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def graded() -> dict[Attention, list[Grade]]:
    """The sample submissions on either attention."""
    path = find_quiz("phase-27-modern-attention")
    quiz = load_quiz(path)
    rubric = load_rubric(find_rubric(path, quiz.id), quiz)
    rows = read_submissions(str(ROOT / "data/examples/submissions.jsonl"))
    submissions = [row for row in rows if isinstance(row, Submission)]
    return {name: Grader.open(quiz, rubric, attention=name).grade(submissions) for name in ("sdpa", "ours")}


def _reader(attention: Attention, dtype: torch.dtype, device: str = "cpu") -> PairReader:
    """The shipped pair model in another precision or place."""
    shipped = load_reader("sdpa")
    encoder, head = (copy.deepcopy(part).to(device, dtype) for part in (shipped._encoder, shipped._head))
    return PairReader(encoder, head, load_tokenizer(), shipped._apart, "copy", attention=attention)


def _embedder(attention: Attention, dtype: torch.dtype, device: str = "cpu") -> Embedder:
    """The shipped encoder in another precision or place."""
    model = copy.deepcopy(load_embedder("sdpa")._model).to(device, dtype)
    return Embedder(model, load_tokenizer(), attention)


def _logits(reader: PairReader, answers: Sequence[str] = ANSWERS) -> NDArray[np.float64]:
    """What a reader makes of answers, before probabilities are rounded."""
    with torch.inference_mode():
        known = list(reader._know({(QUESTION, statement): None for statement in STATEMENTS}).values())
        pairs = [_Pairs(*lay_out_answer(ids), known) for ids in load_tokenizer().ids(answers)]
        return reader._logits(pairs).double().cpu().numpy()


def _rms(error: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.square(error, dtype=np.float64).mean()))


def test_packed_attention_is_that_of_padded_keys():
    generator = torch.Generator().manual_seed(0)
    packing = Packing([5, 1, 9], torch.device("cpu"), np.array([[0, 4], [4, 0], [2, 7]]), 11)
    query = torch.randn(15, 4, 8, generator=generator, dtype=torch.float64)
    key, value = torch.randn(2, 26, 4, 8, generator=generator, dtype=torch.float64)
    rows = [[0, 1, 2, 3, *range(11, 16)], [16], [*range(2, 9), *range(17, 26)]]
    exact = []
    for part, kept in zip(query.split([5, 1, 9]), rows, strict=True):
        weights = torch.einsum("thd,shd->hts", part, key[kept]).div(8**0.5).softmax(-1)
        exact.append(torch.einsum("hts,shd->thd", weights, value[kept]).flatten(1))
    # Weighted means of numbers near 1: a few dozen roundings of float64.
    close = 64 * torch.finfo(torch.float64).eps
    for attend in (attend_sdpa, attend_ours):
        torch.testing.assert_close(attend(packing, query, key, value), torch.cat(exact), rtol=0, atol=close)


@each_device
def test_readings_are_as_near_to_exact_ones_as_sdpas(device):
    exact = _logits(_reader("sdpa", torch.float64))
    errors = {name: _rms(_logits(_reader(name, torch.float32, device)) - exact) for name in ("sdpa", "ours")}
    assert 0 < errors["ours"] <= SCATTER * errors["sdpa"]


@each_device
def test_vectors_are_as_near_to_exact_ones_as_sdpas(device):
    single = {name: _embedder(name, torch.float32, device).encode(ANSWERS) for name in ("sdpa", "ours")}
    exact = _embedder("sdpa", torch.float64).encode(ANSWERS)
    errors = {name: _rms(vectors - exact) for name, vectors in single.items()}
    assert 0 < errors["ours"] <= SCATTER * errors["sdpa"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy in the interpreter, where a tile is not full
@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="the kernels run on the GPU here")
def test_the_kernels_read_and_encode_as_the_tiles_do(monkeypatch):
    tiled = load_embedder("ours").encode(["It is exact."])
    monkeypatch.setattr(grader.attention, "attend_varlen", partial(grader.attention.attend_varlen, impl="triton"))
    assert _rms(load_embedder("ours").encode(["It is exact."]) - tiled) < np.finfo(np.float32).eps
    exact = _logits(_reader("sdpa", torch.float64), ["It is exact."])
    errors = {name: _rms(_logits(_reader(name, torch.float32), ["It is exact."]) - exact) for name in ("sdpa", "ours")}
    assert 0 < errors["ours"] <= SCATTER * errors["sdpa"]


def test_ours_computes_every_layer_and_sdpa_none(monkeypatch):
    calls = []
    real = grader.attention.attend_varlen
    monkeypatch.setattr(grader.attention, "attend_varlen", lambda *x: calls.append(real) or real(*x))
    _reader("sdpa", torch.float32).read(ANSWER, QUESTION, STATEMENTS)
    load_embedder("sdpa").encode([ANSWER])
    assert calls == []
    _reader("ours", torch.float32).read(ANSWER, QUESTION, STATEMENTS)
    assert len(calls) == 12 * 2  # the statements, then the answer
    load_embedder("ours").encode([ANSWER])
    assert len(calls) == 12 * 3


def test_grades_are_the_same_but_for_the_last_decimal(graded):
    for theirs, ours in zip(graded["sdpa"], graded["ours"], strict=True):
        if not isinstance(theirs, Grade):
            assert ours == theirs
            continue
        assert ours.confidence == pytest.approx(theirs.confidence, abs=LAST_DECIMAL)
        for one, other in zip(
            theirs.criteria + theirs.misconceptions, ours.criteria + ours.misconceptions, strict=True
        ):
            assert other.probability == pytest.approx(one.probability, abs=LAST_DECIMAL)
            assert dataclasses.replace(other, probability=one.probability) == one
        kept = {name: getattr(theirs, name) for name in ("confidence", "criteria", "misconceptions", "receipt")}
        assert dataclasses.replace(ours, **kept) == theirs


def test_receipts_tell_the_attention_where_a_model_read(graded):
    for theirs, ours in zip(graded["sdpa"], graded["ours"], strict=True):
        if isinstance(theirs, Grade):
            read = theirs.question_id in {"q-27-01", "q-27-05"}
            assert (ours.receipt != theirs.receipt) == read


def test_the_attention_is_all_that_a_receipt_tells_apart(graded, monkeypatch):
    monkeypatch.setattr(load_reader("ours"), "revision", load_reader("ours").revision.removesuffix(NOTED))
    assert load_reader("ours").revision == load_reader("sdpa").revision
    path = find_quiz("phase-27-modern-attention")
    quiz = load_quiz(path)
    grader = Grader.open(quiz, load_rubric(find_rubric(path, quiz.id), quiz), attention="ours")
    rows = [
        row for row in read_submissions(str(ROOT / "data/examples/submissions.jsonl")) if isinstance(row, Submission)
    ]
    free = next(place for place, row in enumerate(rows) if row.question_id == "q-27-01")
    (again,) = grader.grade([rows[free]])
    assert again.receipt == graded["sdpa"][free].receipt
