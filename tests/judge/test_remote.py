"""A judge behind a URL, against a server that misbehaves."""

from __future__ import annotations

import json

import pytest
from judge_server import completion, verdicts

from grader.errors import GraderError, ModelUnavailableError
from grader.judge import JudgeFailure, RemoteJudge
from grader.judge.remote import TRUST, api_root
from grader.schema import Verdict

QUESTION, ANSWER = "Why does ice float?", "It is less dense."
ONE = ("Ice is less dense than water.",)
TWO = (*ONE, "Ice sinks.")


def reason(read: object) -> str:
    assert isinstance(read, JudgeFailure), read
    return read.reason


def test_a_verdict_becomes_probabilities_in_the_order_of_the_statements(server, connect):
    server.replies = [verdicts("correct", "contradictory")]
    first, second = connect().read(QUESTION, ANSWER, TWO, "en")
    assert first[0] == second[2] == TRUST
    assert sum(first) == pytest.approx(1)
    assert min(first) > 0


def test_no_statements_ask_nothing(server, connect):
    assert connect().read(QUESTION, ANSWER, (), "en") == []
    assert server.bodies == []


def test_a_call_asks_for_one_of_five_words_for_each_statement(server, connect):
    server.replies = [verdicts("correct", "partial")]
    connect().read(QUESTION, ANSWER, TWO, "es")
    body = server.bodies[0]
    assert (body["model"], body["temperature"]) == ("m", 0)
    asked = body["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["strict"] is True
    schema = asked["json_schema"]["schema"]
    assert schema["required"] == ["s1", "s2"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["s2"]["enum"] == [str(verdict) for verdict in Verdict]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("correct", "not one JSON object"),
        ('```json\n{"s1": "correct"}\n```', "not one JSON object"),
        ('I think {"s1": "correct"}', "not one JSON object"),
        ('{"s1": "correct"} {"s1": "partial"}', "not one JSON object"),
        ('{"s1": "irrelevant", "s1": "correct"}', "not one JSON object"),
        ("[" * 100_000, "not one JSON object"),
        ("[]", "does not answer"),
        ("{}", "does not answer"),
        ('{"s1": "correct", "s2": "correct"}', "does not answer"),
        ('{"s1": "Correct"}', "unknown verdict"),
        ('{"s1": ["correct"]}', "unknown verdict"),
        ('{"s1": null}', "unknown verdict"),
    ],
)
def test_a_reply_that_is_not_exactly_what_was_asked_for_is_a_failure(server, connect, content, expected):
    server.replies = [completion(content)]
    assert expected in reason(connect().read(QUESTION, ANSWER, ONE, "en"))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"choices": []}', b'{"choices": [{"message": null}]}', b"\xff"]
)
def test_a_body_that_is_no_completion_is_a_failure(server, connect, body):
    server.replies = [(200, {}, body)]
    assert "not a chat completion" in reason(connect().read(QUESTION, ANSWER, ONE, "en"))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (completion('{"s1": "correct"}', finish="length"), "cut off"),
        (completion('{"s1": "correct"}', finish="content_filter"), "refused"),
        (completion(None, refusal="I will not."), "refused"),
        (completion(None), "no verdict"),
        (completion('{"s1": "correct"}', finish="tool_calls"), "no verdict"),
    ],
)
def test_a_completion_without_a_finished_verdict_is_a_failure(server, connect, reply, expected):
    server.replies = [reply]
    assert expected in reason(connect().read(QUESTION, ANSWER, ONE, "en"))


def test_too_many_requests_are_tried_again_after_what_the_server_asks_for(server, connect, waits):
    server.replies = [(429, {"Retry-After": "7"}, b""), (503, {}, b""), verdicts("correct")]
    assert not isinstance(connect().read(QUESTION, ANSWER, ONE, "en"), JudgeFailure)
    assert waits[0] == 7
    assert 0.5 <= waits[1] <= 1


def test_waits_double_and_end(server, connect, waits):
    server.replies = [(500, {"Retry-After": "99999"}, b"oops")] * 2 + [(500, {}, b"oops")]
    read = connect(tries=6, first_wait_s=1.0, longest_wait_s=4.0).read(QUESTION, ANSWER, ONE, "en")
    assert reason(read) == "the judge answered 500: 'oops' (6 tries)"
    assert waits[:2] == [4.0, 4.0]
    assert [2 <= wait <= 4 for wait in waits[2:]] == [True] * 3


def test_what_another_try_cannot_mend_is_not_tried_again(server, connect, waits):
    server.replies = [(400, {}, b'{"error": "no such model\\u202e"}')]
    assert "answered 400" in reason(connect().read(QUESTION, ANSWER, ONE, "en"))
    assert len(server.bodies) == 1
    assert waits == []


def test_a_redirection_is_not_followed(server, connect):
    server.replies = [(307, {"Location": "http://127.0.0.1:9/elsewhere"}, b"")]
    assert "answered 307" in reason(connect().read(QUESTION, ANSWER, ONE, "en"))


def test_a_server_that_hangs_is_left(server, connect):
    server.replies = [lambda fake: fake.hang()]
    assert (
        reason(connect(timeout_s=0.2, tries=2).read(QUESTION, ANSWER, ONE, "en"))
        == "the judge took over 0.2 s (2 tries)"
    )


def test_an_endless_reply_is_left(server, connect):
    server.replies = [(200, {}, b" " * (2**20 + 1))]
    assert "over 1048576 bytes" in reason(connect(tries=1).read(QUESTION, ANSWER, ONE, "en"))


def test_nobody_there_is_a_failure_and_check_says_so():
    with RemoteJudge("http://127.0.0.1:9", "m", sleep=lambda _: None) as judge:
        assert "cannot be reached" in reason(judge.read(QUESTION, ANSWER, ONE, "en"))
        with pytest.raises(ModelUnavailableError, match=r"no judge at http://127\.0\.0\.1:9/v1"):
            judge.check()


def test_check_says_which_variable_holds_the_key(server, connect):
    server.replies = [(401, {}, b"")]
    with pytest.raises(ModelUnavailableError, match="GRADER_JUDGE_KEY"):
        connect().check()


def test_check_accepts_a_server_that_lists_no_models(server, connect):
    server.replies = [(404, {}, b"")]
    connect().check()


def test_a_kept_reply_costs_no_call(server, connect, tmp_path):
    server.replies = [verdicts("correct")]
    cache = tmp_path / "made" / "replies.sqlite"
    first = connect(cache=cache).read(QUESTION, ANSWER, ONE, "en")
    again = connect(cache=cache).read(QUESTION, ANSWER, ONE, "en")
    assert first == again
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"question": "Why does wood float?"},
        {"answer": "It is less dense. "},
        {"statements": ("Ice is denser.",)},
        {"statements": TWO},
        {"lang": "es"},
    ],
)
def test_a_reply_is_kept_for_exactly_what_was_asked(server, connect, tmp_path, changed):
    server.replies = [verdicts("correct"), (400, {}, b"")]
    judge = connect(cache=tmp_path / "replies.sqlite")
    asked = {"question": QUESTION, "answer": ANSWER, "statements": ONE, "lang": "en"}
    judge.read(**asked)
    assert isinstance(judge.read(**{**asked, **changed}), JudgeFailure)


def test_another_model_is_asked_anew(server, connect, tmp_path):
    server.replies = [verdicts("correct")]
    for model in ("m", "n"):
        connect(cache=tmp_path / "replies.sqlite", model=model).read(QUESTION, ANSWER, ONE, "en")
    assert len(server.bodies) == 2


def test_failures_are_not_kept(server, connect, tmp_path):
    server.replies = [completion("?"), verdicts("correct")]
    judge = connect(cache=tmp_path / "replies.sqlite")
    assert isinstance(judge.read(QUESTION, ANSWER, ONE, "en"), JudgeFailure)
    assert not isinstance(judge.read(QUESTION, ANSWER, ONE, "en"), JudgeFailure)


def test_a_cache_that_is_no_database_is_the_callers_mistake(connect, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be read as one" * 20)
    with pytest.raises(GraderError, match=r"notes\.txt"):
        connect(cache=tmp_path / "notes.txt")


def test_the_key_comes_from_the_environment_and_shows_nowhere(server, connect, monkeypatch):
    monkeypatch.setenv("GRADER_JUDGE_KEY", "sk-secret")
    server.replies = [(400, {}, b"")]
    judge = connect()
    read = judge.read(QUESTION, ANSWER, ONE, "en")
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in f"{judge.identity}{reason(read)}{json.dumps(server.bodies)}"


def test_without_a_key_none_is_sent(server, connect, monkeypatch):
    monkeypatch.delenv("GRADER_JUDGE_KEY", raising=False)
    server.replies = [verdicts("correct")]
    connect().read(QUESTION, ANSWER, ONE, "en")
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("key", ["clé", "two words", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_the_callers_mistake(monkeypatch, key):
    monkeypatch.setenv("GRADER_JUDGE_KEY", key)
    with pytest.raises(GraderError, match="key") as caught:
        RemoteJudge("http://127.0.0.1:9", "m")
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/proxy/openai/v1", "https://h/proxy/openai/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_a_url_may_be_written_with_or_without_its_path(given, root):
    assert api_root(given) == root


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://h", "http://", "http://h:port", "http://[::1", "http://h?x=1", "http://u:p@h/v1"],
)
def test_what_is_no_servers_url_is_the_callers_mistake(url):
    with pytest.raises(GraderError) as caught:
        api_root(url)
    assert "u:p" not in str(caught.value)


def listing(*names: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


def test_the_only_model_of_a_server_is_the_one_asked(server):
    server.replies = [listing("org/model")]
    with RemoteJudge.open(server.url) as judge:
        assert judge.name == f"{server.url.removeprefix('http://')}:org/model"


@pytest.mark.parametrize(
    ("reply", "model", "message"),
    [
        (listing("a", "b\u202e"), None, "several models, name one with --judge-model: a, b$"),
        (listing(), None, "does not list its models: name one with --judge-model"),
        ((404, {}, b""), None, "does not list its models"),
        ((200, {}, b'{"data": [{"id": 3}, {}]}'), None, "does not list its models"),
        ((200, {}, b"[" * 100_000), None, "does not list its models"),
        (listing("a", "b"), "c", "has no model 'c'; it has a, b"),
    ],
)
def test_a_model_that_cannot_be_told_is_said(server, reply, model, message):
    server.replies = [reply]
    with pytest.raises(ModelUnavailableError, match=message):
        RemoteJudge.open(server.url, model)


@pytest.mark.parametrize(("listed", "wanted"), [(("a", "b"), "b"), (("a:latest", "b"), "a"), ((), "a")])
def test_a_named_model_is_asked(server, listed, wanted):
    server.replies = [listing(*listed), verdicts("correct")]
    with RemoteJudge.open(server.url, wanted) as judge:
        judge.read(QUESTION, ANSWER, ONE, "en")
    assert server.bodies[0]["model"] == wanted


def test_trust_in_a_word_is_part_of_the_identity(connect, monkeypatch):
    judge = connect()
    before = judge.identity
    monkeypatch.setattr("grader.judge.remote.TRUST", 0.8)
    assert judge.identity != before


def test_identity_names_server_and_model(connect, server):
    assert connect().identity.startswith(f"remote:{server.url}/v1:m:")
    assert connect().identity == connect().identity
    assert connect(model="n").identity != connect().identity
