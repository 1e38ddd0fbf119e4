"""Files to records: the only parser.

Quizzes and rubrics are read whole and every fault is reported at once; submissions stream, and a bad row is a row.
"""

from grader.load.check import check_files
from grader.load.facts import FactCheck, check_facts
from grader.load.json_schema import schema_drift, write_schemas
from grader.load.labels import read_labels
from grader.load.quiz import load_quiz
from grader.load.rubric import load_rubric
from grader.load.sources import Format
from grader.load.submissions import read_submissions

__all__ = [
    "FactCheck",
    "Format",
    "check_facts",
    "check_files",
    "load_quiz",
    "load_rubric",
    "read_labels",
    "read_submissions",
    "schema_drift",
    "write_schemas",
]
