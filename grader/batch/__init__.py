"""Streams of submissions graded in order, runs that outlive any death, and files that appear whole or not at all."""

from grader.batch.atomic import refuse_overwrite, replace_atomically
from grader.batch.cores import usable_cores, use_cores
from grader.batch.drain import Drain, Interrupted
from grader.batch.equal import GradedOnce
from grader.batch.journal import DamagedJournalError, Journal
from grader.batch.local import CUDA_WINDOW_ROWS, WINDOW_ROWS, AnswerGrader, grade_stream
from grader.batch.ray import RayEngine, RaySettings, SubmissionFile
from grader.batch.resume import InputFile, Start, begin_run, finish_run, grade_missing, open_journal
from grader.batch.sinks import output_format, write_grades, write_jsonl
from grader.batch.tally import Tally

__all__ = [
    "CUDA_WINDOW_ROWS",
    "WINDOW_ROWS",
    "AnswerGrader",
    "DamagedJournalError",
    "Drain",
    "GradedOnce",
    "InputFile",
    "Interrupted",
    "Journal",
    "RayEngine",
    "RaySettings",
    "Start",
    "SubmissionFile",
    "Tally",
    "begin_run",
    "finish_run",
    "grade_missing",
    "grade_stream",
    "open_journal",
    "output_format",
    "refuse_overwrite",
    "replace_atomically",
    "usable_cores",
    "use_cores",
    "write_grades",
    "write_jsonl",
]
