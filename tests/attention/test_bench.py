"""The bench: what it measures, and that nothing wrong gets a time."""

from __future__ import annotations

import json

import pytest
import torch
from rich.console import Console
from torch import Tensor

from grader.attention.bench import Ceilings, Machine, Row, append, read, run, run_bench, show
from grader.attention.bench.cases import Case, Operands, choose_cases, draw
from grader.attention.bench.check import forward_error, relative_error
from grader.attention.bench.peers import NotApplicableError, Peer, choose_peers, ends, pack
from grader.attention.bench.run import _measure
from grader.attention.reference import attend_reference

CPU = torch.device("cpu")
CEILINGS = Ceilings(matmul_tflops=2.0, copy_tbs=0.5)


def _tiny(section: str, **options: object) -> Case:
    return Case(section, 2, 4, 2, 64, 16, **options)


@pytest.mark.parametrize("section", ["forward", "backward", "decode", "packed"])
def test_every_competitor_on_the_processor_is_right_and_timed(section):
    case = _tiny(section, causal=section == "backward")
    rows = [_measure(case, draw(case, CPU), peer, CPU, CEILINGS) for peer in choose_peers(case, CPU)]
    assert [row.peer for row in rows] == ["ours, tiled", "ours, reference", "SDPA"]
    for row in rows:
        assert not row.note
        assert row.error <= row.bound
        ceiling = 0.5 if section == "decode" else 2.0
        assert row.rate == pytest.approx(row.ceiling_share * ceiling)


def test_a_wrong_result_gets_no_time():
    case = _tiny("forward", causal=True)

    def forgets_the_mask(_case: Case, x: Operands) -> object:
        return lambda: attend_reference(x.query, x.key, x.value).out

    row = _measure(case, draw(case, CPU), Peer("careless", forgets_the_mask), CPU, CEILINGS)
    assert row.wrong
    assert row.error > row.bound
    assert (row.time_ms, row.rate, row.note) == (None, None, "wrong: not timed")


def test_a_result_of_nothing_is_wrong():
    case = _tiny("forward")
    peer = Peer("empty", lambda _case, x: lambda: torch.full_like(x.query, torch.nan))
    assert _measure(case, draw(case, CPU), peer, CPU, CEILINGS).wrong


@pytest.mark.parametrize(
    ("error", "note"), [(NotApplicableError("has no window"), "has no window"), (OSError("x"), "OSError: x")]
)
def test_a_competitor_that_fails_leaves_a_note(error, note):
    def prepare(_case: Case, _x: Operands) -> object:
        raise error

    row = _measure(_tiny("forward"), draw(_tiny("forward"), CPU), Peer("absent", prepare), CPU, CEILINGS)
    assert not row.wrong
    assert (row.error, row.time_ms, row.note) == (None, None, note)


def test_an_error_anywhere_in_the_sampled_queries_is_seen():
    case = Case("forward", 1, 2, 1, 300, 16, window=40)
    x = draw(case, CPU)
    out = attend_reference(x.query, x.key, x.value, window=40).out
    assert forward_error(case, x, out) < 1e-6
    for query in (0, 150, 299):
        spoiled = out.clone()
        spoiled[:, :, query] += 1
        assert forward_error(case, x, spoiled) > 0.1


def test_error_is_relative_to_the_result_and_nan_is_large():
    exact = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert relative_error(exact + torch.tensor([0.0, 0.05]), exact) == pytest.approx(0.01)
    assert not relative_error(exact * torch.nan, exact) <= 1e9


@pytest.mark.parametrize(
    ("case", "work"),
    [
        (Case("forward", 2, 4, 2, 10, 8), 4 * 2 * 4 * 8 * 100),
        (Case("forward", 2, 4, 2, 10, 8, causal=True), 4 * 2 * 4 * 8 * 55),
        (Case("forward", 2, 4, 2, 10, 8, window=3), 4 * 2 * 4 * 8 * (1 + 2 + 8 * 3)),
        (Case("backward", 2, 4, 2, 10, 8), 2.5 * 4 * 2 * 4 * 8 * 100),
        (Case("decode", 2, 4, 2, 10, 8), 2 * 2 * 2 * 10 * 8 * 2),
    ],
)
def test_work_counts_visible_pairs_or_bytes_of_the_cache(case, work):
    assert case.work(None, 2) == work


def test_work_of_packed_sequences_is_that_of_their_own_lengths():
    assert _tiny("packed").work([3, 5], 2) == 4 * 4 * 16 * (9 + 25)


def test_the_problems_are_those_of_the_table():
    names = {(case.section, case.name) for case in choose_cases(quick=False, cuda=True)}
    sizes = {
        f"{size}, {length}{limit}" for size in (64, 128) for length in ("1k", "4k", "16k") for limit in ("", " causal")
    }
    assert {name for section, name in names if section == "forward"} == sizes | {
        "128, 8k window 1024", "128, 32k window 1024",
    }  # fmt: skip
    assert {name for section, name in names if section == "decode"} == {"1 × 32k", "16 × 8k", "64 × 4k"}
    quick = choose_cases(quick=True, cuda=True)
    assert {case.section for case in quick} == {section for section, _ in names}
    assert len(quick) < len(names)


def test_packing_drops_the_padding(draw):
    (padded,) = draw((2, 3, 5, 4))
    packed = pack(padded, [2, 4])
    assert torch.equal(packed, torch.cat([padded[0, :, :2], padded[1, :, :4]], 1).transpose(0, 1))
    assert ends([2, 4], CPU).tolist() == [0, 2, 6]


def _rows() -> list[Row]:
    return [
        Row("decode", "1 × 32k", "ours, paged by 16", 0.001, 0.01, 0.05, 2.5, 0.8),
        Row("decode", "1 × 32k", "cuDNN (SDPA)", 0.001, 0.01, 0.06, 2.0, 0.7),
        Row("decode", "1 × 32k", "flash-attn-4", None, 0.01, None, None, None, "not installed"),
    ]


def test_the_table_compares_our_best_with_each_competitor():
    console = Console(width=140, record=True)
    console.print(show(Machine("GPU X", "2.11", None, "2026-01-01"), CEILINGS, _rows()))
    text = console.export_text()
    assert "GPU X · torch 2.11 · triton not installed" in text
    assert "2 TFLOP/s matrix product, 0.5 TB/s copy" in text
    lines = [line for line in text.splitlines() if "1 × 32k" in line]
    assert "2.5 TB/s" in lines[0]
    assert "1.25" in lines[1]
    assert "not installed" in lines[2]


def test_lines_are_the_machine_then_the_rows(tmp_path):
    path = tmp_path / "attention.jsonl"
    append(path, Machine("GPU X", "2.11", "3.6.0", "2026-01-01"), CEILINGS)
    for row in _rows():
        append(path, row)
    head, *rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert head["device"] == "GPU X"
    assert head["matmul_tflops"] == 2.0
    assert [row["peer"] for row in rows] == [row.peer for row in _rows()]
    assert rows[2]["note"] == "not installed"


def test_rows_are_read_back_where_device_and_versions_are_the_same(tmp_path):
    path = tmp_path / "attention.jsonl"
    machine = Machine("GPU X", "2.11", "3.6.0", "2026-01-01")
    assert read(path, machine) == []
    append(path, Machine("GPU X", "2.10", "3.6.0", "2026-01-01"), CEILINGS)
    append(path, _rows()[0])
    append(path, machine, CEILINGS)
    for row in _rows()[1:]:
        append(path, row)
    assert read(path, Machine("GPU X", "2.11", "3.6.0", "2026-02-02")) == _rows()[1:2]
    path.write_text('{"machine": "other"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1 is not of this bench: .*other"):
        read(path, machine)


def test_what_is_done_is_not_measured_again_and_nothing_begins_after_the_limit():
    done = {("packed", "16 sequences of 8–128", peer) for peer in ("ours, tiled", "SDPA")}
    rows = run_bench(CPU, CEILINGS, sections=["packed"], done=done)
    assert [row.peer for row in rows] == ["ours, reference"]
    assert [*run_bench(CPU, CEILINGS, limit_s=0)] == []


def test_sections_come_in_the_order_asked_for_and_slow_competitors_last(monkeypatch):
    def peers(_case: Case, _device: torch.device) -> list[Peer]:
        def prepare(case: Case, x: Operands) -> object:
            return lambda: attend_reference(x.query, x.key, x.value, causal=case.causal).out

        return [Peer("slow", prepare, slow=True), Peer("quick", prepare)]

    cases = [_tiny("forward"), _tiny("forward", causal=True), _tiny("decode")]
    monkeypatch.setattr(run, "choose_cases", lambda **_options: cases)
    monkeypatch.setattr(run, "choose_peers", peers)
    rows = [*run_bench(CPU, CEILINGS, sections=["decode", "forward"])]
    assert [(row.section, row.peer) for row in rows] == [
        ("decode", "quick"), ("decode", "slow"),
        ("forward", "quick"), ("forward", "quick"), ("forward", "slow"), ("forward", "slow"),
    ]  # fmt: skip
    console = Console(width=140, record=True)
    console.print(show(Machine("GPU X", "2.11", None, "2026-01-01"), CEILINGS, rows))
    lines = [line for line in console.export_text().splitlines() if "forward" in line]
    assert ["causal" in line for line in lines] == [False, False, True, True]


def test_packed_competitors_do_not_take_whole_sequences():
    case = _tiny("packed")
    x = draw(case, CPU)
    whole = Operands(x.query, x.key, x.value, x.grad, None)
    *_, padded = choose_peers(case, CPU)
    with pytest.raises(NotApplicableError):
        padded.prepare(case, whole)
    out: Tensor = padded.prepare(case, x)()
    assert out.shape == x.query.shape
