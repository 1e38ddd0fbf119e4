"""The service for programs: Gradio's own client and an MCP client against a live server."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from gradio_client.utils import Status
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool
from ui_fakes import CANARY

from grader.errors import GraderError
from grader.ui import serve

QUIZ = "demo-attention"


@pytest.fixture
def connect():
    """Make clients that are closed with the test."""
    made = []

    def make(server) -> Client:
        made.append(Client(server.url, verbose=False, analytics_enabled=False))
        return made[-1]

    yield make
    for client in made:
        client.close()


def under_way(client: Client, answers: list[str]) -> list[Any]:
    """Have answers graded at once and wait until all of them are in the line."""
    jobs = [client.submit(QUIZ, "q-free", answer, "en", api_name="/grade") for answer in answers]
    deadline = time.monotonic() + 30
    while not all(job.status().code is Status.PROCESSING for job in jobs):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return jobs


def use_tools(url: str, *calls: tuple[str, dict[str, object]]) -> tuple[dict[str, Tool], list[CallToolResult]]:
    """List the tools of an MCP server and call some, all at once."""

    async def use() -> tuple[dict[str, Tool], list[CallToolResult]]:
        async with (
            streamable_http_client(f"{url}/gradio_api/mcp/") as (received, sent, _),
            ClientSession(received, sent) as session,
        ):
            await session.initialize()
            listed = await session.list_tools()
            done = await asyncio.gather(*(session.call_tool(name, arguments) for name, arguments in calls))
            return {tool.name: tool for tool in listed.tools}, list(done)

    return asyncio.run(use())


def test_twenty_equal_answers_at_once_are_graded_once(make_server, connect):
    server = make_server(gate=False, capacity=20)
    client = connect(server)
    jobs = under_way(client, ["It is an identity."] * 20)
    with pytest.raises(AppError, match="busy: 20 answers are waiting"):
        client.predict(QUIZ, "q-free", "rounding", api_name="/grade")
    server.gate.touch()
    records = [job.result(30) for job in jobs]
    assert records[0]["verdict"] == "partial"
    assert records == [records[0]] * 20
    assert server.log.count("graded:") == 1


def test_over_capacity_a_program_is_refused_in_its_language_and_the_others_are_graded(make_server, connect):
    server = make_server(gate=False, capacity=3)
    client = connect(server)
    jobs = under_way(client, ["identity 0", "identity 1", "identity 2"])
    for lang, told in (("en", "busy: 3 answers are waiting.*in about"), ("es", "ocupado: 3 respuestas esperan")):
        for _ in range(20):
            with pytest.raises(AppError, match=told):
                client.predict(QUIZ, "q-free", "identity", lang, api_name="/grade")
    assert client.predict(api_name="/list")["quizzes"][0]["quiz"] == QUIZ
    server.gate.touch()
    assert [job.result(30)["points"] for job in jobs] == [2.0] * 3
    assert client.predict(QUIZ, "q-free", "identity", "es", api_name="/grade")["status"] == "graded"
    assert "Traceback" not in server.log


def test_both_endpoints_are_documented(server, connect):
    endpoints = connect(server).view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert [p["parameter_name"] for p in endpoints["/grade"]["parameters"]] == ["quiz", "question", "answer", "lang"]
    assert [p["parameter_name"] for p in endpoints["/list"]["parameters"]] == ["quiz", "lang"]
    assert endpoints["/grade"]["description"].startswith("Grade a learner's answer")
    assert endpoints["/list"]["description"].startswith("List quizzes and their questions")


def test_a_program_finds_quizzes_and_questions_without_knowing_any(server, connect):
    client = connect(server)
    (quiz,) = client.predict(lang="es", api_name="/list")["quizzes"]
    assert (quiz["quiz"], quiz["title"], quiz["lang"]) == (QUIZ, "Atención, en breve", "es")
    assert [question["id"] for question in quiz["questions"]] == ["q-free", "q-multiple", "q-single"]
    with pytest.raises(AppError, match=f'quiz: "none" is none of {QUIZ}'):
        client.predict("none", api_name="/list")


def test_an_mcp_client_finds_and_uses_both_tools(make_server):
    server = make_server(mcp=True)
    tools, (listed, graded, chosen, unknown, lost) = use_tools(
        server.url,
        ("list", {}),
        ("grade", {"quiz": QUIZ, "question": "q-free", "answer": "Es una identidad.", "lang": "es"}),
        ("grade", {"quiz": QUIZ, "question": "q-multiple", "answer": [2, 3]}),
        ("grade", {"quiz": QUIZ, "question": "q-none", "answer": "x"}),
        ("grade", {"quiz": QUIZ, "question": "q-free"}),
    )
    assert set(tools) == {"grade", "list"}
    for tool in tools.values():
        assert tool.description
        assert all(field["description"] for field in tool.inputSchema["properties"].values())
    assert CANARY not in listed.content[0].text
    assert [quiz["quiz"] for quiz in json.loads(listed.content[0].text)["quizzes"]] == [QUIZ]
    record = json.loads(graded.content[0].text)
    assert (record["verdict"], record["criteria"][0]["evidence"]["text"]) == ("partial", "identidad")
    assert json.loads(chosen.content[0].text)["verdict"] == "correct"
    assert (unknown.isError, lost.isError) == (True, True)
    assert 'question: "q-none" is none of q-free' in unknown.content[0].text.replace('\\"', '"')
    assert "'answer' is a required property" in lost.content[0].text


def test_an_mcp_client_is_refused_politely_over_capacity(make_server, connect):
    server = make_server(gate=False, capacity=1, mcp=True)
    (job,) = under_way(connect(server), ["identity 0"])
    _, (refused,) = use_tools(server.url, ("grade", {"quiz": QUIZ, "question": "q-free", "answer": "x", "lang": "es"}))
    assert refused.isError
    assert "ocupado: 1 respuestas esperan" in refused.content[0].text
    server.gate.touch()
    assert job.result(30)["status"] == "graded"


def test_a_page_that_offers_no_tools_has_none(server):
    with pytest.raises(BaseExceptionGroup):
        use_tools(server.url)


def test_tools_without_their_package_are_the_callers_mistake(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(GraderError, match=r"pip install 'grader\[mcp\]'"):
        serve(mcp=True, quizzes=[])
