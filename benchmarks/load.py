"""Simulated learners on a served page: errors, refusals, percentiles of the wait, memory and processor time.

    python benchmarks/load.py --learners 200 --rate 20 --seconds 300                  # learners on the page
    python benchmarks/load.py --learners 200 --rate 20 --seconds 300 --through api    # programs at /grade

Starts ``grader serve`` on a free port and a database of its own. Answers arrive at random (exponential gaps) at the
rate asked for, whether or not earlier ones are done, and each goes to a learner who has nothing under way; the wait
counts from the moment of arrival. A tool with a loop a learner, such as locust, sends less as soon as the server slows
down, and so hides the waits that it causes. The answers are the sample submissions; ``--distinct`` is the share of
free answers that get words of their own, so that no two are equal. An answer that finds every learner waiting is one
that the class was too small for, and is counted as ``unsent``.

Through the page an answer is what a browser sends: submit, settle, refresh, each with its stream of events.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from _machine import machine

from grader.choice import UnreadableChoiceError, picks
from grader.load import load_quiz, read_submissions
from grader.resources import find_quiz
from grader.schema import LANGS, Quiz, Submission
from grader.ui.texts import say

ROOT = Path(__file__).resolve().parents[1]
QUIZ = "phase-27-modern-attention"
REFUSALS = tuple(
    part
    for lang in LANGS
    for key in ("busy", "busy_call")
    for part in say(lang, key, waiting="\0", seconds="\0").split("\0")[-2:-1]
)
GIVE_UP_S = 60.0


class CallError(Exception):
    """The server answered with an error."""


@dataclass
class Tally:
    """What became of the answers sent."""

    waits_s: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    memory_mb: list[float] = field(default_factory=list)


class Learner:
    """One browser, or one program, with one answer under way at most."""

    def __init__(self, http: httpx.AsyncClient, events: dict[str, int]) -> None:
        self.http, self.events = http, events
        self.session, self.token = secrets.token_hex(8), secrets.token_urlsafe(24)

    async def answer_page(self, row: Submission) -> str:
        """Answer as a browser does; give what the page shows then."""
        place = {"lang": row.lang or "en", "quiz": QUIZ, "question": row.question_id, "retry": False}
        await self._send("submit", self.token, place, {}, row.answer, row.answer[0], list(row.answer))
        settled = await self._send("settle", self.token, place)
        if _is_refused(settled):
            return settled
        shown = await self._send("refresh", self.token, place, {})
        if "sha256:" not in shown:
            raise CallError("the page shows no grade")
        return shown

    async def answer_api(self, row: Submission) -> str:
        """Answer through the endpoint; give the record or the refusal."""
        data = [QUIZ, row.question_id, row.answer, row.lang or "en"]
        done = await self.http.post("/gradio_api/run/grade", json={"data": data})
        if done.status_code != 200 and not _is_refused(str(done.json().get("error"))):
            raise CallError(f"HTTP {done.status_code}")
        return json.dumps(done.json(), ensure_ascii=False)

    async def _send(self, name: str, *data: object) -> str:
        body = {"fn_index": self.events[name], "data": data, "session_hash": self.session}
        joined = await self.http.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            raise CallError(f"{name}: HTTP {joined.status_code}")
        address, query = "/gradio_api/queue/data", {"session_hash": self.session}
        async with self.http.stream("GET", address, params=query) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line[6:]) if line.startswith("data: ") else {}
                if message.get("msg") == "process_completed":
                    if not message["success"]:
                        raise CallError(f"{name}: {str(message['output'].get('error'))[:80]}")
                    return json.dumps(message["output"], ensure_ascii=False)
        raise CallError(f"{name}: the stream ended early")


def sendable(quiz: Quiz) -> list[Submission]:
    """Read the sample answers, choices as the positions that a page sends; without those that mean nothing."""
    rows = []
    for row in read_submissions(str(ROOT / "data/examples/submissions.jsonl")):
        question = quiz.question(row.question_id) if isinstance(row, Submission) else None
        if question is None or not "".join(row.answer).strip():
            continue
        if question.type == "free":
            rows.append(row)
            continue
        with contextlib.suppress(UnreadableChoiceError):
            picked = tuple(str(position) for position in sorted(picks(question, row.answer)))
            rows.append(replace(row, answer=picked))
    return [row for row in rows if row.answer]


def _is_refused(text: str) -> bool:
    return any(part in text for part in REFUSALS)


def sample(distinct: float, dice: random.Random) -> Submission:
    """Choose an answer; a share of the free ones gets words of its own."""
    row = dice.choice(_ROWS)
    if row.question_id not in _FREE or dice.random() >= distinct:
        return row
    words = " ".join(dice.choices(_WORDS, k=3))
    return replace(row, answer=f"{row.answer} {words}")


async def drive(args: argparse.Namespace, url: str, pid: int) -> Tally:
    """Send answers at the rate asked for; wait for the last of them."""
    watching = asyncio.create_task(watch(pid, args.seconds))
    tally, dice, running = Tally(), random.Random(args.seed), set()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=args.learners)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=GIVE_UP_S) as http:
        config = (await http.get("/config")).json()
        events = {event["api_name"]: event["id"] for event in config["dependencies"]}
        idle = [Learner(http, events) for _ in range(args.learners)]

        async def answer(learner: Learner, arrived: float) -> None:
            row = sample(args.distinct, dice)
            try:
                send = learner.answer_page if args.through == "page" else learner.answer_api
                refused = _is_refused(await send(row))
                tally.outcomes["refused" if refused else "graded"] += 1
                if not refused:
                    tally.waits_s.append(time.monotonic() - arrived)
            except (CallError, httpx.HTTPError, ValueError) as error:
                tally.outcomes["error"] += 1
                tally.errors[f"{type(error).__name__} {error}"[:120]] += 1
            idle.insert(0, learner)

        due = started = time.monotonic()
        while (due := due + dice.expovariate(args.rate)) < started + args.seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not idle:
                tally.outcomes["unsent"] += 1
                continue
            task = asyncio.create_task(answer(idle.pop(), due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)
    tally.memory_mb = [*await watching, memory_mb(pid)]
    return tally


def memory_mb(pid: int) -> float:
    """Resident memory of a process now, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return round(int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024, 1)


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, which other programs on the machine do not lengthen."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def watch(pid: int, seconds: float) -> list[float]:
    """Resident memory at the start and after each quarter of a time, in MB."""
    seen = [memory_mb(pid)]
    for _ in range(4):
        await asyncio.sleep(seconds / 4)
        seen.append(memory_mb(pid))
    return seen


def serve(folder: Path, options: list[str]) -> tuple[subprocess.Popen[bytes], str]:
    """Start the server and wait until it grades: each quiz question is answered once."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "grader", "serve", "--port", str(port), *options]
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, "GRADER_DB": str(folder / "grader.db")}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=ROOT)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
    for row in _ROWS:
        body = {"data": [QUIZ, row.question_id, row.answer, row.lang or "en"]}
        while True:
            try:
                httpx.post(f"{url}/gradio_api/run/grade", json=body, timeout=120).raise_for_status()
                break
            except httpx.TransportError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((folder / "log").read_text(encoding="utf-8")) from None
                time.sleep(0.2)
    return process, url


def report(args: argparse.Namespace, tally: Tally, seconds: float, used_s: float) -> dict[str, object]:
    """Sum up in one record."""
    waits = sorted(tally.waits_s)
    cuts = statistics.quantiles(waits, n=100, method="inclusive") if len(waits) > 1 else [0.0] * 99
    return {
        "through": args.through,
        "learners": args.learners,
        "rate": args.rate,
        "seconds": args.seconds,
        "distinct": args.distinct,
        "options": args.options,
        **{name: tally.outcomes[name] for name in ("graded", "refused", "error", "unsent")},
        "graded_a_second": round(len(waits) / seconds, 2),
        **{f"p{p}_s": round(cuts[p - 1], 2) for p in (50, 95, 99)},
        "max_s": round(waits[-1], 2) if waits else 0.0,
        "cpu_ms_an_answer": round(1000 * used_s / max(1, len(waits))),
        "memory_mb": tally.memory_mb,
        "errors": dict(tally.errors.most_common(5)),
        **machine(),
    }


def main() -> None:
    """Serve, drive, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, default=50)
    parser.add_argument("--rate", type=float, default=5.0, help="answers a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--distinct", type=float, default=1.0, help="share of free answers with words of their own")
    parser.add_argument("--through", choices=("page", "api"), default="page")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("options", nargs="*", help="options of grader serve, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, url = serve(Path(folder), args.options)
        try:
            busy, before_s, started = os.getloadavg()[0], cpu_s(process.pid), time.monotonic()
            tally = asyncio.run(drive(args, url, process.pid))
            took_s, used_s = time.monotonic() - started, cpu_s(process.pid) - before_s
            result = {**report(args, tally, took_s, used_s), "load_before": round(busy, 1)}
        finally:
            process.terminate()
            process.wait(30)
    print(json.dumps(result, ensure_ascii=False))
    with (ROOT / "benchmarks/results/load.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(result, ensure_ascii=False) + "\n")


_QUIZ = load_quiz(find_quiz(QUIZ))
_FREE = {question.id for question in _QUIZ.questions if question.type == "free"}
_ROWS = sendable(_QUIZ)
_WORDS = "that is so because then here there first later always never often again more less both each".split()

if __name__ == "__main__":
    main()
