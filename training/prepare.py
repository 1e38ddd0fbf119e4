"""Write every training pair, with its Spanish, to one file.

python -m training.prepare ../shared/data pairs.jsonl.gz
"""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import asdict
from pathlib import Path

from training.pairs import build


def main() -> None:
    shared, out = Path(sys.argv[1]), Path(sys.argv[2])
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
    print(f"{len(pairs)} pairs in {out}")


if __name__ == "__main__":
    main()
