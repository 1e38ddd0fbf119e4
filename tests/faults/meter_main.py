"""Run a Python program and print the most memory that it took, in kB: ``meter_main.py PROGRAM ARGUMENT...``.

A process starts out with the peak of the one that started it. The tests may be large by then; this program is small.
"""

import resource
import subprocess
import sys

code = subprocess.call([sys.executable, *sys.argv[1:]])  # noqa: S603 -- our own command
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)  # noqa: T201 -- its result
sys.exit(code)
