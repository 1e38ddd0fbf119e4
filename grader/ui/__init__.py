"""The quiz page: answer in one's own words, see what counted and why."""

from grader.ui.ending import until_terminated
from grader.ui.server import serve

__all__ = ["serve", "until_terminated"]
