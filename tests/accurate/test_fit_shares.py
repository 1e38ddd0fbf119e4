"""The share that each model has is fitted on answers, in each language by itself."""

from __future__ import annotations

import numpy as np
import pytest

from grader.match import Estimate, combine

fit_rule = pytest.importorskip("training.fit_rule", reason="needs scikit-learn")
NONE = np.empty(0)


def model(seed: int, noise: dict[str, float]) -> fit_rule.Fitted:
    """What a model says of 400 answers in each language; more noise, less truth."""
    rng = np.random.default_rng(seed)
    said = {}
    for number in range(400):
        for lang, blur in noise.items():
            gold = number % 5
            scores = rng.normal(size=5) * blur
            scores[gold] += 2
            said[lang, str(number)] = gold, np.exp(scores) / np.exp(scores).sum()
    return fit_rule.Fitted({}, said, dict(list(said.items())[:400]))


@pytest.fixture(scope="module")
def models() -> tuple[fit_rule.Fitted, fit_rule.Fitted]:
    """One that knows both languages, and one that knows English better and Spanish not at all."""
    return model(0, {"en": 2.0, "es": 1.5}), model(1, {"en": 1.2, "es": 8.0})


def test_a_model_has_its_share_where_it_knows_the_language(models, capsys):
    shares = fit_rule.fit_weights(*models, {key: key[0] for key in models[0].by_references})
    assert shares["en"] > 0.5
    assert shares["es"] < 0.3
    assert "en: mpnet's share" in capsys.readouterr().out


def test_what_both_say_is_what_the_grader_makes_of_both(models):
    weights = {("en", "1"): 0.3, ("es", "2"): 0.9, ("en", "no such answer"): 0.5}
    both = fit_rule.join(*models, weights)
    assert set(both.by_references) == {("en", "1"), ("es", "2")}
    for key, (gold, p) in both.by_references.items():
        one, two = (Estimate(part.by_references[key][1], NONE, NONE) for part in models)
        assert gold == int(key[1]) % 5
        np.testing.assert_allclose(p, combine(one, two, weights[key]).verdict, atol=1e-12)
