"""The command line with a grader that loads no model, takes ``SLOW_S`` a row and notes where it works in ``TRACES``."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import ray
from fakes import FakeGrader

from grader.cli import batch_run, main
from grader.schema import Outcome, Submission

TRACES, SLOW_S = Path(os.environ["TRACES"]), float(os.environ["SLOW_S"])


class TracedGrader(FakeGrader):
    """Leaves a file named ``NODE.PID`` for each process that it has graded in."""

    def grade(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Grade in order, slowly."""
        node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "local"
        (TRACES / f"{node}.{os.getpid()}").touch()
        time.sleep(SLOW_S * len(submissions))
        return super().grade(submissions)


# Of the main module, so Ray sends it by value, and other processes open it too.
batch_run.open_grader = lambda *_args, **_options: TracedGrader()
main()
