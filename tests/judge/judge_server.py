"""A judge's server on this machine that answers as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]
Script = Callable[["FakeJudge"], Reply]


def completion(content: str | None, *, finish: str | None = "stop", **message: str) -> Reply:
    """A chat completion with this content."""
    body = {"choices": [{"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}]}
    return 200, {}, json.dumps(body).encode()


def verdicts(*words: str) -> Reply:
    """A completion that answers s1, s2, … with these words."""
    return completion(json.dumps({f"s{number}": word for number, word in enumerate(words, 1)}))


@dataclass
class FakeJudge:
    """What a test tells and asks the server.

    Args:
        replies: One a request, in order; the last one repeats. A callable is run in the server's thread.
        bodies: What was sent, parsed.
        headers: Of each request.
    """

    replies: list[Reply | Script] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Reply:
        """Take the reply to the latest request."""
        reply = self.replies[min(len(self.headers), len(self.replies)) - 1]
        return reply(self) if callable(reply) else reply

    def hang(self) -> Reply:
        """Answer nothing until the test is over."""
        self.released.wait(20)
        return 500, {}, b""


@contextmanager
def serve() -> Iterator[FakeJudge]:
    fake = FakeJudge()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            fake.bodies.append(json.loads(sent))
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            fake.headers.append(dict(self.headers))
            status, headers, body = fake.next()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
