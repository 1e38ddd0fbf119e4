"""A Ray cluster joined, or started on this machine, without a word to anyone."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from grader.errors import GraderError

_OBJECT_STORE_BYTES = 256 << 20  # of a cluster started here; windows are small, and reading waits when it is full


@contextmanager
def joined_cluster() -> Iterator[None]:
    """Join the cluster that ``RAY_ADDRESS`` names, or start one that ends with the context.

    What Ray prints goes to standard error meanwhile: it reports on dead workers wherever results go.

    Raises:
        GraderError: Ray is missing, or the cluster does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read on import, as the next ones
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray warns of unless it is set
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # Ray's own log goes to standard error
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise GraderError("--engine ray needs Ray: pip install 'grader[ray]'") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with redirect_stdout(sys.stderr):
        try:
            _connect(os.environ.get("RAY_ADDRESS"))
            yield
        finally:
            ray.shutdown()


def _connect(address: str | None) -> None:
    import ray

    own: dict[str, Any] = {"object_store_memory": _OBJECT_STORE_BYTES, "_node_ip_address": "127.0.0.1"}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        ray.init(
            address or "local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else own),
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise GraderError(f"Ray: cannot {f'join {address}' if address else 'start'}: {_first_line(error)}") from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray puts its own in their place


def graders_that_fit(num_gpus: float) -> int:
    """Count the graders for which the cluster, as it is, has room.

    Args:
        num_gpus: GPUs, or the share of one, that each reserves; 0 where each takes a processor only.

    Raises:
        GraderError: There is room for none.
    """
    import ray

    name, each = ("GPU", num_gpus) if num_gpus else ("CPU", 1.0)
    there = ray.cluster_resources().get(name, 0.0)
    if there < each:
        raise GraderError(f"the Ray cluster has {there:g} {name}s, and each grader needs {each:g}")
    return int(there / each)


@contextmanager
def cluster_errors() -> Iterator[None]:
    """Turn what befalls the cluster into one message; an error in our own code keeps its traceback.

    Raises:
        GraderError: The cluster failed.
    """
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError:
        raise
    except RayError as error:
        raise GraderError(f"the Ray cluster failed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
