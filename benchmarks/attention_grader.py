"""How fast the grader runs on its own attention, beside PyTorch's in the same run.

    python benchmarks/attention_grader.py [--device cuda]

The sample answers to free questions, one at a time and warm: read by the pair model, encoded by the embedding model,
and, on the CPU, graded. Both attentions take turns at each answer. On either device a batch of answers is encoded
too: padded on PyTorch's attention, packed on ours. Nothing is timed unless both gave the same.

Appends a line to ``benchmarks/results/attention_grader.jsonl``; a ratio above 1 says that ours is faster.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from grader.attention.interface import encode_packed, use_attention
from grader.e5 import BOS, EOS, PAD, build_model, load_tokenizer
from grader.embed import load_embedder
from grader.entail import load_reader
from grader.grade import Grader
from grader.load import load_quiz, load_rubric, read_submissions
from grader.model_attention import Attention
from grader.resources import find_quiz, find_rubric
from grader.schema import Grade, Question, Submission

ROOT = Path(__file__).resolve().parents[1]
QUIZ = "phase-27-modern-attention"
ROUNDS = 7
BATCH = {"cpu": 32, "cuda": 512}
CLOSE = 1e-4  # float32 round-off of twelve layers is about 1e-6; another computation differs in the first digits

Work = Callable[[], object]


def take_turns(pairs: Sequence[tuple[Work, Work]]) -> dict[str, float]:
    """Time two ways of the same works, each in turn and first in every other round.

    Args:
        pairs: For each work PyTorch's way and ours; both are run once to warm up.

    Returns:
        Milliseconds of each way, summed over the works' medians, and their ratio.
    """
    sums = [0.0, 0.0]
    for pair in pairs:
        times: tuple[list[float], list[float]] = ([], [])
        for way in pair:
            way()
        for turn in range(ROUNDS):
            for at in (0, 1) if turn % 2 else (1, 0):
                start = time.perf_counter()
                pair[at]()
                times[at].append(1000 * (time.perf_counter() - start))
        for at in (0, 1):
            sums[at] += statistics.median(times[at])
    per_work = [total / len(pairs) for total in sums]
    return {
        "sdpa_ms": round(per_work[0], 2),
        "ours_ms": round(per_work[1], 2),
        "ratio": round(per_work[0] / per_work[1], 3),
    }


def check(one: np.ndarray, other: np.ndarray, what: str) -> None:
    """Stop where the two ways disagree."""
    if (error := float(np.abs(one - other).max())) > CLOSE:
        raise SystemExit(f"{what}: ours differs from sdpa by {error:g}, nothing is timed")


def statements(question: Question, lang: str) -> list[str]:
    """What the answers to a question are held against here: its references."""
    return [text for key, texts in question.reference.items() if key == lang for text in texts]


def reading(answers: Sequence[Submission], questions: dict[str, Question], device: str) -> dict[str, float]:
    readers = [load_reader(name).to(device) for name in get_args(Attention)]
    pairs = []
    for row in answers:
        question, lang = questions[row.question_id], row.lang or "en"
        given = str(row.answer), question.prompt[lang], statements(question, lang)
        check(*(reader.read(*given) for reader in readers), "pair model")
        pairs.append(tuple(lambda reader=reader, given=given: reader.read(*given) for reader in readers))
    return take_turns(pairs)


def encoding(answers: Sequence[Submission], device: str) -> dict[str, float]:
    embedders = [load_embedder(name).to(device) for name in get_args(Attention)]
    texts = [[str(row.answer)] for row in answers]
    for text in texts:
        check(*(embedder.encode(text) for embedder in embedders), "embedding model")
    return take_turns([tuple(lambda e=e, text=text: e.encode(text) for e in embedders) for text in texts])


def encoding_a_batch(answers: Sequence[Submission], device: str) -> dict[str, float]:
    """Many answers in one pass, as a batch engine would: padded to the longest, or packed."""
    count = BATCH[device]
    rows = [[BOS, *ids, EOS] for ids in load_tokenizer().ids([str(row.answer) for row in answers])]
    rows = [rows[index % len(rows)] for index in range(count)]
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[PAD] * (width - len(row))] for row in rows], device=device)
    mask = (ids != PAD).long()
    theirs, ours = build_model().to(device), build_model().to(device)
    use_attention(ours)
    real = mask.bool()

    def padded() -> np.ndarray:
        return theirs(input_ids=ids, attention_mask=mask).last_hidden_state[real].cpu().numpy()

    def packed() -> np.ndarray:
        return encode_packed(ours, ids, mask)[real].cpu().numpy()

    check(padded(), packed(), "batch")
    padding = round(float(1 - mask.float().mean()), 2)
    return {"texts": count, "padding": padding, **take_turns([(padded, packed)])}


def grading(answers: Sequence[Submission], course: tuple) -> dict[str, float]:
    graders = [Grader.open(*course, attention=name) for name in get_args(Attention)]
    for row in answers:
        (theirs,), (ours,) = (grader.grade([row]) for grader in graders)
        if not isinstance(theirs, Grade) or not isinstance(ours, Grade) or theirs.verdict != ours.verdict:
            raise SystemExit(f"{row.submission_id}: {theirs} on sdpa, {ours} on ours")
    return take_turns([tuple(lambda g=g, row=row: g.grade([row]) for g in graders) for row in answers])


def main() -> None:
    """Check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    device = parser.parse_args().device
    path = find_quiz(QUIZ)
    quiz = load_quiz(path)
    course = quiz, load_rubric(find_rubric(path, quiz.id), quiz)
    questions = {question.id: question for question in quiz.questions if question.type == "free"}
    rows = [r for r in read_submissions(str(ROOT / "data/examples/submissions.jsonl")) if isinstance(r, Submission)]
    answers = [row for row in rows if row.question_id in questions]
    result = {
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "answers": len(answers),
    }
    with torch.inference_mode():
        if device == "cpu":
            result["grade"] = grading(answers, course)
        result["pair model"] = reading(answers, questions, device)
        result["embedding model"] = encoding(answers, device)
        result["batch"] = encoding_a_batch(answers, device)
    print(json.dumps(result, indent=1))
    with (ROOT / "benchmarks/results/attention_grader.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
