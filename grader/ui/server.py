"""Start the page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from grader.errors import GraderError
from grader.resources import bundled_quizzes
from grader.schema import Quiz, Rubric
from grader.store import Store, default_path
from grader.ui.library import GradesAnswers, OpenGrader, read_library
from grader.ui.page import build_page
from grader.ui.study import Study
from grader.ui.theme import FAVICON, STYLES, build_theme

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7860
FIRST_QUIZ = "phase-27-modern-attention"


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
    block: bool = True,
) -> gr.Blocks:
    """Serve the quiz page; models load in the background while the page is up.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        quizzes: Quiz files or folders of them; the bundled ones and those in the folder ``GRADER_QUIZZES`` by default.
        db: Database file; see :func:`grader.store.default_path` by default.
        open_grader: Makes the grader of a quiz.
        block: Whether to return only when the server stops.

    Returns:
        The page; ``close()`` stops it where ``block`` is false.

    Raises:
        GraderError: The database cannot be used, or the port is taken.
    """
    library = read_library(default_quizzes() if quizzes is None else quizzes, open_grader=open_grader)
    for fault in library.faults:
        print(f"grader: {fault}", flush=True)  # noqa: T201 -- the console is where an operator looks
    page = build_page(Study(library, Store(db or default_path())))
    _launch(page, host, port)
    library.warm()
    print(f"grader: the quiz is at http://{host}:{port} (Ctrl+C stops it)", flush=True)  # noqa: T201
    if block:
        page.block_thread()
    return page


def _launch(page: gr.Blocks, host: str, port: int) -> None:
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
            mcp_server=False,
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


def default_quizzes() -> list[Path]:
    """List the bundled quizzes, the main one first, then the folder that ``GRADER_QUIZZES`` names."""
    bundled = sorted(bundled_quizzes(), key=lambda path: path.stem != FIRST_QUIZ)
    folder = os.environ.get("GRADER_QUIZZES", "").strip()
    return [*bundled, *([Path(folder).expanduser()] if folder else [])]
