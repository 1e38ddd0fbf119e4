"""Fit the rule that turns readings into verdicts, on answers to questions that the models had not seen.

    out=grader/weights/rule.json
    more="--accurate-runs run/mpnet-dev --judge-runs run/judge-dev"
    python -m training.fit_rule --shared ../shared/data --runs run/pair-dev $more --out $out

Each run holds predictions of ``training.train_pair`` or ``training.train_judge``, both with ``--holdout dev`` or folds,
about questions that it had not seen. Regressions are fitted by scikit-learn; what is printed comes from a second,
grouped cross-validation of the regressions themselves. A share is the one with the least log loss on answers that no
model of the mixture had seen: the judge's beside either tier, and mpnet's in each language, since it learnt English.

Answers are made up besides, since no learner in the data writes them: noise, and right answers to other questions. The
first pair run's ``state.safetensors`` reads them, to which the questions are new; for mpnet and the judge the weights
that ship do, which have seen other answers to them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from grader import guard
from grader.accurate import load_cross_reader
from grader.e5 import load_tokenizer
from grader.encoder import build_encoder
from grader.entail import PairReader, load_reader
from grader.judge import JudgeFailure, LocalJudge
from grader.match import (
    CONTRADICTORY,
    CORRECT,
    HALF,
    reference_features,
    rubric_features,
    statement_features,
)
from grader.pair_head import PairHead
from grader.regression import CLIP, LEAST
from training.answers import SOURCES, Answer, held_out, read
from training.made_up import ASTRAY, NOISY, Ask, astray, noise
from training.measure import read_report

FOLDS = 5

WEIGHTS = tuple(round(0.05 * step, 2) for step in range(21))
Key = tuple[str, str]  # source, answer


def asker_of(run: Path) -> Ask:
    """What reads with the pair model of a run, to which the questions that it held out are new."""
    state = load_file(run / "state.safetensors")
    encoder, head = build_encoder(), PairHead(state["head.out.weight"].shape[1])
    for module, part in ((encoder, "encoder."), (head, "head.")):
        own = {name.removeprefix(part): tensor.float() for name, tensor in state.items() if name.startswith(part)}
        module.load_state_dict(own, strict=False)
    reader = PairReader(encoder, head.eval(), load_tokenizer(), read_report(run)["args"]["apart"], str(run))
    return lambda answer, question, statements, _lang: reader.read(answer, question, statements)


def ask_tier(answer: str, question: str, statements: list[str], lang: str) -> np.ndarray:
    """Read with the pair model that ships."""
    del lang
    return load_reader().read(answer, question, statements)


def ask_accurate(answer: str, question: str, statements: list[str], lang: str) -> np.ndarray:
    """Read with the accurate tier's second model that ships."""
    del lang
    return load_cross_reader().read(answer, question, statements)


def ask_judge(answer: str, question: str, statements: list[str], lang: str) -> np.ndarray:
    """Read with the local judge that ships."""
    rows = _judge().read(question, answer, statements, lang)  # type: ignore[arg-type]
    if isinstance(rows, JudgeFailure):
        raise SystemExit(rows.reason)
    return np.array(rows)


@cache
def _judge() -> LocalJudge:
    return LocalJudge.open()


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


def fit_references(answers: list[Answer]) -> tuple[dict, np.ndarray]:
    """The verdict regression for questions with references alone; each kind of source weighs the same."""
    features = np.stack([reference_features(a.reading) for a in answers])
    gold, groups = np.array([a.verdict for a in answers]), np.array([a.pair.group for a in answers])
    kinds = np.array([SOURCES[a.pair.source] for a in answers])
    share = {kind: (kinds == kind).sum() for kind in set(kinds)}
    weights = np.array([len(kinds) / len(share) / share[kind] for kind in kinds])
    return fit(features, gold, groups, 0.1, weights)


def fit_statements(graded: list[Answer], kind: str) -> tuple[dict, np.ndarray, np.ndarray]:
    """The regression for ``criteria`` or ``misconceptions``, its probabilities in grouped folds, and the labels.

    Misconceptions are looked for in contradictory answers alone.
    """
    among = graded if kind == "criteria" else [a for a in graded if a.verdict == CONTRADICTORY]
    rows = [
        (statement_features(p, a.reading, a.reading.criteria), held, a.pair.group)
        for a in among
        for p, held in getattr(a, kind)
    ]
    x, y, g = np.stack([r[0] for r in rows]), np.array([int(r[1]) for r in rows]), np.array([r[2] for r in rows])
    saved, p = fit(x, y, g, 0.1)
    return saved, p[:, 1], y


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


@dataclass
class Fitted:
    """One model's regressions, and what they say of answers whose question they had not seen.

    Args:
        saved: Sections of the rule file.
        by_references: Answer's key to (label, probabilities) where its references alone are read.
        by_rubric: The same where its rubric is.
    """

    saved: dict
    by_references: dict[Key, tuple[int, np.ndarray]]
    by_rubric: dict[Key, tuple[int, np.ndarray]]

    def among(self, keys: Collection[Key]) -> Fitted:
        """The same of some answers only."""
        parts = (self.by_references, self.by_rubric)
        return Fitted({}, *({key: part[key] for key in sorted(part) if key in keys} for part in parts))


def load(shared: Path, runs: list[Path]) -> list[Answer]:
    """Answers that a rule is fitted on, with what runs read of them; those that the guard leaves something of."""
    answers = [a for a in held_out(shared, runs) if not guard.screen(a.pair.answer).empty]
    read(answers)
    return answers


def fit_reader(name: str, answers: list[Answer], ask: Ask) -> Fitted:
    """Fit and print the regressions for one model's readings."""
    print(f"== {name}")
    parts = [a for a in answers if a.criteria], [a for a in answers if not a.criteria]
    added = [a for part in parts for a in (*noise(part, ask, NOISY[name]), *astray(part, ask, ASTRAY[name]))]
    read(added)
    everything = [*answers, *added]
    graded = [a for a in everything if a.criteria]
    references, guess = fit_references(everything)
    rubric, judged = fit_rubric(graded)
    keys = [(a.pair.source, a.pair.id) if index < len(answers) else None for index, a in enumerate(everything)]
    rubric_keys = [key for key, a in zip(keys, everything, strict=True) if a.criteria]
    gold, source = np.array([a.verdict for a in everything]), np.array([a.pair.source for a in everything])
    raw = np.stack([a.references[a.references[:, CORRECT].argmax()] for a in everything])
    for s in SOURCES:
        show(f"references: {s}", gold[source == s], guess[source == s])
        show(f"  unfitted: {s}", gold[source == s], raw[source == s])
    by_rubric = np.array([a.verdict for a in graded])
    where = np.array([f"{a.pair.source} {a.pair.lang}" for a in graded])
    for place in sorted(set(where)):
        show(f"rubric: {place}", by_rubric[where == place], judged[where == place])
    saved = {"rubric": rubric, "references": references}
    for section, kind in (("criterion", "criteria"), ("misconception", "misconceptions")):
        saved[section], p, y = fit_statements(graded, kind)
        print(f"{kind}: accuracy {((p > HALF) == y).mean():.3f}, F1 {f1_score(y, p > HALF):.3f}, n {len(y)}")
    return Fitted(
        saved,
        {key: (g, p) for key, g, p in zip(keys, gold.tolist(), guess, strict=True) if key},
        {key: (g, p) for key, g, p in zip(rubric_keys, by_rubric.tolist(), judged, strict=True) if key},
    )


def pool(tier: np.ndarray, judge: np.ndarray, weight: float) -> np.ndarray:
    """``grader.match.combine`` on the labels of many answers (N, 5)."""
    scores = (1 - weight) * np.log(tier.clip(LEAST)) + weight * np.log(judge.clip(LEAST))
    p = np.exp(scores - scores.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def join(tier: Fitted, other: Fitted, weights: Mapping[Key, float]) -> Fitted:
    """What both say together of the answers that have a weight: the other's share."""

    def both(name: str) -> dict[Key, tuple[int, np.ndarray]]:
        one, two = getattr(tier, name), getattr(other, name)
        keys = [key for key in weights if key in one and key in two]
        return {key: (one[key][0], pool(one[key][1][None], two[key][1][None], weights[key])[0]) for key in keys}

    return Fitted({}, both("by_references"), both("by_rubric"))


def fit_weights(tier: Fitted, other: Fitted, lang_of: Mapping[Key, str]) -> dict[str, float]:
    """The other's share in each language, on the answers whose language is told."""
    shares = {}
    for lang in sorted(set(lang_of.values())):
        keys = {key for key, own in lang_of.items() if own == lang}
        shares[lang] = fit_weight(tier.among(keys), other.among(keys), f"{lang}: mpnet")
    return shares


def fit_weight(tier: Fitted, judge: Fitted, name: str = "judge") -> float:
    """The second one's share in ``grader.match.combine`` with the least log loss, on answers that neither had seen."""
    losses = dict.fromkeys(WEIGHTS, 0.0)
    for one, other in ((tier.by_references, judge.by_references), (tier.by_rubric, judge.by_rubric)):
        both = sorted(one.keys() & other.keys())
        gold = np.array([one[key][0] for key in both])
        pair = [np.stack([by[key][1] for key in both]) for by in (one, other)]
        for weight in WEIGHTS:
            p = pool(*pair, weight)
            losses[weight] -= float(np.log(p[np.arange(len(gold)), gold].clip(LEAST)).mean())
            if weight in {0.0, 1.0, 0.75}:
                show(f"{name}'s share {weight}", gold, p)
    best = min(losses, key=lambda weight: losses[weight])
    print(f"log loss by {name}'s share:", {weight: round(loss / 2, 3) for weight, loss in losses.items()})
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="of training.train_pair")
    parser.add_argument("--accurate-runs", type=Path, nargs="+", default=[], help="of training.train_pair on mpnet")
    parser.add_argument("--judge-runs", type=Path, nargs="+", default=[], help="of training.train_judge")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    answers = load(args.shared, args.runs)
    tier = fit_reader("tier", answers, asker_of(args.runs[0]))
    saved = {**tier.saved, "review_below": 0.7}
    if args.judge_runs:
        judge = fit_reader("judge", load(args.shared, args.judge_runs), ask_judge)
        saved |= {"judge": judge.saved, "judge_weight": fit_weight(tier, judge)}
    if args.accurate_runs:
        accurate = fit_reader("accurate", load(args.shared, args.accurate_runs), ask_accurate)
        lang_of = {(a.pair.source, a.pair.id): a.pair.lang for a in answers}
        weights = fit_weights(tier, accurate, lang_of)
        saved |= {"accurate": accurate.saved, "accurate_weights": weights}
        if args.judge_runs:
            print("== judge beside both")
            both = join(tier, accurate, {key: weights[lang] for key, lang in lang_of.items()})
            saved["accurate"] |= {"judge_weight": fit_weight(both, judge)}
    args.out.write_text(json.dumps(saved) + "\n")


if __name__ == "__main__":
    main()
