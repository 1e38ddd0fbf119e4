"""The cluster engine: the local engine's bytes, whatever dies meanwhile."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from fakes import QUIZ, FakeGrader

from grader.batch import Journal, RayEngine, RaySettings, SubmissionFile
from grader.batch.ray import _Actor, _marks, _packed, _read, _Refused, _unpacked
from grader.errors import GraderError, ModelUnavailableError
from grader.schema import Submission, Unscored

HERE = Path(__file__).resolve().parent
PYTHONPATH = f"{HERE.parents[1]}{os.pathsep}{HERE.parent}"
ROWS, BATCH = 1_500, 20
FAST_S, SLOW_S = 0.0, 0.01  # a row
Run = subprocess.Popen[bytes]


@pytest.fixture
def folder(tmp_path):
    """A quiz, and rows of every kind: graded, blank, repeated and unreadable."""
    (tmp_path / "mini.yaml").write_text(QUIZ, encoding="utf-8")
    (tmp_path / "traces").mkdir()
    words = itertools.cycle(["correct", "partial", "contradictory", "unscored", "irrelevant"])
    rows = [
        {"submission_id": f"s{place - place % 50 // 49}", "question_id": "q-1", "answer": f"{next(words)} {place}"}
        for place in range(ROWS)
    ]
    lines = [json.dumps(row) for row in rows]
    lines[7] = "{not JSON"
    (tmp_path / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def start(folder):
    """Start a batch in a process of its own."""
    running = []

    def begin(out: str, *options: object, slow_s: float = FAST_S, env: dict[str, str] | None = None) -> Run:
        arguments = ["batch", folder / "answers.jsonl", "--quiz", folder / "mini.yaml", "--out", folder / out, "--json"]
        settings = {"PYTHONPATH": PYTHONPATH, "TRACES": str(folder / "traces")}
        process = subprocess.Popen(  # noqa: S603 -- our own command
            [sys.executable, str(HERE / "ray_main.py"), *map(str, [*arguments, *options])],
            env={**os.environ, **settings, "SLOW_S": str(slow_s), "OMP_NUM_THREADS": "1"} | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=30)


@pytest.fixture
def on_ray(start):
    """Start a batch on Ray with two graders."""
    options = ("--engine", "ray", "--ray-actors", 2, "--ray-batch-size", BATCH)
    return lambda out, *more, **settings: start(out, *options, *more, **settings)


@pytest.fixture
def whole(start, folder):
    """The bytes of the local engine's output."""
    end(start("local.jsonl"))
    for trace in (folder / "traces").iterdir():
        trace.unlink()
    return (folder / "local.jsonl").read_bytes()


def end(process):
    """Wait for a run to end as one with unscored rows does, and give its summary."""
    out, error = process.communicate(timeout=120)
    assert process.returncode == 1, error.decode()
    return json.loads(out)


def wait_until(is_so, process, timeout_s=90.0):
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def traces(folder):
    """Node and process id of each grader that has graded."""
    return [(path.stem, int(path.suffix[1:])) for path in (folder / "traces").iterdir()]


def kept_bytes(folder, out):
    """How far a run's journal has grown."""
    log = folder / f".{out}.journal-wal"
    return log.stat().st_size if log.exists() else 0


@pytest.mark.slow
def test_ray_gives_the_bytes_of_the_local_engine_and_only_the_summary_on_standard_output(on_ray, folder, whole):
    summary = end(on_ray("ray.jsonl"))
    assert (folder / "ray.jsonl").read_bytes() == whole
    assert summary["rows"] == ROWS
    assert len(traces(folder)) == 2


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_loses_nothing(on_ray, folder, whole):
    process = on_ray("ray.jsonl", slow_s=SLOW_S)
    wait_until(lambda: kept_bytes(folder, "ray.jsonl") > 100_000, process)
    killed = [pid for _, pid in traces(folder)]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    end(process)
    assert (folder / "ray.jsonl").read_bytes() == whole
    assert {pid for _, pid in traces(folder)} > set(killed)


@pytest.mark.slow
def test_a_node_removed_in_mid_run_loses_nothing(on_ray, folder, whole, monkeypatch):
    for name, value in (("PYTHONPATH", PYTHONPATH), ("TRACES", str(folder / "traces")), ("SLOW_S", str(SLOW_S))):
        monkeypatch.setenv(name, value)  # the nodes' own
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        node = cluster.add_node(num_cpus=1)
        process = on_ray("ray.jsonl", slow_s=SLOW_S, env={"RAY_ADDRESS": cluster.address})
        wait_until(lambda: node.node_id in {name for name, _ in traces(folder)}, process)
        wait_until(lambda: kept_bytes(folder, "ray.jsonl") > 100_000, process)
        cluster.remove_node(node, allow_graceful=False)
        end(process)
    finally:
        cluster.shutdown()
    assert (folder / "ray.jsonl").read_bytes() == whole
    assert len({name for name, _ in traces(folder)}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ray", "local"])
def test_a_killed_run_is_resumed_by_either_engine_and_grades_no_row_twice(start, on_ray, folder, whole, engine):
    process = on_ray("ray.jsonl", slow_s=SLOW_S)
    wait_until(lambda: kept_bytes(folder, "ray.jsonl") > 200_000, process)
    process.kill()
    process.communicate(timeout=30)
    with Journal(folder / "ray.jsonl") as journal:
        kept = journal.rows
    assert 0 < kept < ROWS
    summary = end((on_ray if engine == "ray" else start)("ray.jsonl", "--resume"))
    assert (folder / "ray.jsonl").read_bytes() == whole
    assert summary["answers_per_s"] * summary["grade_s"] == pytest.approx(ROWS - kept, rel=0.02)


@pytest.mark.slow
def test_a_signal_ends_the_run_in_time_and_keeps_what_has_arrived(on_ray, folder):
    process = on_ray("ray.jsonl", slow_s=SLOW_S)
    wait_until(lambda: kept_bytes(folder, "ray.jsonl") > 100_000, process)
    sent = time.monotonic()
    process.terminate()
    _, error = process.communicate(timeout=30)
    assert time.monotonic() - sent < 10
    assert process.returncode == 0, error.decode()
    assert b"rows are graded and kept" in error
    assert b"stopped by SIGTERM" in error
    assert not (folder / "ray.jsonl").exists()


@pytest.mark.slow
def test_gpus_that_are_not_there_are_one_clear_message(start, folder):
    process = start("ray.jsonl", "--engine", "ray", "--ray-num-gpus", 1, env={"CUDA_VISIBLE_DEVICES": ""})
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"has 0 GPUs, and each grader needs 1" in error
    assert b"Traceback" not in error
    assert not (folder / "ray.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ray-actors", 2], b"--ray-actors goes with --engine ray"),
        (["--ray-num-gpus", 1], b"--ray-num-gpus goes with --engine ray"),
        (["--ray-batch-size", 9], b"--ray-batch-size goes with --engine ray"),
        (
            ["--engine", "ray", "--judge", "http://127.0.0.1:1", "--judge-max-calls", 3],
            b"not with --engine ray: a budget",
        ),
        (["--engine", "ray", "--out", "-"], b"print on standard output"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(start, options, message):
    process = start("ray.jsonl", *options)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 2
    assert message in error


def test_a_missing_ray_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    engine = RayEngine(SubmissionFile(tmp_path / "a.jsonl"), FakeGrader, RaySettings())
    with pytest.raises(GraderError, match=r"pip install 'grader\[ray\]'"), engine:
        pass


def test_only_rows_that_are_not_kept_are_read_and_a_broken_file_says_so_last(folder):
    packed = gzip.compress((folder / "answers.jsonl").read_bytes())
    (folder / "answers.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    tables = list(_read(SubmissionFile(folder / "answers.jsonl.gz"), bytes([1, 0, 1, 1]), 5))
    *read, last = [item for table in tables for item in _unpacked(table)]
    places = [place for window in read for place, _ in window]
    assert places == [1, *range(4, 4 + len(places) - 1)]
    assert {len(window) for window in read[:-1]} == {5}
    assert isinstance(last, _Refused)
    assert "answers.jsonl.gz" in last.message


def test_marks_say_which_rows_a_journal_holds(tmp_path):
    with Journal(tmp_path / "g.jsonl") as journal:
        assert _marks(journal) == b""
        journal.begin({})
        journal.add([1, 4], [Unscored("a", "q-1", "blank"), Unscored("b", "q-1", "blank")])
        assert _marks(journal) == bytes([0, 1, 0, 0, 1])
        assert list(journal.places()) == [1, 4]


def test_an_actor_grades_a_window_with_its_places():
    actor = _Actor(FakeGrader, "fake")
    window = [(7, Unscored("a", "q-1", "blank")), (9, Submission("b", "q-1", "correct"))]
    (graded,) = _unpacked(actor(_packed([window])))
    assert graded.places == [7, 9]
    assert [outcome.submission_id for outcome in graded.outcomes] == ["a", "b"]


def test_an_actor_that_cannot_grade_as_the_others_refuses_instead_of_dying(monkeypatch):
    monkeypatch.setattr("grader.batch.ray._node", lambda: "node 192.0.2.7")

    def unavailable() -> NoReturn:
        raise ModelUnavailableError("the judge cannot be had")

    window = _packed([[(0, Submission("b", "q-1", "correct"))]])
    (missing,) = _unpacked(_Actor(unavailable, "fake")(window))
    (other,) = _unpacked(_Actor(FakeGrader, "newer")(window))
    assert missing.message == "node 192.0.2.7: the judge cannot be had"
    assert other.message == "node 192.0.2.7: has fake where another node has newer"


def test_the_rows_before_a_refusal_are_kept(monkeypatch, tmp_path):
    engine = RayEngine(SubmissionFile(tmp_path / "a.jsonl"), FakeGrader, RaySettings())
    actor = _Actor(FakeGrader, "fake")
    window = [(0, Submission("b", "q-1", "correct"))]
    tables = [actor(_packed([item])) for item in (_Refused("a.jsonl:2: breaks off"), window)]
    stream = SimpleNamespace(iter_batches=lambda **_options: iter(tables))
    monkeypatch.setattr(engine, "_dataset", lambda _kept: stream)
    with Journal(tmp_path / "g.jsonl") as journal:
        steps = engine.grade_missing(journal, window=nullcontext)
        assert next(steps) == (1, 1)
        with pytest.raises(GraderError, match="breaks off"):
            next(steps)
        assert journal.rows == 1


def test_what_travels_between_processes_can_be_pickled():
    for item in (SubmissionFile(Path("a.jsonl")), RaySettings(2, 0.5, 10)):
        assert pickle.loads(pickle.dumps(item)) == item  # noqa: S301 -- made here
