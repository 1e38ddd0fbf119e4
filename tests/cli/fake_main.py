"""The command line as a program, with a grader that loads no model."""

from fakes import FakeGrader

from grader.cli import main
from grader.grade import Grader

Grader.open = staticmethod(lambda *_args, **_options: FakeGrader())
main()
