"""A language model asked how an answer stands to a statement; it reads an untrusted text and gives no points.

``LocalJudge`` runs on this machine, ``RemoteJudge`` asks a server; both give five probabilities a statement, or a
``JudgeFailure`` with its reason.
"""

from grader.judge.local import LocalJudge
from grader.judge.reading import VERDICTS, Judge, JudgeFailure, Probabilities
from grader.judge.remote import Patience, RemoteJudge

__all__ = ["VERDICTS", "Judge", "JudgeFailure", "LocalJudge", "Patience", "Probabilities", "RemoteJudge"]
