"""Write every training pair, with its Spanish, to one file, and the pairs that a judge is to label to another.

python -m training.prepare ../shared/data pairs.jsonl.gz pool.jsonl.gz
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import yaml

from training.composed import composed
from training.graded import gather
from training.inference import inference
from training.pairs import Pair
from training.pool import unlabelled
from training.synthetic import synthetic


def translate(texts: list[str]) -> dict[str, str]:
    """English to Spanish with Apertium (rule-based, offline), one text a line."""
    flat = [" ".join(text.split()) for text in texts]
    done = subprocess.run(
        ["apertium", "-u", "eng-spa"], input="\n\n".join(flat), text=True, capture_output=True, check=True
    )
    lines = done.stdout.split("\n\n")
    if len(lines) != len(texts):
        raise SystemExit(f"Apertium returned {len(lines)} texts for {len(texts)}")
    return {text: line.strip() for text, line in zip(texts, lines, strict=True)}


def build(shared: Path, own: Path, seed: int = 0) -> tuple[list[Pair], dict[str, str]]:
    """All pairs, and the Spanish of every English text among them.

    Args:
        shared: The folder of public sets (``asag``, ``nli``, ``indomain``).
        own: The folder of answers written for this project.
        seed: Of the synthetic answers.
    """
    pairs = gather(shared, own)
    pairs += synthetic(pairs, seed)
    for questions, source in (
        (shared / "indomain" / "questions.yaml", "indomain"),
        *((path, "authored") for path in sorted(own.glob("*.questions.yaml"))),
    ):
        pairs += list(composed(yaml.safe_load(questions.read_text(encoding="utf-8")), pairs, source, seed))
    pairs += inference(shared / "nli")
    english = {
        text
        for pair in pairs
        if pair.lang == "en" and pair.source not in {"indomain", "authored"}
        for text in (pair.answer, pair.question, *pair.statements[:6])
        if text
    }
    return pairs, translate(sorted(english))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", type=Path, help="folder of the public sets: asag, nli, indomain")
    parser.add_argument("pairs", type=Path, help="the gzipped JSON Lines of pairs to write")
    parser.add_argument("pool", type=Path, help="the gzipped JSON Lines of pairs without a label to write")
    asked = parser.parse_args()
    out, pool = asked.pairs, asked.pool
    own = Path(__file__).parent / "authored"
    pairs, spanish = build(asked.shared, own)
    with gzip.open(out, "wt", encoding="utf-8") as lines:
        for pair in pairs:
            row = asdict(pair)
            row.update(row.pop("extra"))
            row["statements"] = row["statements"][:6]
            if pair.lang == "en" and pair.source not in {"authored", "indomain"}:
                row["es"] = {
                    "answer": spanish.get(pair.answer, ""),
                    "question": spanish.get(pair.question, ""),
                    "statements": [spanish.get(statement, "") for statement in row["statements"]],
                }
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    with gzip.open(pool, "wt", encoding="utf-8") as lines:
        made = list(unlabelled(pairs, spanish))
        for pair in made:
            row = asdict(pair)
            del row["extra"]
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{len(pairs)} pairs in {out}, {len(made)} without a label in {pool}")


if __name__ == "__main__":
    main()
