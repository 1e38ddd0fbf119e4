"""The page as a server: what it sends before an answer, what it takes, and what a kill leaves."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from ui_fakes import CANARY

from grader.errors import GraderError
from grader.judge import JudgeSettings
from grader.ui.study import new_token

REPOSITORY = Path(__file__).resolve().parents[2]
PLACE = {"lang": "en", "quiz": "demo-attention", "question": "q-free", "retry": False}
PAGES = (
    "/",
    "/?view=api",
    "/config",
    "/theme.css",
    "/manifest.json",
    "/robots.txt",
    "/gradio_api/info",
    "/gradio_api/info?all_endpoints=True",
    "/gradio_api/openapi.json",
    "/gradio_api/startup-events",
    "/gradio_api/app_id",
)


@pytest.fixture(scope="module")
def app() -> ModuleType:
    """Load ``app.py`` as Python does, without running it."""
    spec = importlib.util.spec_from_file_location("space_app", REPOSITORY / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Browser:
    """Sends events as the page does, one session."""

    _sessions = itertools.count()

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        self.session = f"session{next(self._sessions)}"
        self.events = {
            event["api_name"]: event
            for event in self.http.get("/config").json()["dependencies"]
            if event.get("backend_fn")
        }

    def join(self, name: str, *data: object, event_data: object = None) -> httpx.Response:
        """Put an event into the queue."""
        body = {
            "fn_index": self.events[name]["id"],
            "data": data,
            "session_hash": self.session,
            "event_data": event_data,
        }
        return self.http.post("/gradio_api/queue/join", json=body)

    def send(self, name: str, *data: object, event_data: object = None) -> str:
        """Run an event and return everything that the server sends about it."""
        self.join(name, *data, event_data=event_data).raise_for_status()
        received = []
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                received.append(line)
                if '"process_completed"' in line:
                    break
        return json.dumps([json.loads(line[6:]) for line in received if line.startswith("data: ")], ensure_ascii=False)

    def answer(self, token: str, text: str, place: dict[str, Any] = PLACE) -> str:
        """Send an answer and draw what came of it."""
        self.send("submit", token, place, {}, text, None, [])
        self.send("settle", token, place)
        return self.send("refresh", token, place, {})


def wait_until(true):
    """Wait for something that comes soon."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def browser(server):
    browser = Browser(server.url)
    yield browser
    browser.http.close()


@pytest.fixture(scope="module")
def client(server):
    client = Client(server.url, verbose=False, analytics_enabled=False)
    yield client
    client.close()


def arguments(event: dict[str, Any], token: str) -> list[object]:
    """Make up plausible inputs for any event: who, where, nothing typed, then nulls."""
    return [token, PLACE, {}, None, None, None][: len(event["inputs"])]


def test_nothing_secret_is_sent_before_the_answer(browser, client):
    for path in PAGES:
        answer = browser.http.get(path)
        assert answer.status_code == 200, path
        assert CANARY not in answer.text, path
    token = new_token()
    private = {name for name, event in browser.events.items() if event["api_visibility"] == "private"}
    assert {"open", "submit", "settle", "refresh", "choose", "show_results", "retry", "switch_lang"} <= private
    for name in sorted(private):
        sent = browser.send(name, *arguments(browser.events[name], token), event_data={"question": "q-single"})
        assert CANARY not in sent, name
    for lang in ("en", "es"):
        assert CANARY not in json.dumps(client.predict("demo-attention", lang, api_name="/list"))


def test_after_an_answer_its_own_secrets_are_sent(browser):
    sent = browser.answer(new_token(), "It is an identity.")
    for text in ("canary-identity-en", "canary-rounding-en", "canary-explanation-free-en", "canary-reference-en"):
        assert text in sent
    assert "canary-explanation-single" not in sent
    assert "canary-explanation-multiple" not in sent


def test_another_learner_sees_nothing_of_it(browser):
    browser.answer(new_token(), "It is an identity.")
    for name in ("refresh", "open", "show_results"):
        sent = browser.send(name, *arguments(browser.events[name], new_token()))
        assert CANARY not in sent
        assert "It is an identity." not in sent


@pytest.mark.parametrize(
    "junk", [None, 7, "x", [], [[{}]], {"quiz": {}, "lang": 1}, {"question": "../../etc"}, "x" * 200_000]
)
def test_junk_from_the_browser_is_answered_calmly(browser, server, junk):
    before = server.log.count("Traceback")
    for name, event in browser.events.items():
        if event["api_visibility"] == "private":
            sent = browser.send(name, *[junk] * len(event["inputs"]), event_data=junk)
            assert CANARY not in sent
            assert '"success": true' in sent, name
    assert server.log.count("Traceback") == before


def test_only_two_endpoints_are_public(client):
    api = client.view_api(return_format="dict", print_info=False)
    assert set(api["named_endpoints"]) == {"/grade", "/list"}
    assert not api["unnamed_endpoints"]
    with pytest.raises((ValueError, AppError)):
        client.predict("token", PLACE, {}, "x", None, [], api_name="/submit")


def test_a_program_grades_an_answer(client):
    graded = client.predict("demo-attention", "q-free", "It is an identity.", "en", api_name="/grade")
    assert graded["verdict"] == "partial"
    assert graded["explanation"].startswith("canary-explanation-free-en")
    assert graded["criteria"][0]["evidence"] == {"text": "identity", "start": 9, "end": 17}
    assert client.predict("demo-attention", "q-multiple", ["2", "3"], api_name="/grade")["verdict"] == "correct"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("demo-attention", "q-free", "x" * 20_001, "en"), "answer: 20001 characters; the limit is 20000"),
        (("demo-attention", "q-none", "x", "en"), "is none of q-free"),
        (("demo-attention", "q-free", 7, "en"), "neither a text nor a list"),
    ],
)
def test_a_program_is_refused_politely(client, server, call, message):
    before = server.log.count("Traceback")
    with pytest.raises(AppError, match=message):
        client.predict(*call, api_name="/grade")
    assert server.log.count("Traceback") == before


def test_an_answer_of_a_megabyte_is_refused_and_not_recorded(browser, server):
    token = new_token()
    sent = browser.send("submit", token, PLACE, {}, "x" * 1_000_000, None, [])
    assert "1000000 characters; the limit is 4000" in sent
    with sqlite3.connect(server.db) as connection:
        assert connection.execute("SELECT count(*) FROM attempts WHERE learner = ?", [token]).fetchone() == (0,)
    connection.close()


def test_kill_9_in_the_middle_of_an_answer_loses_and_doubles_nothing(make_server):
    server = make_server(gate=False)
    browser, token = Browser(server.url), new_token()
    sent = browser.send("submit", token, PLACE, {}, "It is an identity.", None, [])
    assert "Checking your answer" in sent
    browser.join("settle", token, PLACE)
    server.kill()
    browser.http.close()
    server.gate.touch()
    server.start()
    browser = Browser(server.url)
    assert "It is an identity." in browser.send("open", token, PLACE, {})
    browser.send("settle", token, PLACE)
    assert "canary-identity-en" in browser.send("refresh", token, PLACE, {})
    browser.send("settle", token, PLACE)
    browser.http.close()
    with sqlite3.connect(server.db) as connection:
        rows = connection.execute("SELECT answer, record FROM attempts JOIN grades ON attempt = id").fetchall()
    connection.close()
    assert [answer for answer, _ in rows] == ["It is an identity."]


def test_too_many_learners_at_once_are_told_so_and_keep_their_answers(make_server):
    server = make_server(gate=False, capacity=3)
    browsers = [(Browser(server.url), new_token()) for _ in range(4)]
    for number, (browser, token) in enumerate(browsers):
        browser.send("submit", token, PLACE, {}, f"identity {number}", None, [])
        if number < 3:
            browser.join("settle", token, PLACE).raise_for_status()
    late, token = browsers[3]
    wait_until(lambda: "too many are being graded" in late.send("settle", token, PLACE))
    assert "demasiadas" in late.send("settle", token, {**PLACE, "lang": "es"})
    assert "FlashAttention is exact" in late.send("open", token, PLACE, {})
    server.gate.touch()
    wait_until(lambda: server.log.count("graded:") == 3)
    late.send("settle", token, PLACE)
    for browser, token in browsers:
        wait_until(lambda b=browser, t=token: "canary-identity-en" in b.send("refresh", t, PLACE, {}))
        browser.http.close()


def test_a_broken_quiz_is_reported_and_the_others_work(make_server, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "broken.yaml").write_text("schema: 1\nid: broken\nquestions: canary\n", encoding="utf-8")
    server = make_server(extra=[tmp_path / "more"])
    assert "broken.yaml:" in server.log
    browser = Browser(server.url)
    sent = browser.send("open", "", {}, {})
    browser.http.close()
    assert "A quiz file has a fault" in sent or "faults in quiz files" in sent
    assert "broken.yaml" in sent
    assert "FlashAttention is exact" in sent
    assert CANARY not in sent


@pytest.mark.parametrize(("value", "offered"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_the_environment_offers_tools(app, monkeypatch, value, offered):
    called = []
    monkeypatch.setattr(app, "serve", lambda *_address, mcp, **_options: called.append(mcp))
    if value is not None:
        monkeypatch.setenv("GRADER_API", value)
    assert app.main() == 0
    assert called == [offered]


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, ("127.0.0.1", 7860)),
        ({"SPACE_ID": "me/grader"}, ("0.0.0.0", 7860)),  # noqa: S104
        ({"GRADER_HOST": "127.0.0.2", "GRADER_PORT": "7000", "SPACE_ID": "me/grader"}, ("127.0.0.2", 7000)),
    ],
)
def test_only_a_space_listens_to_the_world(app, monkeypatch, environment, address):
    called = []
    for name in ("SPACE_ID", "GRADER_HOST", "GRADER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app, "serve", lambda host, port, **_options: called.append((host, port)))
    assert app.main() == 0
    assert called == [address]


def test_the_environment_names_a_judge(app, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(
        app, "serve", lambda _host, _port, *, open_grader, **_: opened.append(open_grader.keywords["judge"])
    )
    for name, value in {"GRADER_JUDGE": "http://h:8000", "GRADER_JUDGE_MODEL": "m"}.items():
        monkeypatch.setenv(name, value)
    assert app.main() == 0
    monkeypatch.setenv("GRADER_JUDGE_MODEL", "")
    assert app.main() == 0
    monkeypatch.setenv("GRADER_JUDGE", "")
    assert app.main() == 0
    assert opened == [JudgeSettings("http://h:8000", model="m"), JudgeSettings("http://h:8000"), None]
    monkeypatch.setenv("GRADER_JUDGE", "somebody")
    assert app.main() == 2
    assert "no judge 'somebody'" in capsys.readouterr().err


def test_the_environment_names_a_tier(app, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(
        app, "serve", lambda _host, _port, *, open_grader, **_: opened.append(open_grader.keywords["tier"])
    )
    for name in ("", "accurate"):
        monkeypatch.setenv("GRADER_TIER", name)
        assert app.main() == 0
    assert opened == ["embedded", "accurate"]
    monkeypatch.setenv("GRADER_TIER", "best")
    assert app.main() == 2
    assert capsys.readouterr().err == "GRADER_TIER: 'best' is none of embedded, accurate\n"


def test_a_mistake_at_the_start_is_one_line(app, monkeypatch, capsys):
    def fail(_host: str, _port: int, **_options: object) -> None:
        raise GraderError("the database is locked")

    monkeypatch.setattr(app, "serve", fail)
    assert app.main() == 2
    assert capsys.readouterr().err == "the database is locked\n"
    for port in ("http", "70000", "²"):
        monkeypatch.setenv("GRADER_PORT", port)
        assert app.main() == 2
        assert f"'{port}' is not a port number" in capsys.readouterr().err


def test_a_taken_port_is_one_line(server, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "GRADER_DB": str(tmp_path / "grader.db"),
        "GRADER_PORT": server.url.rpartition(":")[2],
    }
    command = [sys.executable, str(REPOSITORY / "app.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    assert done.returncode == 2
    assert done.stderr.startswith("cannot listen on 127.0.0.1:")
    assert done.stderr.count("\n") == 1
