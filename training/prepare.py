"""Write every training pair, with its Spanish, to one file, and the pairs that a judge is to label to another.

python -m training.prepare ../shared/data pairs.jsonl.gz pool.jsonl.gz
"""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import asdict
from pathlib import Path

from training.pairs import build
from training.pool import unlabelled


def main() -> None:
    shared, out, pool = map(Path, sys.argv[1:])
    pairs, spanish = build(shared, Path(__file__).parent / "authored")
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
