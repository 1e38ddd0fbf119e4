"""A judge behind a URL: any server that speaks OpenAI's chat completions (vLLM, llama.cpp, Ollama, …)."""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from grader.errors import GraderError, ModelUnavailableError
from grader.judge.prompt import build_messages, parse_reply, reply_schema
from grader.judge.reading import VERDICTS, JudgeFailure, Probabilities
from grader.judge.replies import Replies
from grader.judge.transport import Answered, Transport
from grader.plain import clean_line
from grader.schema import LANGS, Lang, Verdict

KEY_VARIABLE = "GRADER_JUDGE_KEY"
TRUST = 0.9  # probability given to the verdict of a judge that says how it decided but not how sure it is
KEPT_MARK = "0" * 32  # stands in for the drawn mark where a call is compared with earlier ones
DENIED = (401, 403)
IN_FLIGHT = 8
MODELS_SHOWN = 8
FINISHED = ("stop", None)


@dataclass(frozen=True)
class Patience:
    """How long and how often a judge is asked.

    Args:
        timeout_s: For one try, from sending to the reply's last byte.
        tries: For one answer; more than one only where another try can help.
        first_wait_s: Before the second try, doubled for each later one; a random part of it is left out.
        longest_wait_s: However many tries, and whatever the server asks for.
    """

    timeout_s: float = 60.0
    tries: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0


class RemoteJudge:
    """Asks a server once an answer; whatever goes wrong there is a failure with a reason, not an exception.

    Args:
        url: Of the server, with or without ``/v1``; the key comes from the environment variable GRADER_JUDGE_KEY alone.
        model: As the server names it.
        patience: Time and tries.
        cache: File of earlier replies; ``None`` keeps none.
        max_reply_tokens: Room for the reply, and for what some models think before it.
        sleep: Waits between tries.

    Raises:
        GraderError: The URL is not one of a server, the key is no header's text, or the cache cannot be used.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        patience: Patience = Patience(),
        cache: Path | None = None,
        max_reply_tokens: int = 1024,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._model, self._patience = api_root(url), model, patience
        self._max_reply_tokens, self._sleep = max_reply_tokens, sleep
        self._replies = None if cache is None else Replies(cache)
        self._transport = Transport(self._url, os.environ.get(KEY_VARIABLE, ""), patience.timeout_s)
        self._jitter = random.Random()  # noqa: S311 -- spreads tries, keeps no secret

    @classmethod
    def open(cls, url: str, model: str | None = None, *, cache: Path | None = None) -> RemoteJudge:
        """See that a server is there and has the model.

        Args:
            url: Of the server.
            model: As the server names it; ``None`` for the only one that it lists.
            cache: File of earlier replies; ``None`` keeps none.

        Raises:
            GraderError: As for the class.
            ModelUnavailableError: The server does not answer, refuses the key, or lists other models.
        """
        with cls(url, model or "") as judge:
            listed = judge.check()
        return cls(url, choose_model(listed, model, url), cache=cache)

    @property
    def name(self) -> str:
        """Host and model, for the record."""
        return clean_line(f"{urlsplit(self._url).netloc}:{self._model}", limit=160)

    @property
    def at_once(self) -> int:
        """Requests in flight."""
        return IN_FLIGHT

    @property
    def identity(self) -> str:
        """Server, model, everything in a call but the answer, and how far a reply is trusted."""
        call = json.dumps([TRUST, *(self._body("", "", ("",), lang, KEPT_MARK) for lang in LANGS)], sort_keys=True)
        return f"remote:{self._url}:{self._model}:{hashlib.sha256(call.encode()).hexdigest()[:16]}"

    def check(self) -> tuple[str, ...]:
        """See that the server is there and lets us in.

        Returns:
            The models that it lists; empty where it lists none.

        Raises:
            ModelUnavailableError: It does not answer, or refuses the key.
        """
        found = self._transport.get("/models")
        if isinstance(found, JudgeFailure):
            raise ModelUnavailableError(f"no judge at {self._url}: {found.reason}; start it, or name another URL")
        if found.status in DENIED:
            raise ModelUnavailableError(
                f"the judge at {self._url} refuses us ({found.status}): set {KEY_VARIABLE} to its key"
            )
        return read_models(found)

    def read(
        self, question: str, answer: str, statements: Sequence[str], lang: Lang
    ) -> list[Probabilities] | JudgeFailure:
        """Judge an answer against statements, in their order.

        Args:
            question: What was asked.
            answer: What the learner wrote; sent as data between marks that it cannot guess.
            statements: Criteria, misconceptions or references.
            lang: Of the statements.
        """
        if not statements:
            return []
        body = self._body(question, answer, statements, lang, KEPT_MARK)
        asked = json.dumps([self._url, body, answer], sort_keys=True)
        key = hashlib.sha256(asked.encode()).hexdigest()
        verdicts = None if self._replies is None else self._replies.find(key)
        if verdicts is None:
            found = self._ask(lambda: self._body(question, answer, statements, lang, secrets.token_hex(16)))
            read = found if isinstance(found, JudgeFailure) else read_completion(found, len(statements))
            if isinstance(read, JudgeFailure):
                return read
            verdicts = read
            if self._replies is not None:
                self._replies.keep(key, verdicts)
        return [spread(verdict) for verdict in verdicts]

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def _body(self, question: str, answer: str, statements: Sequence[str], lang: Lang, mark: str) -> dict[str, object]:
        schema = {"name": "verdicts", "strict": True, "schema": reply_schema(len(statements))}
        return {
            "model": self._model,
            "messages": build_messages(question, answer, statements, lang, mark),
            "temperature": 0,
            "seed": 0,
            "max_tokens": self._max_reply_tokens,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }

    def _ask(self, body: Callable[[], dict[str, object]]) -> Answered | JudgeFailure:
        """Try until the server gives an answer that another try would not change."""
        failure = JudgeFailure("the judge was not asked")
        for attempt in range(self._patience.tries):
            found = self._transport.post("/chat/completions", body())
            if isinstance(found, Answered) and not found.worth_another_try:
                return found
            asked_for = 0.0 if isinstance(found, JudgeFailure) else found.retry_after_s
            failure = found if isinstance(found, JudgeFailure) else JudgeFailure(describe(found))
            if attempt + 1 < self._patience.tries:
                self._sleep(self._wait_s(attempt, asked_for))
        return JudgeFailure(f"{failure.reason} ({self._patience.tries} tries)")

    def _wait_s(self, attempt: int, asked_for_s: float) -> float:
        """Exponential back-off, between half and all of it, and no less than the server asks for."""
        longest = self._patience.longest_wait_s
        backed_off = min(longest, self._patience.first_wait_s * 2.0**attempt)
        return max(min(asked_for_s, longest), backed_off * self._jitter.uniform(0.5, 1))


def api_root(url: str) -> str:
    """Find where a server's interface begins: ``http://host:8000`` becomes ``http://host:8000/v1``.

    Raises:
        GraderError: It is not an http or https URL, or holds a password, query or fragment.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise GraderError(f"a judge's URL looks like http://localhost:8000/v1, got {clean_line(url)!r}") from None
    if parts.username is not None or parts.password is not None:
        raise GraderError(f"a judge's URL holds no user or password: set {KEY_VARIABLE} instead")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise GraderError(f"a judge's URL looks like http://localhost:8000/v1, got {clean_line(url)!r}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def read_models(found: Answered) -> tuple[str, ...]:
    """Read the models' names out of a list of models; empty where it is none."""
    try:
        names = [model["id"] for model in json.loads(found.text)["data"]] if found.ok else []
    except (ValueError, LookupError, TypeError, RecursionError):
        return ()
    return tuple(name for name in names if isinstance(name, str) and name)


def choose_model(listed: Sequence[str], wanted: str | None, url: str) -> str:
    """Choose the model to ask: the one wanted, or the only one there is.

    Args:
        listed: What the server lists; empty where it lists none, which leaves the choice to the caller.
        wanted: May lack a tag, as in ``qwen2.5`` for ``qwen2.5:latest``.
        url: For the message.

    Raises:
        ModelUnavailableError: There is no such model, or no telling which.
    """
    known = ", ".join(clean_line(name, limit=80) for name in listed[:MODELS_SHOWN])
    if wanted is not None:
        if listed and wanted not in listed and not any(name.startswith(f"{wanted}:") for name in listed):
            raise ModelUnavailableError(f"the judge at {url} has no model {wanted!r}; it has {known}")
        return wanted
    if not listed:
        raise ModelUnavailableError(f"the judge at {url} does not list its models: name one with --judge-model")
    if len(listed) > 1:
        raise ModelUnavailableError(f"the judge at {url} has several models, name one with --judge-model: {known}")
    return listed[0]


def describe(found: Answered) -> str:
    """Say what a server answered instead of a reply."""
    said = clean_line(found.text, limit=120)
    return f"the judge answered {found.status}: {said!r}" if said else f"the judge answered {found.status}"


def read_completion(found: Answered, count: int) -> list[Verdict] | JudgeFailure:
    """Read the verdicts out of a chat completion."""
    if not found.ok:
        return JudgeFailure(describe(found))
    try:
        choice = json.loads(found.text)["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return JudgeFailure(f"the judge's reply is not a chat completion: {clean_line(found.text, limit=80)!r}")
    if refusal or finish == "content_filter":
        return JudgeFailure("the judge refused to judge this answer")
    if finish == "length":
        return JudgeFailure("the judge's reply was cut off")
    if finish not in FINISHED or not isinstance(content, str):
        return JudgeFailure(f"the judge gave no verdict (finish reason {clean_line(str(finish), limit=40)!r})")
    return parse_reply(content, count)


def spread(verdict: Verdict) -> Probabilities:
    """Turn a word into five probabilities: ``TRUST`` for it, the rest shared by the others."""
    rest = (1 - TRUST) / (len(VERDICTS) - 1)
    p = [TRUST if other is verdict else rest for other in VERDICTS]
    return (p[0], p[1], p[2], p[3], p[4])
