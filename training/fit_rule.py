"""Fit the rule that turns readings into verdicts, on answers to questions that the pair model had not seen.

    python -m training.fit_rule --shared ../shared/data --runs run/f0 run/f1 run/f2 --out grader/weights/rule.json

Each run holds the out-of-fold predictions of ``training.train_pair --holdout foldIofN``. Regressions are fitted by
scikit-learn; what is printed comes from a second, grouped cross-validation of the regressions themselves.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from grader import guard, surface
from grader.entail import load_reader
from grader.match import (
    CLIP,
    CONTRADICTORY,
    CORRECT,
    Reading,
    reference_features,
    rubric_features,
    statement_features,
)
from training.pairs import FIVE_WAY, Pair, gather
from training.phrases import NOISE

FOLDS = 5
# What the references regression learns from, each group weighing the same; SAF and STITA lack five-way labels.
SOURCES = {"scientsbank": "school", "beetle": "circuits", "authored": "attention", "indomain": "attention"}

NOISY, NOISES_EACH = 60, 3


@dataclass
class Answer:
    """One answer with everything that was predicted of it."""

    pair: Pair
    verdict: int
    references: np.ndarray
    criteria: list[tuple[np.ndarray, bool]]
    misconceptions: list[tuple[np.ndarray, bool]]
    statements: list[str]
    reading: Reading | None = None


def collect(shared: Path, own: Path, runs: list[Path]) -> list[Answer]:
    """Join predictions with the texts they are about."""
    predictions: dict[tuple, np.ndarray] = {}
    for run in runs:
        with gzip.open(run / "predictions.jsonl.gz", "rt") as lines:
            for line in lines:
                row = json.loads(line)
                if row["kind"] != "synthetic":
                    predictions[row["source"], row["id"], row["kind"], row.get("statement_id", "")] = np.array(row["p"])
    by_id: dict[tuple, list[Pair]] = defaultdict(list)
    for pair in gather(shared, own):
        by_id[pair.source, pair.id].append(pair)
    answers = []
    for pairs in by_id.values():
        main = next(pair for pair in pairs if pair.kind == "reference")
        found = [(p, predictions.get((p.source, p.id, p.kind, str(p.extra.get("statement_id", ""))))) for p in pairs]
        if any(p is None for _, p in found) or len(main.allowed) != 1:
            continue
        answers.append(Answer(
            main, main.allowed[0], next(p for pair, p in found if pair is main),
            [(p[0], bool(pair.extra["held"])) for pair, p in found if pair.kind == "criterion"],
            [(p[0], bool(pair.extra["held"])) for pair, p in found if pair.kind == "misconception"],
            [pair.statements[0] for pair in pairs if pair.kind != "reference"],
        ))  # fmt: skip
    return answers


def read(answers: list[Answer]) -> None:
    """Put what was predicted of each answer together with its surface."""
    for a in answers:
        text, given = guard.screen(a.pair.answer).text.strip(), [*a.pair.statements, *a.statements]
        a.reading = Reading(
            a.references,
            np.array([p for p, _ in a.criteria]).reshape(-1, 5),
            np.array([p for p, _ in a.misconceptions]).reshape(-1, 5),
            tuple(surface.describe(text, a.pair.question, given, a.pair.lang)),  # type: ignore[arg-type]
        )


def noise(answers: list[Answer], seed: int = 0) -> list[Answer]:
    """Answers with no content to some of the questions, read by the weights that ship.

    No learner in the data writes such things, and a rule that never saw them may call them anything.
    """
    rng, reader = random.Random(seed), load_reader()
    made = []
    by_question = {(a.pair.group, a.pair.lang): a for a in answers}
    for a in rng.sample(
        sorted(by_question.values(), key=lambda a: a.pair.group + a.pair.lang), min(NOISY, len(by_question))
    ):
        for text, verdict in rng.sample(NOISE, NOISES_EACH):
            statements = [*a.pair.statements[:6], *a.statements]
            rows, at = reader.read(text, a.pair.question, statements), len(statements) - len(a.statements)
            split = at + len(a.criteria)
            made.append(
                Answer(
                    replace(a.pair, answer=text),
                    FIVE_WAY[verdict][0],
                    rows[:at],
                    [(row, False) for row in rows[at:split]],
                    [(row, False) for row in rows[split:]],
                    a.statements,
                )
            )
    return made


def clip(features: np.ndarray) -> np.ndarray:
    return features.clip(-CLIP, CLIP)


def model(strength: float):
    return make_pipeline(StandardScaler(), FunctionTransformer(clip), LogisticRegression(C=strength, max_iter=3000))


def fit(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, strength: float, weights: np.ndarray | None = None
) -> tuple[dict, np.ndarray]:
    """A regression as ``grader.match`` reads it, and its out-of-fold probabilities."""
    params = {} if weights is None else {"logisticregression__sample_weight": weights}
    guess = np.zeros((len(labels), len(set(labels))))
    for train, test in GroupKFold(FOLDS).split(features, labels, groups):
        part = {k: v[train] for k, v in params.items()}
        guess[test] = model(strength).fit(features[train], labels[train], **part).predict_proba(features[test])
    fitted = model(strength).fit(features, labels, **params)
    scaler, regression = fitted[0], fitted[-1]
    coefficients, bias = regression.coef_, regression.intercept_
    if len(coefficients) == 1:
        coefficients, bias = np.vstack([0 * coefficients, coefficients]), np.array([0, bias[0]])
    saved = {"mean": scaler.mean_, "scale": scaler.scale_, "weights": coefficients, "bias": bias}
    return {name: np.round(value, 5).tolist() for name, value in saved.items()}, guess


def fit_rubric(graded: list[Answer]) -> tuple[dict, np.ndarray]:
    """The verdict regression for questions with a rubric, and its probabilities in grouped folds."""
    features = np.stack([rubric_features(a.reading) for a in graded])
    gold, groups = np.array([a.verdict for a in graded]), np.array([a.pair.group for a in graded])
    return fit(features, gold, groups, 0.3)


def three(labels: np.ndarray) -> np.ndarray:
    return np.select([labels == 0, labels == 2], [0, 1], 2)


def show(name: str, gold: np.ndarray, guess: np.ndarray) -> None:
    best = guess.argmax(1)
    f1 = lambda a, b: f1_score(a, b, average="macro")  # noqa: E731
    passed = (best[gold == CONTRADICTORY] == 0).mean() if (gold == CONTRADICTORY).any() else float("nan")
    accuracy = ((gold == 0) == (best == 0)).mean()
    print(
        f"{name:28} n {len(gold):5}  5-way F1 {f1(gold, best):.3f} acc {(gold == best).mean():.3f}"
        f"  3-way F1 {f1(three(gold), three(best)):.3f}  2-way F1 {f1(gold == 0, best == 0):.3f} acc {accuracy:.3f}"
        f"  contradictory passed {passed:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    answers = collect(args.shared, Path(__file__).parent / "authored", args.runs)
    answers = [a for a in answers if a.pair.source in SOURCES and not guard.screen(a.pair.answer).empty]
    answers += noise([a for a in answers if a.criteria]) + noise([a for a in answers if not a.criteria])
    read(answers)
    graded = [a for a in answers if a.criteria]
    groups = np.array([a.pair.group for a in answers])
    gold = np.array([a.verdict for a in answers])
    source = np.array([a.pair.source for a in answers])
    features = np.stack([reference_features(a.reading) for a in answers])
    kinds = np.array([SOURCES[s] for s in source])
    share = {kind: (kinds == kind).sum() for kind in set(kinds)}
    references, guess = fit(features, gold, groups, 0.1, np.array([len(kinds) / 3 / share[kind] for kind in kinds]))
    for name in SOURCES:
        show(f"references: {name}", gold[source == name], guess[source == name])
        raw = np.stack([a.references[a.references[:, CORRECT].argmax()] for a in answers])
        show(f"  unfitted: {name}", gold[source == name], raw[source == name])

    gold = np.array([a.verdict for a in graded])
    lang, source = np.array([a.pair.lang for a in graded]), np.array([a.pair.source for a in graded])
    rubric, guess = fit_rubric(graded)
    for s in ("authored", "indomain"):
        for code in ("en", "es"):
            chosen = (source == s) & (lang == code)
            show(f"rubric: {s} {code}", gold[chosen], guess[chosen])
    regressions = {}
    for kind in ("criteria", "misconceptions"):
        # Misconceptions are looked for in contradictory answers alone.
        among = graded if kind == "criteria" else [a for a in graded if a.verdict == CONTRADICTORY]
        rows = [
            (statement_features(p, a.reading, a.reading.criteria), held, a.pair.group)
            for a in among
            for p, held in getattr(a, kind)
        ]
        x, y, g = np.stack([r[0] for r in rows]), np.array([int(r[1]) for r in rows]), np.array([r[2] for r in rows])
        regressions[kind], p = fit(x, y, g, 0.1)
        right = (p[:, 1] > 0.5) == y
        print(f"{kind}: accuracy {right.mean():.3f}, F1 {f1_score(y, p[:, 1] > 0.5):.3f}, n {len(y)}")
    confidence, right = guess.max(1), guess.argmax(1) == gold
    for low in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        kept = confidence >= low
        print(
            f"confidence >= {low}: {kept.mean():.2f} of answers, accuracy {right[kept].mean():.3f},"
            f" mean confidence {confidence[kept].mean():.3f}"
        )
    saved = {
        "rubric": rubric,
        "references": references,
        "criterion": regressions["criteria"],
        "misconception": regressions["misconceptions"],
        "review_below": 0.7,
    }
    args.out.write_text(json.dumps(saved) + "\n")


if __name__ == "__main__":
    main()
