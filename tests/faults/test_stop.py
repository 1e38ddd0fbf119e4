"""SIGTERM at any moment: what is under way is finished, the rest is kept, and the process ends in order within 10 s."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from ports import free_port

from grader.store import Store
from grader.ui.study import new_token

ENDS_WITHIN_S = 10
APP = Path(__file__).resolve().parents[2] / "app.py"
STOPPED_BEFORE_IT_BEGAN = {-signal.SIGTERM, 128 + signal.SIGTERM}  # while Python itself or the command line loads


def stop(process):
    """Ask a process to stop, and give its exit code, the seconds that it took, and what it said."""
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    return process.returncode, time.monotonic() - asked, (error or b"").decode()


@pytest.mark.parametrize(
    ("name", "stops"),
    [("g.jsonl", 3), *(pytest.param(f"g.{form}", 7, marks=pytest.mark.slow) for form in ("jsonl", "csv", "parquet"))],
)
def test_a_batch_stopped_at_random_moments_ends_in_order(start, run, quiz, answers, tmp_path, *, stops, name):
    whole, out = tmp_path / f"whole-{name}", tmp_path / name
    started = time.monotonic()
    assert run("batch", answers, "--quiz", quiz, "--out", whole, slow_s=0.0005)[0] == 0
    longest = time.monotonic() - started
    moments = random.Random(stops)  # noqa: S311 -- a seed makes the moments repeatable
    stopped = drained = 0
    restart = "--restart"
    while stopped < stops:
        process = start("batch", answers, "--quiz", quiz, "--out", out, restart, slow_s=0.0005)
        time.sleep(moments.uniform(0.1, 1.0) * longest)
        code, took_s, error = stop(process)
        assert code in {0, *STOPPED_BEFORE_IT_BEGAN}, error
        assert took_s < ENDS_WITHIN_S
        assert "Traceback" not in error
        restart = "--resume"
        if "stopped by SIGTERM" in error:
            assert code == 0
            drained += 1
        elif code == 0:  # it was done before
            assert out.read_bytes() == whole.read_bytes()
            restart = "--restart"
            continue
        stopped += 1
        assert not list(tmp_path.glob("*.part"))
    assert drained
    assert run("batch", answers, "--quiz", quiz, "--out", out, "--resume")[0] == 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.fixture
def page(start, quiz, tmp_path, monkeypatch):
    """Serve the quiz, and give the process and a client of the page once it is up.

    A grader that takes so long is put behind ``grader serve``; without that, ``app.py`` runs as it is.
    """
    with ExitStack() as stack:

        def serve(slow_s: float | None) -> tuple[subprocess.Popen[bytes], httpx.Client]:
            port = free_port()
            monkeypatch.setenv("GRADER_DB", str(tmp_path / "page.db"))
            monkeypatch.setenv("GRADER_QUIZZES", str(quiz.parent))
            monkeypatch.setenv("GRADER_PORT", str(port))
            command = ["serve", "--port", port]
            process = start(program=APP) if slow_s is None else start(*command, slow_s=slow_s)
            client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
            deadline = time.monotonic() + 60
            while not answers_requests(client):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            return process, client

        yield serve


def answers_requests(client):
    try:
        return client.get("/config").status_code == 200
    except httpx.HTTPError:
        return False


def send(client, name, data):
    """Put an event of the page into its queue."""
    events = {event["api_name"]: event["id"] for event in client.get("/config").json()["dependencies"]}
    body = {"fn_index": events[name], "data": data, "session_hash": "learner"}
    client.post("/gradio_api/queue/join", json=body).raise_for_status()


@pytest.mark.parametrize(  # while it comes up, and when it is idle
    ("slow_s", "after_s"), [(0, 0.0), (None, 1.0)], ids=["grader serve", "app.py"]
)
def test_a_page_stops(page, slow_s, after_s):
    process, _ = page(slow_s)
    time.sleep(after_s)
    code, took_s, error = stop(process)
    assert (code, "Traceback" in error) == (0, False), error
    assert took_s < ENDS_WITHIN_S


def test_a_page_that_is_grading_stops_and_leaves_the_answer_for_the_next_visit(page, tmp_path):
    process, client = page(60)
    store, token = Store(tmp_path / "page.db"), new_token()
    place = {"quiz": "mini", "question": "q-1", "lang": "en"}
    send(client, "submit", [token, place, {}, "It is exact.", None, []])
    while not store.attempts(token):
        assert process.poll() is None
        time.sleep(0.05)
    send(client, "settle", [token, place])
    time.sleep(0.5)
    code, took_s, error = stop(process)
    assert (code, "Traceback" in error) == (0, False), error
    assert took_s < ENDS_WITHIN_S
    assert [attempt.answer for attempt in store.ungraded(token)] == ["It is exact."]
