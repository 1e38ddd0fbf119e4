"""How a trained model does on the development sets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from training.data import Data, batches

KEPT = ("id", "group", "kind", "source", "lang", "allowed", "module", "statement_id", "verdict", "style", "score")
MAX_STATEMENTS = 8
CORRECT, CONTRADICTORY = 0, 2
HALF = 0.5


@torch.no_grad()
def predict(
    model: nn.Module, data: Data, rows: list[dict], device: str, collate: Callable, *, tokens: int = 32768
) -> list[np.ndarray]:
    """Probabilities (statements, 5) of each row, up to eight statements."""
    model.eval()
    items, owner = [], []
    for index, row in enumerate(rows):
        for s in range(min(MAX_STATEMENTS, len(row["statements"]))):
            items.append(data.draw(row, None, s))
            owner.append(index)
    out: list[list] = [[] for _ in rows]
    results = {}
    for group in batches([len(item[0]) for item in items], tokens, None):
        with torch.autocast(device, dtype=torch.bfloat16):
            p = model(*collate([items[i] for i in group], device)).softmax(-1).cpu().numpy()
        results.update(zip(group, p, strict=True))
    for i, o in enumerate(owner):
        out[o].append(results[i])
    return [np.stack(p) for p in out]


def macro_f1(gold: list, guess: list) -> float:
    """Mean F1 over the labels that occur in ``gold``."""
    scores = []
    for label in sorted(set(gold)):
        tp = sum(g == label == h for g, h in zip(gold, guess, strict=True))
        scores.append(2 * tp / max(1, sum(g == label for g in gold) + sum(h == label for h in guess)))
    return float(np.mean(scores))


def auc(high: list[float], low: list[float]) -> float:
    """How often a value of ``high`` exceeds one of ``low``; a tie counts half."""
    a, b = np.array(high), np.array(low)
    return float((a[:, None] > b[None]).mean() + 0.5 * (a[:, None] == b[None]).mean())


def measure(rows: list[dict], probabilities: list[np.ndarray]) -> dict[str, float]:
    """Macro-F1 three-way, two-way and five-way on answers; separation of criteria and misconceptions."""
    pairs = list(zip(rows, probabilities, strict=True))
    out = _measure_answers([(r, p) for r, p in pairs if r["kind"] == "reference" and len(r["allowed"]) == 1])
    for kind in ("criterion", "misconception"):
        held = [p[0][0] for r, p in pairs if r["kind"] == kind and r["held"]]
        not_held = [p[0][0] for r, p in pairs if r["kind"] == kind and not r["held"]]
        if held and not_held:
            right = sum(p > HALF for p in held) + sum(p <= HALF for p in not_held)
            out[f"{kind}_auc"] = auc(held, not_held)
            out[f"{kind}_acc"] = right / (len(held) + len(not_held))
    return out


def _measure_answers(answers: list[tuple[dict, np.ndarray]]) -> dict[str, float]:
    if not answers:
        return {}
    best = [p[p[:, 0].argmax()] for _, p in answers]
    gold = [r["allowed"][0] for r, _ in answers]
    three = [np.array([b[0], b[2], b[1] + b[3] + b[4]]).argmax() for b in best]
    out = {
        "n": len(gold),
        "3way": macro_f1([{CORRECT: 0, CONTRADICTORY: 1}.get(g, 2) for g in gold], three),
        "2way": macro_f1([g == CORRECT for g in gold], [b[0] > HALF for b in best]),
        "5way": macro_f1(gold, [int(b.argmax()) for b in best]),
        "acc5": float(np.mean([b.argmax() == g for b, g in zip(best, gold, strict=True)])),
    }
    wrong = [b[0] for b, g in zip(best, gold, strict=True) if g == CONTRADICTORY]
    right = [b[0] for b, g in zip(best, gold, strict=True) if g == CORRECT]
    if wrong and right:
        out["auc_contra"] = auc(right, wrong)
    return out


def read_report(run: Path) -> dict:
    """What ``write_report`` wrote of a run: ``args`` and ``report``."""
    return json.loads((run / "report.json").read_text(encoding="utf-8"))


def write_report(
    out: Path, args: dict, sets: dict[str, list[dict]], guess: Callable[[list[dict]], list[np.ndarray]]
) -> dict[str, dict[str, float]]:
    """Predict every development set; print and write what was measured, and every prediction.

    Args:
        out: Gets ``report.json`` and ``predictions.jsonl.gz``.
        args: What the run was called with.
        sets: Rows by the name of their set.
        guess: Rows to the probabilities that ``predict`` returns.
    """
    report: dict[str, dict[str, float]] = {}
    predictions = []
    for name, part in sorted(sets.items()):
        probabilities = guess(part)
        for lang in ("en", "es"):
            chosen = [i for i, r in enumerate(part) if r["lang"] == lang]
            if chosen:
                figures = measure([part[i] for i in chosen], [probabilities[i] for i in chosen])
                report[f"{name}/{lang}"] = {k: round(v, 3) for k, v in figures.items()}
        predictions += [
            {**{k: r[k] for k in KEPT if k in r}, "p": p.round(4).tolist()}
            for r, p in zip(part, probabilities, strict=True)
        ]
    for name, figures in report.items():
        print(name, figures, flush=True)
    (out / "report.json").write_text(json.dumps({"args": args, "report": report}, indent=1))
    with gzip.open(out / "predictions.jsonl.gz", "wt") as lines:
        lines.writelines(json.dumps(p) + "\n" for p in predictions)
    return report
