"""A language model asked how an answer stands to a statement; it reads an untrusted text and gives no points.

``LocalJudge`` runs on this machine, ``RemoteJudge`` asks a server; both give five probabilities a statement, or a
``JudgeFailure`` with its reason. ``choose_judge`` reads a judge's name, ``open_bench`` sees that it can be had.
"""

from grader.judge.bench import Bench, Case
from grader.judge.local import LocalJudge
from grader.judge.reading import VERDICTS, Judge, JudgeFailure, Probabilities
from grader.judge.remote import Patience, RemoteJudge
from grader.judge.settings import LOCAL, PROMPT, JudgeSettings, When, choose_judge, open_bench

__all__ = [
    "LOCAL",
    "PROMPT",
    "VERDICTS",
    "Bench",
    "Case",
    "Judge",
    "JudgeFailure",
    "JudgeSettings",
    "LocalJudge",
    "Patience",
    "Probabilities",
    "RemoteJudge",
    "When",
    "choose_judge",
    "open_bench",
]
