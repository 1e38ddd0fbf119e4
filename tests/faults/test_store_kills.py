"""The page's store killed at random moments, while two processes write: nothing is lost and nothing is doubled."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

from grader.store import Store

KILLS = 20
WRITERS = ("ana", "leo")

# Records, grades and reviews for ever, and says after each commit what is now promised to a learner.
WRITER = """
import sys
from pathlib import Path
from grader.store import Store
store, name = Store(Path(sys.argv[1])), sys.argv[2]
number = 0
while True:
    number += 1
    attempt = store.add_attempt(name, "quiz", f"q-{number % 3}", "en", f"{sys.argv[3]}-{number}")
    print("attempt", attempt, f"{sys.argv[3]}-{number}", flush=True)
    store.add_grade(attempt, {"points": number})
    print("grade", attempt, number, flush=True)
    store.add_review(attempt, "teacher", {"points": -number})
    print("review", attempt, -number, flush=True)
"""


def write_until_killed(path, round_, moment_s):
    """Let both writers run, kill them after so many seconds, and give what they had confirmed."""
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen([*command, name, f"{name}-{round_}"], stdout=subprocess.PIPE, text=True)  # noqa: S603 -- our own code
        for name in WRITERS
    ]
    lines = [writer.stdout.readline() for writer in writers]
    time.sleep(moment_s)
    for writer in writers:
        writer.kill()
    for writer in writers:
        with writer:
            lines += writer.stdout.readlines()
    return [line.split() for line in lines if line.endswith("\n")]


def test_a_store_killed_at_twenty_random_moments_keeps_what_it_confirmed_and_keeps_it_once(tmp_path):
    path = tmp_path / "grader.db"
    moments = random.Random(27)  # noqa: S311 -- a seed makes the moments repeatable
    confirmed: list[list[str]] = []
    for round_ in range(1, KILLS + 1):
        confirmed += write_until_killed(path, round_, moments.uniform(0.0, 0.2))
        store = Store(path)
        attempts = {attempt.id: attempt for name in WRITERS for attempt in store.attempts(name)}
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            reviews = dict(connection.execute("SELECT attempt, group_concat(record) FROM reviews GROUP BY attempt"))
        assert set(Counter(attempt.answer for attempt in attempts.values()).values()) == {1}
        for what, number, said in confirmed:
            attempt = attempts[int(number)]
            if what == "attempt":
                assert attempt.answer == said
            elif what == "grade":
                assert attempt.record == {"points": int(said)}
            else:
                assert json.loads(reviews[attempt.id]) == {"points": int(said)}
        promised = sum(what == "attempt" for what, *_ in confirmed)
        assert 0 <= len(attempts) - promised <= round_ * len(WRITERS)  # at most one a killed writer
    assert len(confirmed) > 20 * KILLS
    for name in WRITERS:
        for attempt in store.ungraded(name):
            assert store.add_grade(attempt.id, {"points": 0})
            assert not store.add_grade(attempt.id, {"points": 1})
        assert store.ungraded(name) == ()
