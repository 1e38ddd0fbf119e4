"""Many texts read at once: the same bits as each alone, on any number of threads, in halves where memory ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pair_cases import cases_of_many_lengths, some_text

from grader import entail, packed, placement
from grader.e5 import build_model
from grader.embed import load_embedder
from grader.encoder import build_encoder
from grader.entail import Case, PairReader, _Pairs, load_reader
from grader.errors import ModelUnavailableError
from grader.packing import Packing, batches
from grader.pair_layout import lay_out_answer
from grader.parallel import in_halves, in_parallel

pytestmark = pytest.mark.usefixtures("single_precision", "one_thread")
BFLOAT16_BOUND = 0.02  # of a probability


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return cases_of_many_lengths(longest=120)


def logits(reader: PairReader, cases: list[Case]) -> list[np.ndarray]:
    """What a reader makes of cases packed together, before anything is rounded."""
    with torch.inference_mode():
        known = reader._know({(case.question, statement): None for case in cases for statement in case.statements})
        ids = reader._tokenizer.ids([case.answer for case in cases])
        pairs = [
            _Pairs(*lay_out_answer(row), [known[case.question, statement] for statement in case.statements])
            for row, case in zip(ids, cases, strict=True)
        ]
        rows = reader._logits(pairs).numpy()
    return np.split(rows, np.cumsum([len(case.statements) for case in cases])[:-1])


@pytest.mark.parametrize("attention", ["sdpa", "ours"])
def test_a_reading_is_the_same_bits_whatever_it_is_packed_with(cases, attention):
    reader = load_reader(attention)
    together = logits(reader, cases)
    assert all(np.isfinite(rows).all() for rows in together)
    backwards = logits(reader, cases[::-1])[::-1]
    reader._statements.clear()
    for case, *found in zip(cases, together, backwards, strict=True):
        (alone,) = logits(reader, [case])
        assert all(alone.tobytes() == rows.tobytes() for rows in found)


def test_a_reading_is_the_same_bits_on_any_number_of_threads(cases):
    reader = load_reader()
    one = np.concatenate(reader.read_all(cases))
    for threads in (2, 3):
        torch.set_num_threads(threads)
        reader._statements.clear()
        assert np.concatenate(reader.read_all(cases)).tobytes() == one.tobytes()
        assert torch.get_num_threads() == threads


def test_a_reading_is_the_same_bits_in_batches_of_any_size(cases, monkeypatch):
    reader = load_reader()
    whole = np.concatenate(reader.read_all(cases))
    for tokens in (1, 100, 100_000):
        monkeypatch.setattr(packed, "CPU_TOKENS", tokens)
        assert np.concatenate(reader.read_all(cases)).tobytes() == whole.tobytes()


def test_packed_layers_compute_what_the_models_own_code_does():
    """Against transformers' BertModel, whose rounding differs."""
    embedder, model = load_embedder(), build_model()
    texts = [some_text(n, n) for n in (1, 8, 30)]
    ids = embedder._tokenizer.ids([f"query: {text}" for text in texts])
    for vector, row in zip(embedder.encode(texts), ids, strict=True):
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([[0, *row, 2]])).last_hidden_state[0]
        exact = torch.nn.functional.normalize(states.mean(0), dim=0).numpy()
        assert np.abs(vector - exact).max() < 1e-5  # of components around 0.05, after 12 layers in float32


def test_the_encoder_names_its_parameters_as_training_does():
    def names(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
        return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}

    assert names(build_encoder()) == names(build_model())


def test_reading_needs_no_transformers(loaded_by_reading):
    assert not {"transformers", "gradio", "pyarrow"} & loaded_by_reading


def test_statements_are_kept_and_read_once(cases, monkeypatch):
    reader = load_reader()
    reader._statements.clear()
    read = []
    real = PairReader._read_statements
    monkeypatch.setattr(PairReader, "_read_statements", lambda self, laid: read.extend(laid) or real(self, laid))
    reader.read_all(cases)
    reader.read_all(cases)
    assert len(read) == len({(case.question, statement) for case in cases for statement in case.statements})


def test_what_is_kept_of_statements_has_a_limit(cases, monkeypatch):
    monkeypatch.setattr("grader.entail.KEPT_TOKENS", 60)
    reader = load_reader()
    first = np.concatenate(reader.read_all(cases))
    assert sum(map(len, reader._statements.values())) <= 60
    assert np.concatenate(reader.read_all(cases)).tobytes() == first.tobytes()


def test_means_take_the_chosen_tokens_of_each_text_alone():
    packing = Packing([3, 1, 2], torch.device("cpu"))
    states = torch.arange(6.0)[:, None].expand(-1, 4)
    chosen = packing.mark([[7, 8, 7], [8], [7, 7]], 7)
    assert packing.means(states, chosen)[:, 0].tolist() == [1.0, 0.0, 4.5]


def test_batches_hold_everything_once_and_no_more_than_the_limit():
    costs = [5, 1, 9, 20, 3, 3, 8]
    cut = batches(costs, 10)
    assert sorted(place for batch in cut for place in batch) == list(range(7))
    assert all(len(batch) == 1 or sum(costs[i] for i in batch) <= 10 for batch in cut)
    assert batches([], 10) == []


def test_where_memory_ends_the_batch_is_halved_and_nothing_is_lost():
    tried = []

    def work(items: list[int]) -> list[int]:
        tried.append(len(items))
        if len(items) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [item * item for item in items]

    items = list(range(13))
    assert list(in_halves(work, items)) == [item * item for item in items]
    assert tried[0] == 13
    with pytest.raises(torch.OutOfMemoryError):
        in_halves(lambda _: (_ for _ in ()).throw(torch.OutOfMemoryError("for one")), [1])


def test_a_reader_whose_memory_ends_gives_the_same_readings(cases, monkeypatch):
    reader = load_reader()
    whole = np.concatenate(reader.read_all(cases))
    real, refused = PairReader._logits, []

    def small(self: PairReader, pairs: list[_Pairs]) -> torch.Tensor:
        if len(pairs) > 2:
            refused.append(len(pairs))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, pairs)

    monkeypatch.setattr(PairReader, "_logits", small)
    assert np.concatenate(reader.read_all(cases)).tobytes() == whole.tobytes()
    assert refused


def test_one_answer_is_shared_out_among_the_cores(cases, monkeypatch):
    reader, case = load_reader(), max(cases, key=lambda case: len(case.statements) * min(len(case.answer), 99))
    (alone,) = reader.read_all([case])
    pieces = []
    real = PairReader._logits
    monkeypatch.setattr(PairReader, "_logits", lambda self, pairs: pieces.append(len(pairs)) or real(self, pairs))
    torch.set_num_threads(2)
    assert reader.read_all([case])[0].tobytes() == alone.tobytes()
    assert len(pieces) >= 2
    assert reader.read_all([]) == []


def test_an_error_in_one_batch_reaches_the_caller_and_threads_are_as_before():
    def work(items: list[int]) -> list[int]:
        if 3 in items:
            raise ValueError("three")
        return items

    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="three"):
        in_parallel(work, [[1], [2], [3], [4]])
    assert torch.get_num_threads() == 2
    assert in_parallel(work, [[1], [2]]) == [[1], [2]]


@pytest.fixture
def placed(monkeypatch):
    """Load a reader where the environment says."""

    def load(**variables: str) -> PairReader:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return entail._load.__wrapped__("sdpa", placement.find_placement())

    return load


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"GRADER_DEVICE": "tpu"}, "GRADER_DEVICE must be cpu or cuda, got 'tpu'"),
        ({"GRADER_PRECISION": "int4"}, "GRADER_PRECISION must be float32 or bfloat16, got 'int4'"),
    ],
)
def test_a_place_that_there_is_not_is_refused(placed, variables, told):
    with pytest.raises(ModelUnavailableError, match=told):
        placed(**variables)


def test_a_gpu_that_torch_does_not_find_is_refused(placed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelUnavailableError, match="finds no CUDA device"):
        placed(GRADER_DEVICE="cuda")


def test_bfloat16_reads_within_its_bound_alike_in_any_batch_and_is_named(cases, placed):
    plain = load_reader()
    exact = np.concatenate(plain.read_all(cases))
    reader = placed(GRADER_PRECISION="bfloat16")
    together = np.concatenate(reader.read_all(cases))
    assert 0 < np.abs(together - exact).max() < BFLOAT16_BOUND
    assert np.concatenate([reader.read_all([case])[0] for case in cases]).tobytes() == together.tobytes()
    assert reader.revision == f"{plain.revision}+bfloat16"


@pytest.mark.parametrize(("has", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_the_hardware_says_the_precision_where_nobody_does(monkeypatch, has, precision):
    monkeypatch.delenv("GRADER_PRECISION")
    monkeypatch.setattr(placement, "_multiplies_bfloat16", lambda _device: has)
    assert placement.find_placement().precision == precision


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-3), ("bfloat16", BFLOAT16_BOUND)])
def test_on_a_gpu_a_reading_is_near_that_of_the_processor_in_any_batch(cases, placed, precision, bound):
    here = np.concatenate(load_reader().read_all(cases))
    reader = placed(GRADER_DEVICE="cuda", GRADER_PRECISION=precision)
    together = np.concatenate(reader.read_all(cases))
    alone = np.concatenate([reader.read_all([case])[0] for case in cases])
    assert np.abs(together - alone).max() < bound
    assert np.abs(together - here).max() < bound
