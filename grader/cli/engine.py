"""Where a batch is graded: in this process, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import typer

from grader.errors import GraderError

if TYPE_CHECKING:
    from grader.batch import Journal, RaySettings, SubmissionFile
    from grader.batch.ray import Opener, RevisedGrader
    from grader.schema import Submission, Unscored

EngineName = Literal["local", "ray"]

EngineOption = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="Where to grade: in this process, or on the Ray cluster of RAY_ADDRESS, one on this machine without it.",
    ),
]
RayActorsOption = Annotated[
    int | None,
    typer.Option("--ray-actors", metavar="N", min=1, help="Graders at work at a time; as many as fit unless named."),
]
RayNumGpusOption = Annotated[
    float | None, typer.Option("--ray-num-gpus", metavar="X", min=0, help="GPUs, or the share of one, for each grader.")
]
RayBatchSizeOption = Annotated[
    int | None,
    typer.Option("--ray-batch-size", metavar="N", min=1, help="Rows that a grader takes at a time; 256 unless named."),
]


class Engine(Protocol):
    """What grades the rows that a journal lacks."""

    @property
    def revision(self) -> str:
        """What turns answers into grades."""
        ...

    def grade_missing(
        self, journal: Journal, *, window: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[tuple[int, int]]:
        """Grade them, and give after each window the rows done so far and those it graded."""
        ...


class LocalEngine:
    """A grader in this process.

    Args:
        rows: All rows of the input.
        grader: Grades them.
    """

    def __init__(self, rows: Iterator[Submission | Unscored], grader: RevisedGrader) -> None:
        self._rows, self._grader = rows, grader

    @property
    def revision(self) -> str:
        """What turns answers into grades."""
        return self._grader.revision

    def grade_missing(
        self, journal: Journal, *, window: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[tuple[int, int]]:
        """Grade window by window, in order."""
        from grader.batch import CUDA_WINDOW_ROWS, WINDOW_ROWS, GradedOnce, grade_missing
        from grader.placement import CUDA, find_placement

        size = CUDA_WINDOW_ROWS if find_placement().device == CUDA else WINDOW_ROWS
        return grade_missing(self._rows, GradedOnce(self._grader), journal, window=window, window_rows=size)


def choose_ray(
    name: EngineName, *, actors: int | None, num_gpus: float | None, batch_size: int | None
) -> RaySettings | None:
    """Read the options of an engine; ``None`` for the local one.

    Raises:
        GraderError: Ray's options are given without it.
    """
    from grader.batch import RaySettings

    if name == "ray":
        rows = {} if batch_size is None else {"batch_rows": batch_size}
        return RaySettings(actors, num_gpus or 0.0, **rows)
    given = {"--ray-actors": actors, "--ray-num-gpus": num_gpus, "--ray-batch-size": batch_size}
    for option, value in given.items():
        if value is not None:
            raise GraderError(f"{option} goes with --engine ray")
    return None


@contextmanager
def open_engine(
    rows: Iterator[Submission | Unscored], file: SubmissionFile, opener: Opener, *, ray: RaySettings | None
) -> Iterator[Engine]:
    """Open what grades a run.

    Args:
        rows: All rows of the input, for the local engine.
        file: The same rows, for a cluster.
        opener: Opens the grader; the cluster's processes call it too.
        ray: How to use a cluster; ``None`` for the local engine.

    Raises:
        GraderError: The grader or the cluster cannot be had.
    """
    from grader.batch import RayEngine, use_cores

    if ray is None:
        grader = opener()
        use_cores()
        yield LocalEngine(rows, grader)
    else:
        with RayEngine(file, opener, ray) as cluster:
            yield cluster
