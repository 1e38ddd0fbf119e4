"""What the tiers and the judge make of answers whose question they had not seen, for ``benchmarks/grading.py``."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from _peers import Graded
from sklearn.model_selection import GroupKFold

from grader import guard
from grader.doubt import Part, basis_of, load_doubt
from grader.match import NON_DOMAIN, Estimate, combine, conclude, load_rule
from training import fit_rule
from training.answers import OWN, Answer, read
from training.fit_rule import FOLDS, Fitted, Key, fit_references, fit_rubric, fit_statements
from training.pairs import Pair


@dataclass
class Opinions:
    """What one model makes of the answers whose question it had not seen, through regressions that had not either.

    Args:
        estimates: By answer.
        fitted: Without the regressions.
    """

    estimates: dict[Key, Estimate]
    fitted: Fitted


def key(pair: Pair) -> Key:
    return pair.source, pair.id


def one_hot(label: int) -> np.ndarray:
    return np.eye(5)[label]


def opinions(answers: list[Answer]) -> Opinions:
    """Fit the regressions in grouped folds, on answers that the guard leaves something of."""
    live = [a for a in answers if not guard.screen(a.pair.answer).empty]
    read(live)
    graded = [a for a in live if a.criteria]
    references, rubric = fit_references(live)[1], fit_rubric(graded)[1]
    cuts = np.cumsum([len(a.criteria) for a in graded])[:-1]
    expressed = np.split(fit_statements(graded, "criteria")[1], cuts)
    none = np.empty(0)
    found = {key(a.pair): Estimate(p, none, none) for a, p in zip(live, references, strict=True)}
    found |= {key(a.pair): Estimate(p, c, none) for a, p, c in zip(graded, rubric, expressed, strict=True)}
    by_references, by_rubric = (
        {key(a.pair): (a.verdict, p) for a, p in zip(part, guess, strict=True)}
        for part, guess in ((live, references), (graded, rubric))
    )
    return Opinions(found, Fitted({}, by_references, by_rubric))


def join(tier: Opinions, other: Opinions, pairs: dict[Key, Pair], *, by_lang: bool = False) -> Opinions:
    """Both models together, the other's share from other questions, of each language by itself where ``by_lang``."""
    both = sorted(tier.estimates.keys() & other.estimates.keys())
    lang_of = {name: pairs[name].lang for name in both}
    shares: dict[Key, float] = {}
    for train, test in GroupKFold(FOLDS).split(both, groups=[pairs[name].group for name in both]):
        chosen = {both[i]: lang_of[both[i]] if by_lang else "" for i in train}
        with contextlib.redirect_stdout(io.StringIO()):  # it tells what it fits
            fitted = fit_rule.fit_weights(tier.fitted, other.fitted, chosen)
        shares |= {both[i]: fitted[lang_of[both[i]] if by_lang else ""] for i in test}
    found = {name: combine(tier.estimates[name], other.estimates[name], share) for name, share in shares.items()}
    return Opinions(found, fit_rule.join(tier.fitted, other.fitted, shares))


def unsure(answers: list[Answer], found: dict[Key, Estimate]) -> set[Key]:
    """Answers that ``--judge-when unsure`` asks the judge about."""
    doubt, usual = load_doubt("embedded"), load_rule().review_below

    def asks(a: Answer) -> bool:
        part: Part = basis_of(rubric=bool(a.criteria), judged=False), a.pair.lang  # type: ignore[assignment]
        certain = float(found[key(a.pair)].verdict.max())
        return doubt.confidence(certain, part) < doubt.review_below(part, usual)

    return {key(a.pair) for a in answers if key(a.pair) in found and asks(a)}


def points(shared: Path) -> dict[str, list[float]]:
    """Points of each criterion, by group."""
    files = [("indomain", shared / "indomain" / "questions.yaml")]
    files += [("authored", path) for path in sorted(OWN.glob("*.questions.yaml"))]
    return {
        f"{source}:{question['id']}": [float(criterion["points"]) for criterion in question["criteria"]]
        for source, path in files
        for question in yaml.safe_load(path.read_text(encoding="utf-8"))
    }


def concluded(answers: list[Answer], found: list[Estimate], full: dict[str, list[float]]) -> Graded:
    shares = [conclude(e, full.get(a.pair.group, [1.0])).share for a, e in zip(answers, found, strict=True)]
    return Graded.of(np.stack([e.verdict for e in found]), np.array(shares))


def ours(answers: list[Answer], found: dict[Key, Estimate], full: dict[str, list[float]]) -> Graded:
    """Grades from estimates; an answer without one was left empty by the guard."""
    empty = [Estimate(one_hot(NON_DOMAIN), np.zeros(len(a.criteria)), np.empty(0)) for a in answers]
    return concluded(answers, [found.get(key(a.pair), e) for a, e in zip(answers, empty, strict=True)], full)


def labelled(answers: list[Answer], full: dict[str, list[float]]) -> Graded:
    """What a person made of the answers."""
    held = [np.array([float(held) for _, held in a.criteria]) for a in answers]
    return concluded(
        answers, [Estimate(one_hot(a.verdict), h, np.empty(0)) for a, h in zip(answers, held, strict=True)], full
    )
