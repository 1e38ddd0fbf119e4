"""Streams of submissions graded in order, and files that appear whole or not at all."""

from grader.batch.atomic import refuse_overwrite, replace_atomically
from grader.batch.local import AnswerGrader, grade_stream
from grader.batch.sinks import output_format, write_grades, write_jsonl
from grader.batch.tally import Tally

__all__ = [
    "AnswerGrader",
    "Tally",
    "grade_stream",
    "output_format",
    "refuse_overwrite",
    "replace_atomically",
    "write_grades",
    "write_jsonl",
]
