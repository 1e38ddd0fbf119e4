"""How fast a file of answers is graded, beside two usual ways to compare texts, and how time and memory grow.

    python benchmarks/throughput.py --shared ../shared/data --limit 400 --rows 20000

Each engine is a process of its own that reads the answers, compares each with its question's references, and writes a
line for each; loading the model and reading the questions are left out of the time, and peak memory is the process's.
Rounds take turns and the fastest of each engine counts, since machines are shared. Beside it stands processor time, on
all cores, less that of a run on one row: what else runs on the machine changes it little.

* ours: ``grader batch``, the embedded tier, no judge: screening, verdict, evidence, feedback, receipt, journal.
* bi-encoder: sentence-transformers' ``encode`` at its defaults, all-MiniLM-L6-v2, and cosines.
* cross-encoder: its ``CrossEncoder.predict`` at its defaults, with a pair model of the shape of ours (12 layers, 384
  wide, five labels; its weights are random, which costs the same time).

Then ours on the first ``--ablation`` answers without one idea at a time, in one process and without its journal: what
each idea buys. The works: distinct answers (SciEntsBank's training set), in-domain answers repeated with a few edits,
and synthetic ones of 10,000 and 100,000 rows, and with ``--million`` 1,000,000, for growth. On repeated answers the
peers read the first ``--peer-rows`` alone: their time for a row does not depend on the rows before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from _machine import machine
from _works import Work, repeated, scientsbank, synthetic

ROOT = Path(__file__).resolve().parents[1]
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
PEERS = ("bi-encoder", "cross-encoder")


def measure(engine: str, work: Work, rows: int, folder: Path) -> dict[str, float]:
    """Run one engine on the first rows; seconds without loading, processor seconds with it, and peak memory."""
    out = folder / "out.jsonl"
    if engine == "ours":
        command = [sys.executable, "-m", "grader", "batch", str(work.file), "--quiz", str(work.quiz)]
        command += ["--out", str(out), "--limit", str(rows), "--json", "--restart"]
    else:
        given = [str(work.quiz), str(work.file), str(rows), str(out)]
        command = [sys.executable, __file__, "--peer", engine, *given]
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen(command, stdout=told, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
        told.seek(0)
        text = told.read().decode()
    if child.returncode not in {0, 1}:
        raise SystemExit(f"{engine} ended with {child.returncode}")
    lines = sum(1 for _ in out.open(encoding="utf-8"))
    if lines != rows:
        raise SystemExit(f"{engine} wrote {lines} lines for {rows} rows")
    spent = usage.ru_utime + usage.ru_stime
    return {"seconds": json.loads(text)["grade_s"], "cpu_s": spent, "peak_mb": usage.ru_maxrss / 1024}


def peer(engine: str, work: Work, rows: int, out: Path) -> float:
    """Compare answers with references the usual way; seconds without loading the model."""
    from itertools import islice

    questions = work.questions()

    def texts(value: object, lang: str) -> list[str]:
        found = value[lang] if isinstance(value, dict) else value
        return [found] if isinstance(found, str) else found

    compare = cosine() if engine == "bi-encoder" else pair_model()
    start = time.perf_counter()
    answers = list(islice(work.answers(), rows))
    references = [texts(questions[question]["reference"], lang) for question, lang, _ in answers]
    with out.open("w", encoding="utf-8") as lines:
        for score in compare([answer for _, _, answer in answers], references):
            lines.write(json.dumps({"score": score}) + "\n")
    return time.perf_counter() - start


def cosine() -> Callable[[list[str], list[list[str]]], Iterator[float]]:
    """Vectors of answers and, once each, of references."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(MINILM, device="cpu")

    def compare(answers: list[str], references: list[list[str]]) -> Iterator[float]:
        known = sorted({text for group in references for text in group})
        vector = dict(zip(known, model.encode(known, normalize_embeddings=True), strict=True))
        for found, group in zip(model.encode(answers, normalize_embeddings=True), references, strict=True):
            yield max(float(found @ vector[text]) for text in group)

    return compare


def pair_model() -> Callable[[list[str], list[list[str]]], Iterator[float]]:
    """A pair model of our shape, on the vocabulary of MiniLM."""
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    shape = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536}
    with tempfile.TemporaryDirectory() as folder:
        BertForSequenceClassification(BertConfig(num_labels=5, **shape)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(MINILM).save_pretrained(folder)
        model = CrossEncoder(folder, device="cpu")

    def compare(answers: list[str], references: list[list[str]]) -> Iterator[float]:
        pairs = [(text, answer) for answer, group in zip(answers, references, strict=True) for text in group]
        scores = iter(model.predict(pairs)[:, 0])
        for group in references:
            yield max(float(next(scores)) for _ in group)

    return compare


def ablate(work: Work, rows: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds, and processor seconds, of our engine without one idea at a time, after one unmeasured run."""
    from itertools import islice

    import torch

    from grader.batch import GradedOnce, grade_stream, use_cores
    from grader.entail import load_reader
    from grader.grade import Grader
    from grader.load import load_quiz, read_submissions
    from grader.schema import Rubric, Submission

    use_cores()
    cores, quiz = torch.get_num_threads(), load_quiz(work.quiz)
    taken = islice(read_submissions(work.file), rows)
    answers = [row for row in taken if isinstance(row, Submission)]

    def grade(*, window_rows: int = 256, threads: int = cores, once: bool = True) -> tuple[float, float]:
        torch.set_num_threads(threads)
        grader = Grader.open(quiz, Rubric())
        graded = GradedOnce(grader) if once else grader
        start = time.perf_counter(), time.process_time()
        count = sum(1 for _ in grade_stream(answers, graded, window_rows=window_rows))
        if count != len(answers):
            raise SystemExit(f"{count} grades for {len(answers)} answers")
        torch.set_num_threads(cores)
        return time.perf_counter() - start[0], time.process_time() - start[1]

    variants: dict[str, tuple[dict[str, object], dict[str, object]]] = {
        "everything": ({}, {}),
        "one answer at a time": ({"window_rows": 1}, {}),
        "one core": ({"threads": 1}, {}),
        "statements not kept": ({}, {"grader.entail.KEPT_TOKENS": 0}),
        "attention padded to 256": ({}, {"grader.packing.QUERY_STEP": 256, "grader.packing.KEY_STEP": 256}),
        "equal answers each time": ({"once": False}, {}),
    }
    best: dict[str, tuple[float, float]] = {}
    grade()
    for _ in range(rounds):
        for name, (options, constants) in variants.items():
            with ExitStack() as stack:
                for target, value in constants.items():
                    stack.enter_context(patch(target, value))
                load_reader()._statements.clear()  # noqa: SLF001 -- read anew in every run
                seconds = grade(**options)  # type: ignore[arg-type]
            before = best.get(name, seconds)
            best[name] = min(seconds[0], before[0]), min(seconds[1], before[1])
    return best


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, default=400, help="distinct answers")
    parser.add_argument("--rows", type=int, default=100_000, help="repeated answers")
    parser.add_argument("--peer-rows", type=int, default=400, help="of the repeated answers, for the peers")
    parser.add_argument("--ablation", type=int, default=200, help="answers for what each idea buys; 0 for none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", type=int, nargs="*", default=[10_000, 100_000], help="rows; none for no growth")
    parser.add_argument("--million", action="store_true", help="growth to 1,000,000 rows too")
    parser.add_argument("--peer", nargs=5, help=argparse.SUPPRESS)  # what this script calls itself with
    args = parser.parse_args()
    if args.peer:
        engine, quiz, file, rows, out = args.peer
        work = Work("", Path(quiz), Path(file), int(rows))
        print(json.dumps({"grade_s": peer(engine, work, int(rows), Path(out))}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = [*compare(args, folder), *without(args, folder), *growth(args, folder)]
    here = machine()
    with (ROOT / "benchmarks/results/throughput.jsonl").open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps({**result, **here}) + "\n" for result in results)


def compare(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, object]]:
    """Ours beside the peers."""
    for work in (scientsbank(args.shared, folder, args.limit), repeated(args.shared, folder, args.rows)):
        rows = {"ours": work.rows, **dict.fromkeys(PEERS, min(work.rows, args.peer_rows))}
        if work.name == "scientsbank":
            rows = dict.fromkeys(rows, work.rows)
        best: dict[str, dict[str, float]] = {}
        for _ in range(args.rounds):
            for engine, count in rows.items():
                found = measure(engine, work, count, folder)
                best[engine] = min(found, best.get(engine, found), key=lambda run: run["seconds"])
        each = {engine: 1000 * run["seconds"] / rows[engine] for engine, run in best.items()}
        spent = {
            engine: 1000 * (run["cpu_s"] - measure(engine, work, 1, folder)["cpu_s"]) / (rows[engine] - 1)
            for engine, run in best.items()
        }
        for engine, run in best.items():
            ratio, cpu_ratio = each[engine] / each["ours"], spent[engine] / spent["ours"]
            figures = f"{each[engine]:9.3f} ms a row  {ratio:6.2f} × ours  {run['peak_mb']:5.0f} MB"
            figures += f"  processor {spent[engine]:9.3f} ms  {cpu_ratio:6.2f} × ours"
            print(f"{work.name:14} {engine:14} {figures}", flush=True)
            yield {
                "work": work.name,
                "engine": engine,
                "rows": rows[engine],
                "ms_a_row": round(each[engine], 4),
                "ours_is_faster": round(ratio, 3),
                "cpu_ms_a_row": round(spent[engine], 4),
                "ours_takes_less_cpu": round(cpu_ratio, 3),
                "peak_mb": round(run["peak_mb"]),
            }


def without(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, object]]:
    """Ours without each idea."""
    if not args.ablation:
        return
    for work in (scientsbank(args.shared, folder, args.ablation), repeated(args.shared, folder, args.ablation)):
        best = ablate(work, args.ablation, args.rounds)
        for name, (seconds, spent) in best.items():
            ratio, cpu_ratio = seconds / best["everything"][0], spent / best["everything"][1]
            figures = f"{1000 * seconds / work.rows:9.3f} ms a row  {ratio:6.2f} ×  processor {cpu_ratio:6.2f} ×"
            print(f"{work.name:14} {name:26} {figures}", flush=True)
            yield {
                "work": work.name,
                "without": name,
                "rows": work.rows,
                "ms_a_row": round(1000 * seconds / work.rows, 4),
                "slower": round(ratio, 3),
                "more_cpu": round(cpu_ratio, 3),
            }


def growth(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, object]]:
    """Ours on more and more rows, each answer repeated equally often."""
    for count in [*args.growth, *([1_000_000] if args.million else [])]:
        work = synthetic(args.shared, folder, count)
        runs = [measure("ours", work, count, folder) for _ in range(args.rounds if count <= 100_000 else 1)]
        run = min(runs, key=lambda one: one["seconds"])
        print(f"{work.name:18} {1000 * run['seconds'] / count:9.4f} ms a row  {run['peak_mb']:5.0f} MB")
        yield {
            "work": "synthetic",
            "rows": count,
            "ms_a_row": round(1000 * run["seconds"] / count, 5),
            "peak_mb": round(run["peak_mb"]),
        }


if __name__ == "__main__":
    main()
