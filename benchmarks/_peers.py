"""Simple ways to grade, which ``benchmarks/grading.py`` sets beside ours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from sentence_transformers import SentenceTransformer
from sklearn.metrics import f1_score

from grader import surface
from grader.match import CORRECT
from training.fit_rule import model, three
from training.pairs import Pair

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
Parts = list[tuple[np.ndarray, np.ndarray]]  # fitted on these answers, used on those


@dataclass
class Graded:
    """What one way to grade makes of N answers, or what a person made of them.

    Args:
        right: (N,) whether the answer counts as correct.
        coarse: (N,) correct, contradictory or neither, as ``training.fit_rule.three`` numbers them.
        label: (N,) of the five.
        confidence: (N,) in ``label``.
        rank: (N,) the higher, the more correct.
        score: (N,) points over full mark, 0 to 1.
    """

    right: np.ndarray
    coarse: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    rank: np.ndarray
    score: np.ndarray

    @classmethod
    def of(cls, p: np.ndarray, score: np.ndarray) -> Graded:
        """From probabilities (N, 5) of the labels and scores (N,)."""
        label = p.argmax(1)
        return cls(label == CORRECT, three(label), label, p.max(1), p[:, CORRECT], score)

    def at(self, places: np.ndarray) -> Graded:
        """Some of the answers."""
        return Graded(*(value[places] for value in vars(self).values()))


def threshold(rank: np.ndarray, right: np.ndarray) -> float:
    """From where on *correct* has the best macro-F1."""
    steps = np.unique(np.quantile(rank, np.linspace(0, 1, 201)))
    return float(steps[np.argmax([f1_score(right, rank >= step, average="macro") for step in steps])])


def by_number(number: np.ndarray, gold: Graded, parts: Parts) -> Graded:
    """Grade by one number an answer (N,): a threshold, a logistic regression and a line, each fitted."""
    p, score, right = np.zeros((len(number), 5)), np.zeros(len(number)), np.zeros(len(number), bool)
    for train, test in parts:
        right[test] = number[test] >= threshold(number[train], gold.right[train])
        fitted = model(1.0).fit(number[train, None], gold.label[train])
        p[np.ix_(test, fitted.classes_)] = fitted.predict_proba(number[test, None])
        score[test] = np.polyval(np.polyfit(number[train], gold.score[train], 1), number[test]).clip(0, 1)
    graded = Graded.of(p, score)
    graded.right, graded.rank = right, number
    return graded


def majority(gold: Graded, parts: Parts) -> Graded:
    """The most frequent labels, and the mean score."""
    out = _nothing(len(gold.label))
    for train, test in parts:
        _repeat(out, test, gold.at(train))
    out.rank[:] = 0
    return out


def by_question(gold: Graded, groups: np.ndarray, parts: Parts) -> Graded:
    """The same among the other answers to the question, for ``parts`` that divide the answers to one question."""
    out = _nothing(len(gold.label))
    for train, test in parts:
        for name in set(groups[test]):
            known = train[groups[train] == name]
            _repeat(out, test[groups[test] == name], gold.at(known if len(known) else train))
    return out


def _nothing(count: int) -> Graded:
    return Graded(*(np.zeros(count, kind) for kind in (bool, int, int, float, float, float)))


def _repeat(out: Graded, places: np.ndarray, known: Graded) -> None:
    """Give answers the labels that most of the known ones have."""
    common = lambda labels: Counter(labels.tolist()).most_common(1)[0]  # noqa: E731
    out.right[places], out.coarse[places] = common(known.right)[0], common(known.coarse)[0]
    out.label[places], times = common(known.label)
    out.confidence[places] = times / len(known.label)
    out.rank[places], out.score[places] = known.right.mean(), known.score.mean()


def overlaps(pairs: list[Pair]) -> np.ndarray:
    """Word F1 with the closest reference."""

    def f1(a: list[str], b: list[str]) -> float:
        return 2 * sum((Counter(a) & Counter(b)).values()) / max(1, len(a) + len(b))

    words = surface.words
    return np.array([max(f1(words(pair.answer), words(r)) for r in pair.statements) for pair in pairs])


@cache
def minilm() -> SentenceTransformer:
    return SentenceTransformer(MINILM, device="cpu")


def cosines(pairs: list[Pair]) -> np.ndarray:
    """Cosine of the sentence vectors, with the closest reference."""
    texts = sorted({text for pair in pairs for text in (pair.answer, *pair.statements)})
    of = dict(zip(texts, minilm().encode(texts, normalize_embeddings=True), strict=True))
    return np.array([max(float(of[pair.answer] @ of[r]) for r in pair.statements) for pair in pairs])
