"""Fit what tells a clause addressed to the grader from a clause of an answer, by its vector.

    python -m training.fit_address --shared ../shared/data --out grader/weights/address.json

A logistic regression on the embedded tier's vectors. One side is ``training.phrases.ORDERS`` and the authored answers
that are nothing but an order; the other is every other graded answer, with questions and statements. The threshold is
what one clause in ``1 / FALSE`` of the latter exceeds, out of fold: no phrase or question of the test fold was fitted
on.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from grader import spans
from grader.address import LEAST_WORDS
from grader.embed import load_embedder
from grader.match import NON_DOMAIN
from training.answers import OWN
from training.graded import gather
from training.phrases import ORDERS

FOLDS, SEED, SHOWN = 5, 0, 12
ANSWERS = 9000  # sampled; their clauses are a multiple of it
FALSE = 0.002  # share of an answer's clauses that may be taken for an address
STRENGTH, ORDERS_WEIGH = 100.0, 5.0
INJECTION = "injection"  # style of authored answers with an order in them


def clauses(text: str) -> list[str]:
    """Those that are long enough to be judged."""
    return [clause.text for clause in spans.clauses(text) if len(clause.text.split()) >= LEAST_WORDS]


def gather_clauses(shared: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Clauses, whether each belongs to an order, and which phrase or question it comes from."""
    pairs = gather(shared, OWN)
    written = [pair for pair in pairs if pair.kind == "reference"]
    injected = [pair for pair in written if pair.extra.get("style") == INJECTION]
    answers = [pair for pair in written if pair.extra.get("style") != INJECTION]
    asked = {(text, pair.group) for pair in pairs for text in (pair.question, *pair.statements)}
    said = {(pair.answer, pair.group) for pair in random.Random(SEED).sample(answers, min(ANSWERS, len(answers)))}
    found = {clause: (False, group) for text, group in sorted(asked | said) for clause in clauses(text)}
    orders = [*ORDERS["en"], *ORDERS["es"], *(pair.answer for pair in injected if pair.allowed == (NON_DOMAIN,))]
    for phrase in orders:
        found |= dict.fromkeys((phrase, *clauses(phrase)), (True, phrase))
    numbers = {group: number for number, group in enumerate(dict.fromkeys(group for _, group in found.values()))}
    is_order = np.array([order for order, _ in found.values()])
    return list(found), is_order, np.array([numbers[group] for _, group in found.values()])


def fit(vectors: np.ndarray, orders: np.ndarray) -> LogisticRegression:
    """Fit on some clauses."""
    model = LogisticRegression(C=STRENGTH, max_iter=5000, class_weight={False: 1.0, True: ORDERS_WEIGH})
    return model.fit(vectors, orders)


def main() -> None:
    """Fit, say how well it tells the two apart, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--out", type=Path, required=True, help="the rule to write")
    asked = parser.parse_args()
    texts, orders, groups = gather_clauses(asked.shared)
    vectors = load_embedder().encode(texts).astype(np.float64)
    score = np.zeros(len(texts))
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(vectors, orders, groups):
        score[test] = fit(vectors[train], orders[train]).decision_function(vectors[test])
    threshold = float(np.quantile(score[~orders], 1 - FALSE))
    print(f"taken for an address, out of fold: {np.mean(score[orders] > threshold):.3f} of {orders.sum()} clauses of")
    print(f"orders, {np.mean(score[~orders] > threshold):.4f} of {(~orders).sum()} others, such as")
    for at in np.argsort(-np.where(orders, -np.inf, score))[:SHOWN]:
        print(f"  {score[at] - threshold:.2f} {texts[at]}")
    model = fit(vectors, orders)
    bias = float(model.intercept_[0]) - threshold
    rule = {"weights": np.round(model.coef_[0], 4).tolist(), "bias": round(bias, 4)}
    asked.out.write_text(json.dumps(rule) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
