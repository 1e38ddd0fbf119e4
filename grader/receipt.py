"""The receipt of a grade: a hash of everything that decided it."""

from __future__ import annotations

import hashlib
import json

from grader import __version__
from grader.schema import Lang, Quiz, Rubric, Submission


def make_receipt(quiz: Quiz, rubric: Rubric, submission: Submission, lang: Lang, models: str) -> str:
    """Hash what decided a grade.

    Args:
        quiz: That the question belongs to.
        rubric: Of the quiz.
        submission: What was graded; its question and answer count, not who sent it.
        lang: That it was graded in.
        models: What read the answer and turned it into a grade.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.
    """
    files = quiz.digest, rubric.digest
    deciding = [__version__, *files, submission.question_id, submission.answer, lang, models]
    return "sha256:" + hashlib.sha256(json.dumps(deciding, ensure_ascii=True).encode()).hexdigest()
