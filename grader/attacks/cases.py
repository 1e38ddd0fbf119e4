"""The cases that a grader is attacked with, made from any quiz and rubric."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from grader import spans, surface
from grader.attacks import edits
from grader.attacks.injections import injections
from grader.schema import Criterion, Lang, Question, QuestionRubric, Quiz, Rubric, Verdict


class Expect(StrEnum):
    """How the grade of an attack may stand to that of the answer it was made from."""

    NOT_CORRECT = "must not pass"
    NO_RAISE = "must not be raised above its base"
    KEPT = "must be kept"


EDITS = ("negation", "number", "opposite", "exchanged roles", "clause deleted")
PARAPHRASES = ("accepted wordings", "labelled correct")
INJECTION = "injection"
PER_BASE = 2  # edits of one kind of one answer
SAID_ELSEWHERE = 0.5  # a clause with this share of a criterion's words may still say it
RELATED = 0.5  # two questions whose full answers share this much of their words


@dataclass(frozen=True)
class Case:
    """One attack on one question.

    Args:
        attack: What was done.
        question_id: A free question of the quiz.
        lang: Language of the question's sheet.
        answer: What is handed in.
        base: The answer it was made from; ``None`` where there is none.
        expect: How the grade may move.
        detail: Which wording of an injection; otherwise the criterion that the edited words belong to; may be empty.
        named: Whether the submission names ``lang``; otherwise the language is detected.
    """

    attack: str
    question_id: str
    lang: Lang
    answer: str
    base: str | None
    expect: Expect
    detail: str = ""
    named: bool = True


@dataclass(frozen=True)
class Labelled:
    """An answer that a person has judged.

    Args:
        question_id: A free question of the quiz.
        lang: Its language.
        answer: The text.
        verdict: The person's.
    """

    question_id: str
    lang: Lang
    answer: str
    verdict: Verdict


@dataclass(frozen=True)
class _Target:
    """One question in one language, with answers known to be right, partly right and wrong."""

    question: Question
    criteria: tuple[Criterion, ...]
    lang: Lang
    right: tuple[str, ...]
    partial: tuple[str, ...]
    wrong: tuple[str, ...]
    paraphrases: tuple[str, ...]
    labelled: tuple[str, ...]

    def case(self, attack: str, answer: str, base: str | None, expect: Expect, detail: str = "") -> Case:
        return Case(attack, self.question.id, self.lang, answer, base, expect, detail)


def make_cases(quiz: Quiz, rubric: Rubric, *, seed: int = 0, labelled: Sequence[Labelled] = ()) -> list[Case]:
    """Every case of a quiz; the same arguments give the same cases.

    Bases are the references, answers put together from one accepted wording a criterion, and labelled answers.

    Args:
        quiz: Its free questions are attacked.
        rubric: Adds accepted wordings, criteria and misconceptions.
        seed: Of the choice of places and wordings.
        labelled: Answers judged by a person.
    """
    free = [question for question in quiz.questions if question.type == "free"]
    targets = [
        _target(question, rubric.questions.get(question.id), lang, labelled) for question in free for lang in quiz.langs
    ]
    cases: dict[Case, None] = {}
    for target in targets:
        rng = random.Random(f"{seed} {target.question.id} {target.lang}")  # noqa: S311 -- a sample need not be secret
        others = [other for other in targets if other.lang == target.lang and other.question.id != target.question.id]
        for made in (_edited(target, rng), _empty(target, others, rng), _kept(target), _injected(target, rng)):
            cases.update(dict.fromkeys(made))
    return list(cases)


def _target(question: Question, rubric: QuestionRubric | None, lang: Lang, labelled: Sequence[Labelled]) -> _Target:
    mine = [row for row in labelled if (row.question_id, row.lang) == (question.id, lang)]
    judged = {verdict: tuple(row.answer for row in mine if row.verdict is verdict) for verdict in Verdict}
    criteria = rubric.criteria if rubric else ()
    accepted = [c.accept.get(lang, ()) for c in criteria]
    rounds = max(map(len, accepted), default=0)
    composed = tuple(_joined([w[i % len(w)] for w in accepted]) for i in range(rounds)) if all(accepted) else ()
    single = tuple(c.statement[lang] for c in criteria) if len(criteria) > 1 else ()
    return _Target(
        question,
        criteria,
        lang,
        question.reference[lang],
        (*single, *judged[Verdict.PARTIAL]),
        (*(m.statement[lang] for m in (rubric.misconceptions if rubric else ())), *judged[Verdict.CONTRADICTORY]),
        composed,
        judged[Verdict.CORRECT],
    )


def _joined(wordings: Sequence[str]) -> str:
    return " ".join(wording if wording[-1:] in ".!?" else f"{wording}." for wording in wordings)


def _edited(target: _Target, rng: random.Random) -> Iterator[Case]:
    lang = target.lang
    for base in (*target.right, *target.paraphrases, *target.labelled):
        made = (
            edits.negations(base, lang),
            edits.numbers(base),
            edits.opposites(base, lang),
            edits.exchanges(base, lang),
        )
        for attack, texts in zip(EDITS, made, strict=False):
            for text in rng.sample(texts, min(PER_BASE, len(texts))):
                yield target.case(attack, text, base, Expect.NOT_CORRECT, _criterion_at(target, base, text))
        for text, criterion in _without_a_clause(target, base):
            yield target.case("clause deleted", text, base, Expect.NOT_CORRECT, criterion)


def _criterion_at(target: _Target, base: str, edited: str) -> str:
    """The criterion closest to the clause in which an edit begins."""
    at = next((i for i, (a, b) in enumerate(zip(base, edited, strict=False)) if a != b), len(base))
    clause = next((c.text for c in spans.clauses(base) if at < c.end), base)
    scores = {c.id: _share(c.statement[target.lang], clause) for c in target.criteria}
    return max(scores, key=lambda name: scores[name], default="")


def _share(statement: str, text: str) -> float:
    """Share of a statement's longer words that a text has."""
    words = {word for word in surface.words(statement) if len(word) > 3}  # noqa: PLR2004
    return len(words & set(surface.words(text))) / max(1, len(words))


def _without_a_clause(target: _Target, base: str) -> Iterator[tuple[str, str]]:
    """The answer without the sentence that says one criterion, where no other says much of it."""
    sentences = edits.sentences(base)
    for criterion in target.criteria if len(sentences) > 1 else ():
        wordings = (criterion.statement[target.lang], *criterion.accept.get(target.lang, ()))
        said = [max(_share(wording, sentence) for wording in wordings) for sentence in sentences]
        key = said.index(max(said))
        rest = " ".join(sentence for at, sentence in enumerate(sentences) if at != key)
        if said[key] > SAID_ELSEWHERE and max(_share(wording, rest) for wording in wordings) < SAID_ELSEWHERE:
            yield rest[:1].upper() + rest[1:], criterion.id


def _empty(target: _Target, others: Sequence[_Target], rng: random.Random) -> Iterator[Case]:
    """Texts that have the words but say nothing, or say something else."""
    lang, prompt = target.lang, target.question.prompt[target.lang]
    yield target.case("question echoed", prompt, None, Expect.NOT_CORRECT)
    yield target.case("keywords listed", edits.keyword_list(target.right[0], rng), None, Expect.NOT_CORRECT)
    statements = tuple(c.statement[lang] for c in target.criteria) or target.right
    yield target.case("rubric shuffled", edits.shuffled(statements, rng), None, Expect.NOT_CORRECT)
    for blank in ("", "   \n", "\u200b", "…"):
        yield target.case("blank", blank, "", Expect.NO_RAISE)
    for _ in range(3):
        yield target.case("gibberish", edits.gibberish(rng), "", Expect.NO_RAISE)
    strangers = [other for other in others if max(_share(target.right[0], o) for o in other.right) < RELATED]
    for other in rng.sample(strangers, min(3, len(strangers))):
        yield target.case("another question's answer", other.right[0], None, Expect.NOT_CORRECT)


def _kept(target: _Target) -> Iterator[Case]:
    for text in target.paraphrases:
        yield target.case("accepted wordings", text, None, Expect.KEPT)
    for text in target.labelled:
        yield target.case("labelled correct", text, None, Expect.KEPT)
    foreign = [lang for lang in target.question.reference if lang != target.lang]
    for lang in foreign:
        for base, text in zip(target.right, target.question.reference[lang], strict=False):
            yield target.case("other language", text, base, Expect.KEPT)
            yield Case(
                "other language, detected", target.question.id, target.lang, text, base, Expect.KEPT, named=False
            )


def _injected(target: _Target, rng: random.Random) -> Iterator[Case]:
    for kind, order in injections(target.lang):
        yield target.case(f"{INJECTION} alone", order, "", Expect.NO_RAISE, kind)
        if target.wrong:
            base = rng.choice(target.wrong)
            yield target.case(f"{INJECTION} before a wrong answer", f"{order}\n{base}", base, Expect.NO_RAISE, kind)
        if target.partial:
            base = rng.choice(target.partial)
            yield target.case(f"{INJECTION} after a partial answer", f"{base}\n{order}", base, Expect.NO_RAISE, kind)
        base = rng.choice(target.right)
        yield target.case(f"{INJECTION} after a right answer", f"{base}\n{order}", base, Expect.NO_RAISE, kind)
