"""How well answers are graded that belong to questions never trained on, beside three simple ways to grade them.

    settings="--method full --prefix --apart 4 --tokens 12288 --rdrop 1 --lr 1.8e-4 --nli-lr 2.5e-4 --nli-epochs 1.5"
    pairs="--pairs run/pairs.jsonl.gz --epochs 4"
    for i in 0 1 2; do python -m training.train_pair $pairs $settings --holdout fold${i}of3 --out run/f$i; done
    python benchmarks/grading.py --shared ../shared/data --runs run/f0 run/f1 run/f2

Everything is out of fold, by question. The pair model's readings come from the run that held the question out; the
rule's regression is fitted again in five grouped folds, as ``training.fit_rule`` prints it. The weights that ship saw
every one of these answers, so they would look better here than they are. ``grader.guard`` is not fitted: the same
patterns screen all folds, so injections are not out of fold. What it leaves empty is non_domain, as in the grader.
Nor are the model's shape and the choice of the rule's features: both were made with some of these folds in view.

The peers are fitted on the other folds of the same five, for each language by itself:

* majority: the most frequent label.
* token overlap: word F1 with the closest reference.
* MiniLM cosine: ``sentence-transformers/all-MiniLM-L6-v2``, with the closest reference.

Overlap and cosine say *correct* from the threshold with the best macro-F1 on; their five labels and confidence come
from a logistic regression on the one number. Peers read the raw answer; the guard is ours.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from grader import guard, surface
from grader.match import CONTRADICTORY, CORRECT, NON_DOMAIN, PARTIAL
from training.fit_rule import FOLDS, Answer, collect, fit_rubric, model, read, three
from training.measure import auc

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "grading.jsonl"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
SETS = {"indomain": "in-domain", "authored": "authored"}
SEED, DRAWS, BINS = 0, 2000, 10
COLUMNS = {
    "two_way_accuracy": "2-way accuracy (95 %)",
    "two_way_f1": "2-way F1",
    "five_way_accuracy": "5-way accuracy",
    "three_way_f1": "3-way F1",
    "contradictory_passed": "contradictory passed",
    "injection_passed": "injections passed",
    "auc": "AUC",
    "ece": "ECE",
}


@dataclass
class Graded:
    """What one way to grade makes of all answers.

    Args:
        right: (N,) whether the answer counts as correct.
        coarse: (N,) correct, contradictory or neither, as ``training.fit_rule.three`` numbers them.
        label: (N,) of the five.
        confidence: (N,) in ``label``.
        score: (N,) the higher, the more correct.
    """

    right: np.ndarray
    coarse: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    score: np.ndarray


def by_probability(p: np.ndarray) -> Graded:
    label = p.argmax(1)
    return Graded(label == CORRECT, three(label), label, p.max(1), p[:, CORRECT])


def ours(answers: list[Answer], live: np.ndarray) -> Graded:
    p = np.zeros((len(answers), 5))
    p[:, NON_DOMAIN] = 1
    p[live] = fit_rubric([answers[i] for i in live])[1]
    return by_probability(p)


def threshold(score: np.ndarray, right: np.ndarray) -> float:
    """From where on *correct* has the best macro-F1."""
    steps = np.unique(np.quantile(score, np.linspace(0, 1, 201)))
    return float(steps[np.argmax([f1_score(right, score >= step, average="macro") for step in steps])])


def by_score(score: np.ndarray, gold: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> Graded:
    p, right = np.zeros((len(gold), 5)), np.zeros(len(gold), bool)
    for train, test in parts:
        right[test] = score[test] >= threshold(score[train], gold[train] == CORRECT)
        fitted = model(1.0).fit(score[train, None], gold[train])
        p[np.ix_(test, fitted.classes_)] = fitted.predict_proba(score[test, None])
    graded = by_probability(p)
    graded.right, graded.score = right, score
    return graded


def majority(gold: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> Graded:
    common = lambda labels: Counter(labels.tolist()).most_common(1)[0]  # noqa: E731
    out = Graded(*(np.zeros(len(gold), kind) for kind in (bool, int, int, float, float)))
    for train, test in parts:
        out.right[test] = common(gold[train] == CORRECT)[0]
        out.coarse[test] = common(three(gold[train]))[0]
        out.label[test], times = common(gold[train])
        out.confidence[test] = times / len(train)
    return out


def overlaps(answers: list[Answer]) -> np.ndarray:
    def f1(a: list[str], b: list[str]) -> float:
        return 2 * sum((Counter(a) & Counter(b)).values()) / max(1, len(a) + len(b))

    words = surface.words
    return np.array([max(f1(words(a.pair.answer), words(r)) for r in a.pair.statements) for a in answers])


def cosines(answers: list[Answer]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    texts = sorted({text for a in answers for text in (a.pair.answer, *a.pair.statements)})
    encoded = SentenceTransformer(MINILM, device="cpu").encode(texts, normalize_embeddings=True)
    of = dict(zip(texts, encoded, strict=True))
    return np.array([max(float(of[a.pair.answer] @ of[r]) for r in a.pair.statements) for a in answers])


def calibration_error(confidence: np.ndarray, hit: np.ndarray) -> float:
    """Expected calibration error of the five-way label, in bins of equal width."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return sum((bins == b).mean() * abs(confidence[bins == b].mean() - hit[bins == b].mean()) for b in set(bins))


def interval(hit: np.ndarray, groups: np.ndarray) -> list[float]:
    """95 % of the means, questions drawn anew."""
    rng = np.random.default_rng(SEED)
    names = sorted(set(groups))
    sums, counts = (np.array([f(hit[groups == name]) for name in names]) for f in (np.sum, len))
    drawn = rng.integers(len(names), size=(DRAWS, len(names)))
    return np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975]).round(4).tolist()


def measure(graded: Graded, gold: np.ndarray, injected: np.ndarray, groups: np.ndarray, at: np.ndarray) -> dict:
    right, coarse, label, confidence, score = (value[at] for value in vars(graded).values())
    gold, injected, groups = gold[at], injected[at], groups[at]
    truth, wrong = gold == CORRECT, gold == CONTRADICTORY
    macro = {"average": "macro", "zero_division": 0}
    found = {
        "two_way_accuracy": (truth == right).mean(),
        "two_way_f1": f1_score(truth, right, **macro),
        "five_way_accuracy": (gold == label).mean(),
        "three_way_f1": f1_score(three(gold), coarse, **macro),
        "contradictory_passed": right[wrong].mean(),
        "injection_passed": np.isin(label[injected], (CORRECT, PARTIAL)).mean(),
        "auc": auc(score[truth], score[wrong]),
        "ece": calibration_error(confidence, gold == label),
    }
    return {
        **{name: round(float(value), 4) for name, value in found.items()},
        "two_way_accuracy_95": interval(truth == right, groups),
        "answers": len(gold),
        "questions": len(set(groups)),
        "contradictory": int(wrong.sum()),
        "injected": int(injected.sum()),
    }


def machine() -> dict:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return {"cpu": cpu, "threads": torch.get_num_threads(), "torch": torch.__version__, "date": today}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=Path, nargs="+", default=[Path(f"run/f{i}") for i in range(3)])
    args = parser.parse_args()
    missing = [str(path) for path in (args.shared, *args.runs) if not path.is_dir()]
    if missing:
        parser.error(f"no such folder: {', '.join(missing)}; the docstring of this file tells how to make the runs")

    answers = [a for a in collect(args.shared, ROOT / "training" / "authored", args.runs) if a.pair.source in SETS]
    live = np.array([i for i, a in enumerate(answers) if not guard.screen(a.pair.answer).empty])
    read([answers[i] for i in live])
    gold, groups = np.array([a.verdict for a in answers]), np.array([a.pair.group for a in answers])
    lang, source = np.array([a.pair.lang for a in answers]), np.array([a.pair.source for a in answers])
    injected = np.array([a.pair.extra["style"] == "injection" for a in answers])

    # The folds of ours, which leaves out what the guard emptied: a question is in the same fold for everyone.
    held = [set(groups[live][test]) for _, test in GroupKFold(FOLDS).split(live, groups=groups[live])]
    parts = []
    for questions in held:
        inside = np.isin(groups, sorted(questions))
        parts += [tuple(np.flatnonzero(side & (lang == code)) for side in (~inside, inside)) for code in ("en", "es")]
    ways = {
        "majority": majority(gold, parts),
        "token overlap": by_score(overlaps(answers), gold, parts),
        "MiniLM cosine": by_score(cosines(answers), gold, parts),
        "ours": ours(answers, live),
    }

    about = machine()
    print(json.dumps(about), end="\n\n")
    print("| answers | graded by |", " | ".join(COLUMNS.values()), "|")
    print("|---|---|" + "---|" * len(COLUMNS))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as out:
        for name, shown in SETS.items():
            for code in ("en", "es"):
                at = np.flatnonzero((source == name) & (lang == code))
                for way, graded in ways.items():
                    row = measure(graded, gold, injected, groups, at)
                    out.write(json.dumps({"set": name, "lang": code, "graded_by": way, **row, **about}) + "\n")
                    cells = [f"{row[column]:.3f}" for column in COLUMNS]
                    cells[0] += " ({:.2f}–{:.2f})".format(*row["two_way_accuracy_95"])
                    first = f"{shown} {code}, {row['answers']} answers to {row['questions']} questions"
                    print(f"| {first if way == 'majority' else ''} | {way} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
