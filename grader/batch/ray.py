"""The cluster engine: the local engine's windows on Ray Data, behind the same journal.

Read, then ``map_batches`` with actors that each hold a grader, then the journal. A row of the dataset is a whole
window, so a window is what Ray hands out and what it tries again. The reading stays on the machine that has the file.
Windows come back in any order; the places of their rows travel with them, and the journal puts them in order.

When a worker or a node dies, Ray starts its actors elsewhere and grades their windows again, as often as it takes.
What has reached the journal outlives the command itself.
"""

from __future__ import annotations

import pickle  # what Ray itself sends everything with, between processes that trust each other
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from grader.batch.cluster import cluster_errors, graders_that_fit, joined_cluster
from grader.batch.equal import GradedOnce
from grader.batch.local import WINDOW_ROWS, AnswerGrader, PlacedRow, grade_window, windows
from grader.errors import GraderError
from grader.load import read_submissions
from grader.schema import Outcome

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

    from grader.batch.journal import Journal
    from grader.load.sources import Format

_COLUMN = "item"


@dataclass(frozen=True)
class RaySettings:
    """How a run uses a cluster.

    Args:
        actors: Graders at work; ``None`` for as many as the cluster has processors or, where they use GPUs, room on
            its GPUs.
        num_gpus: GPUs, or the share of one, that each grader reserves.
        batch_rows: Rows that a grader takes at a time, above zero.
    """

    actors: int | None = None
    num_gpus: float = 0.0
    batch_rows: int = WINDOW_ROWS


@dataclass(frozen=True)
class SubmissionFile:
    """What to read, on the machine that has it.

    Args:
        path: The file.
        format: Found from its name unless given.
        limit: Rows to stop after, if any.
    """

    path: Path
    format: Format | None = None
    limit: int | None = None


class RevisedGrader(AnswerGrader, Protocol):
    """A grader that names what turns answers into grades."""

    @property
    def revision(self) -> str:
        """Models, rule, calibration and judge."""
        ...


Opener = Callable[[], RevisedGrader]  # called in every actor, so it is pickled


@dataclass(frozen=True)
class _Graded:
    places: list[int]
    outcomes: list[Outcome]


@dataclass(frozen=True)
class _Refused:
    message: str


class RayEngine:
    """A cluster that grades, inside this context.

    Joins the cluster that ``RAY_ADDRESS`` names, or starts one on this machine that ends with the context.

    Args:
        file: Rows to grade.
        open_grader: Opens the grader, in every actor.
        settings: Of the run.
    """

    def __init__(self, file: SubmissionFile, open_grader: Opener, settings: RaySettings) -> None:
        self._file, self._open, self._settings = file, open_grader, settings

    def __enter__(self) -> Self:
        """Join or start the cluster and open the grader once on it.

        Raises:
            GraderError: Ray is not installed, the cluster does not answer or has no room, or the grader cannot be
                opened there.
        """
        with ExitStack() as stack:
            stack.enter_context(joined_cluster())
            self._actors = self._settings.actors or graders_that_fit(self._settings.num_gpus)
            self.revision = self._find_revision()
            self._leave = stack.pop_all().close
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave the cluster; one that was started here ends."""
        self._leave()

    def grade_missing(
        self, journal: Journal, *, window: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[tuple[int, int]]:
        """Grade the rows that the journal lacks, on all actors at once.

        Args:
            journal: Gets each window's outcomes when they arrive.
            window: Entered around each time the journal is written.

        Yields:
            After each window the rows done so far, and how many of them this window graded.

        Raises:
            GraderError: The file cannot be used, an actor cannot open the same grader, or the cluster is lost.
        """
        done = journal.rows
        with cluster_errors():
            dataset = self._dataset(_marks(journal))
            refused = ""
            for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                for item in _unpacked(table):
                    if isinstance(item, _Refused):
                        refused = item.message  # where the file breaks off, the rows before are kept first
                        continue
                    with window():
                        journal.add(item.places, item.outcomes)
                    done += len(item.places)
                    yield done, len(item.places)
        if refused:
            raise GraderError(refused)

    def _find_revision(self) -> str:
        """Ask a machine that grades, for this one need not have the models, nor the same kind of device."""
        import ray

        ask = ray.remote(num_cpus=1, num_gpus=self._settings.num_gpus, max_calls=1)(_revision)  # then frees its memory
        with cluster_errors():
            found: str | _Refused = ray.get(ask.remote(self._open))
        if isinstance(found, _Refused):
            raise GraderError(found.message)
        return found

    def _dataset(self, kept: bytes) -> Dataset:
        import ray
        from ray.data import ActorPoolStrategy, read_datasource
        from ray.data.block import BlockMetadata
        from ray.data.datasource import Datasource, ReadTask

        file, batch_rows = self._file, self._settings.batch_rows

        class Windows(Datasource):  # type: ignore[misc]  # mypy sees none of Ray's types
            def estimate_inmemory_data_size(self) -> int | None:
                return None

            def get_read_tasks(self, *_args: object, **_options: object) -> list[ReadTask]:
                nothing_known = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
                return [ReadTask(lambda: _read(file, kept, batch_rows), nothing_known)]

        rows = read_datasource(
            Windows(),
            num_cpus=0,  # reading is little work, and a processor less would be a grader less
            override_num_blocks=1,
            label_selector={"ray.io/node-id": ray.get_runtime_context().get_node_id()},
        )
        graded = rows.map_batches(
            _Actor,
            fn_constructor_args=(self._open, self.revision),
            batch_size=None,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=self._actors),
            num_cpus=1,
            num_gpus=self._settings.num_gpus,
        )
        graded.context.target_max_block_size = 1  # byte, so that Ray never joins windows
        graded.context.enable_progress_bars = False  # we have our own
        return graded


class _Actor:
    """A grader in a process of its own.

    It holds a refusal where it cannot grade as the others do: an error here would make Ray start it anew for ever.
    """

    def __init__(self, open_grader: Opener, revision: str) -> None:
        self._grader: GradedOnce | None = None
        try:
            grader = open_grader()
        except GraderError as error:
            self._refused = _Refused(f"{_node()}: {error}")
            return
        if grader.revision != revision:
            self._refused = _Refused(f"{_node()}: has {grader.revision} where another node has {revision}")
            return
        self._grader = GradedOnce(grader)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Grade windows."""
        return _packed([self._grade(item) for item in _unpacked(table)])

    def _grade(self, item: list[PlacedRow] | _Refused) -> _Graded | _Refused:
        if isinstance(item, _Refused):
            return item
        if self._grader is None:
            return self._refused
        return _Graded([place for place, _ in item], grade_window([row for _, row in item], self._grader))


def _read(file: SubmissionFile, kept: bytes, batch_rows: int) -> Iterator[pa.Table]:
    """Read windows of the rows that are not kept; where the file breaks off, why comes last."""
    try:
        rows = enumerate(islice(read_submissions(file.path, format=file.format), file.limit))
        missing = ((place, row) for place, row in rows if place >= len(kept) or not kept[place])
        for placed in windows(missing, window_rows=batch_rows):
            yield _packed([placed])
    except GraderError as error:
        yield _packed([_Refused(str(error))])
    except OSError as error:
        yield _packed([_Refused(f"{file.path}: {error.strerror or error}")])


def _revision(open_grader: Opener) -> str | _Refused:
    try:
        return open_grader().revision
    except GraderError as error:
        return _Refused(str(error))


def _marks(journal: Journal) -> bytes:
    """One byte a row, 1 where its outcome is kept, as far as there are any."""
    marks = bytearray()
    for place in journal.places():
        marks.extend(bytes(place - len(marks)))
        marks.append(1)
    return bytes(marks)


def _packed(items: list[Any]) -> pa.Table:
    import pyarrow as pa

    return pa.table({_COLUMN: [pickle.dumps(item) for item in items]})


def _unpacked(table: pa.Table) -> list[Any]:
    return [pickle.loads(item) for item in table[_COLUMN].to_pylist()]  # noqa: S301 -- made by _packed on this cluster


def _node() -> str:
    import ray

    return f"node {ray.util.get_node_ip_address()}"
