"""``grader attention bench``: checks first, times second, with the best other kernels in the same run."""

from grader.attention.bench.cases import SECTIONS
from grader.attention.bench.record import Ceilings, Machine, Row, append, read, show
from grader.attention.bench.run import measure_ceilings, run_bench

__all__ = ["SECTIONS", "Ceilings", "Machine", "Row", "append", "measure_ceilings", "read", "run_bench", "show"]
