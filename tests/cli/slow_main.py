"""The command line with a grader that loads no model and takes ``SLOW_S`` seconds for each answer."""

import os
import time

from fakes import FakeGrader

from grader.cli import main
from grader.grade import Grader
from grader.schema import Outcome, Submission


class SlowGrader(FakeGrader):
    """Takes its time."""

    def _grade(self, submission: Submission) -> Outcome:
        time.sleep(float(os.environ["SLOW_S"]))
        return super()._grade(submission)


Grader.open = staticmethod(lambda *_args, **_options: SlowGrader())
main()
