"""Requests to a judge's server, with a deadline for the whole of each and a limit on what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from grader.errors import GraderError
from grader.judge.reading import JudgeFailure

MAX_REPLY_BYTES = 2**20
AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True)
class Answered:
    """What a server answered.

    Args:
        status: HTTP status.
        text: Its body.
        retry_after_s: How long the server asks to wait; 0 where it does not say.
    """

    status: int
    text: str
    retry_after_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked."""
        return self.status == HTTPStatus.OK

    @property
    def worth_another_try(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in AGAIN or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Transport:
    """A connection to one server; redirections are not followed, so the key goes nowhere else.

    Args:
        root: Where the interface begins.
        key: Sent as a bearer token; empty for none.
        timeout_s: For one request, from sending to the last byte.

    Raises:
        GraderError: The root is no URL, or the key holds characters that no header can.
    """

    def __init__(self, root: str, key: str, timeout_s: float) -> None:
        import httpx

        if not key.isascii() or not (key.isprintable() and " " not in key):
            raise GraderError("the judge's key holds characters that no HTTP header can carry")
        try:
            httpx.URL(root)
        except httpx.InvalidURL as error:
            raise GraderError(f"the judge's URL cannot be used: {error}") from error
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._root, self._timeout_s = root, timeout_s
        self._client = httpx.Client(headers=headers, timeout=timeout_s, follow_redirects=False)

    def get(self, path: str) -> Answered | JudgeFailure:
        """Ask for a page."""
        return self._send("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Answered | JudgeFailure:
        """Send JSON."""
        return self._send("POST", path, json.dumps(body).encode())

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _send(self, method: str, path: str, content: bytes | None) -> Answered | JudgeFailure:
        import httpx

        deadline = time.monotonic() + self._timeout_s
        late = JudgeFailure(f"the judge took over {self._timeout_s:g} s")
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            with self._client.stream(method, self._root + path, content=content, headers=headers) as response:
                body = b""
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > deadline:
                        return late
                    if len(body) > MAX_REPLY_BYTES:
                        return JudgeFailure(f"the judge's reply is over {MAX_REPLY_BYTES} bytes")
                wait_s = _seconds(response.headers.get("Retry-After", ""))
                return Answered(response.status_code, body.decode("utf-8", "replace"), wait_s)
        except httpx.TimeoutException:
            return late
        except httpx.HTTPError as error:
            return JudgeFailure(f"the judge cannot be reached ({type(error).__name__})")


def _seconds(text: str) -> float:
    """Read a Retry-After header in seconds; a date or nonsense counts as none."""
    return float(text) if text.isascii() and text.isdigit() else 0.0
