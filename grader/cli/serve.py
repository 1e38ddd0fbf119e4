"""``grader serve``: the quiz as a web page."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from types import FrameType

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]


def serve(*, host: HostOption = "127.0.0.1", port: PortOption = 7860) -> None:
    """Open the quiz as a web page, until interrupted."""
    from grader.ui import serve as serve_page

    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _stop)
    serve_page(host, port)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """Stop as on Ctrl+C, the way that the page ends orderly."""
    raise KeyboardInterrupt
