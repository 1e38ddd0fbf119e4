"""Answers to grade, for ``benchmarks/throughput.py``: quiz files and files of submissions."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

EDITED = 0.01  # of the repeated answers are written a little differently, so that nobody wrote them before
REPEATS = 100  # of each answer among the synthetic ones


@dataclass(frozen=True)
class Work:
    """A quiz and answers to it.

    Args:
        name: Of the work.
        quiz: A quiz file; its questions have references and no rubric.
        file: Submissions, JSON Lines.
        rows: In it.
    """

    name: str
    quiz: Path
    file: Path
    rows: int

    def answers(self) -> Iterator[tuple[str, str, str]]:
        """Question id, language and answer of each row."""
        with self.file.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["question_id"], row["lang"], row["answer"]

    def questions(self) -> dict[str, dict]:
        """Questions by id, as the quiz file has them."""
        return {q["id"]: q for q in yaml.safe_load(self.quiz.read_text(encoding="utf-8"))["questions"]}


def scientsbank(shared: Path, folder: Path, limit: int) -> Work:
    """Distinct training answers of SciEntsBank: all those of some questions, in random order."""
    with gzip.open(shared / "asag/scientsbank_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = list({(row["question_id"], row["answer"]): row for row in map(json.loads, lines)}.values())
    chance = random.Random(0)
    order = {question: chance.random() for question in sorted({row["question_id"] for row in rows})}
    rows = sorted(rows, key=lambda row: order[row["question_id"]])[:limit]
    chance.shuffle(rows)
    questions = [
        {"id": r["question_id"].lower(), "type": "free", "prompt": r["question"], "reference": r["reference_answers"]}
        for r in {row["question_id"]: row for row in rows}.values()
    ]
    answers = ((row["question_id"].lower(), "en", row["answer"]) for row in rows)
    return _written("scientsbank", folder, {"lang": "en"}, questions, answers)


def repeated(shared: Path, folder: Path, count: int) -> Work:
    """In-domain answers, repeated as classes repeat them.

    The n-th most frequent answer comes as often as 1/n says (Zipf); some are edited, and then mostly new.
    """
    questions, rows = _indomain(shared)
    chance = random.Random(1)
    weights = [1 / (place + 1) for place in range(len(rows))]
    drawn = chance.choices(rows, weights, k=count)
    answers = (
        (row["question_id"], row["lang"], _edited(row["answer"], chance) if chance.random() < EDITED else row["answer"])
        for row in drawn
    )
    return _written("repeated", folder, {}, questions, answers)


def synthetic(shared: Path, folder: Path, count: int) -> Work:
    """Short answers of an exam of one question, each given by ``REPEATS`` learners in a row of windows."""
    questions, _ = _indomain(shared)
    question = questions[0]
    words = question["reference"]["en"][0].split()
    chance = random.Random(2)

    def answers() -> Iterator[tuple[str, str, str]]:
        for first in range(0, count, 10 * REPEATS):
            few = [" ".join(chance.choices(words, k=12)) for _ in range(10)]
            block = [text for text in few for _ in range(REPEATS)]
            chance.shuffle(block)
            yield from ((question["id"], "en", text) for text in block[: count - first])

    return _written(f"synthetic-{count}", folder, {}, [question], answers())


def _indomain(shared: Path) -> tuple[list[dict], list[dict]]:
    questions = yaml.safe_load((shared / "indomain/questions.yaml").read_text(encoding="utf-8"))
    kept = [{key: q[key] for key in ("id", "type", "prompt", "reference")} for q in questions]
    with (shared / "indomain/answers.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(0).shuffle(rows)
    return kept, rows


def _edited(answer: str, chance: random.Random) -> str:
    """The same with two neighbouring words exchanged and one doubled."""
    words = answer.split()
    at, doubled = chance.randrange(max(1, len(words) - 1)), chance.randrange(max(1, len(words)))
    words[at : at + 2] = reversed(words[at : at + 2])
    words[doubled : doubled + 1] *= 2
    return " ".join(words)


def _written(
    name: str, folder: Path, head: dict, questions: list[dict], answers: Iterable[tuple[str, str, str]]
) -> Work:
    quiz, file, count = folder / f"{name}.yaml", folder / f"{name}.jsonl", 0
    title = name if "lang" in head else {"en": name, "es": name}
    whole = {"schema": 1, "id": name, **head, "title": title, "questions": questions}
    quiz.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False), encoding="utf-8")
    with file.open("w", encoding="utf-8") as lines:
        for count, (question, lang, answer) in enumerate(answers, start=1):  # the last is the number of rows
            row = {"submission_id": f"s{count}", "question_id": question, "lang": lang, "answer": answer}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return Work(name, quiz, file, count)
