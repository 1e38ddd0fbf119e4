"""Start the page."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from grader.errors import GraderError
from grader.resources import bundled_quizzes
from grader.schema import Quiz, Rubric
from grader.store import Store, default_path
from grader.ui.batching import CAPACITY
from grader.ui.library import GradesAnswers, OpenGrader, read_library
from grader.ui.page import build_page
from grader.ui.study import Study
from grader.ui.theme import FAVICON, STYLES, build_theme

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7860
FIRST_QUIZ = "phase-27-modern-attention"
OTHER_THREADS = 32  # for events that wait for no grade
# Gradio would sum up its last 10,000 events anew after each of them, some 10 to 25 ms of computing for nobody.
QUIET_GRADIO = {"GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000", "GRADIO_ANALYTICS_MAX_EVENTS": "1"}


def open_embedded(quiz: Quiz, rubric: Rubric) -> GradesAnswers:
    """Open the default grader, which needs no model hub."""
    from grader.grade import Grader

    return Grader.open(quiz, rubric)


def serve(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    quizzes: Sequence[Path] | None = None,
    db: Path | None = None,
    open_grader: OpenGrader = open_embedded,
    capacity: int = CAPACITY,
    mcp: bool = False,
    block: bool = True,
) -> gr.Blocks:
    """Serve the quiz page; models load in the background while the page is up.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        quizzes: Quiz files or folders of them; the bundled ones and those in the folder ``GRADER_QUIZZES`` by default.
        db: Database file; see :func:`grader.store.default_path` by default.
        open_grader: Makes the grader of a quiz.
        capacity: Answers that may wait for their grades at once, above zero; more are refused.
        mcp: Whether to offer the two endpoints as MCP tools too.
        block: Whether to return only when the server stops.

    Returns:
        The page; ``close()`` stops it where ``block`` is false.

    Raises:
        GraderError: The database cannot be used, the port is taken, or the MCP package is not installed.
    """
    if mcp and importlib.util.find_spec("mcp") is None:
        raise GraderError("MCP tools need the package mcp: pip install 'grader[mcp]'")
    for name, value in QUIET_GRADIO.items():
        os.environ.setdefault(name, value)
    paths = default_quizzes() if quizzes is None else quizzes
    library = read_library(paths, open_grader=open_grader, capacity=capacity)
    for fault in library.faults:
        print(f"grader: {fault}", flush=True)  # noqa: T201 -- the console is where an operator looks
    page = build_page(Study(library, Store(db or default_path())))
    _launch(page, host, port, capacity, mcp=mcp)
    library.warm()
    print(f"grader: the quiz is at http://{host}:{port} (Ctrl+C stops it)", flush=True)  # noqa: T201
    if block:
        page.block_thread()
    return page


def _launch(page: gr.Blocks, host: str, port: int, capacity: int, *, mcp: bool) -> None:
    try:
        page.launch(
            server_name=host,
            server_port=port,
            theme=build_theme(),
            css_paths=STYLES,
            favicon_path=FAVICON,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=mcp,
            max_threads=capacity + OTHER_THREADS,
            share=False,
            max_file_size="16kb",
            state_session_capacity=2_000,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise GraderError(
            f"cannot listen on {host}:{port}; stop what uses it or choose another port ({error})"
        ) from error
    if mcp:
        _answer_in_json(page)


def _answer_in_json(page: gr.Blocks) -> None:
    """Make MCP tools answer in JSON; Gradio writes a record as Python does, which programs cannot read."""
    server = page.mcp_server_obj
    if server is None:
        raise GraderError(f"MCP tools cannot be offered: {page.mcp_error}")
    write = server.postprocess_output_data

    def write_json(data: list[object], root_url: str) -> Any:  # noqa: ANN401 -- Gradio's are untyped
        return write([json.dumps(record, ensure_ascii=False) for record in data], root_url)

    server.postprocess_output_data = write_json  # type: ignore[method-assign]


def default_quizzes() -> list[Path]:
    """List the bundled quizzes, the main one first, then the folder that ``GRADER_QUIZZES`` names."""
    bundled = sorted(bundled_quizzes(), key=lambda path: path.stem != FIRST_QUIZ)
    folder = os.environ.get("GRADER_QUIZZES", "").strip()
    return [*bundled, *([Path(folder).expanduser()] if folder else [])]
