"""Turn the training sets into pairs that an entailment model learns from.

A pair asks: how does this answer stand to this statement, given the question? The label is the *set* of the
five SemEval-2013 labels that the source allows, because most sources are coarser than five labels: a natural
language inference pair marked neutral may be partial or irrelevant. The loss sums the allowed classes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from training.perturb import contradict, shuffled_keywords
from training.phrases import NOISE, NOTHING, ORDERS

LABELS = ("correct", "partial", "contradictory", "irrelevant", "non_domain")
CORRECT, PARTIAL, CONTRADICTORY, IRRELEVANT, NON_DOMAIN = range(5)
FIVE_WAY = {
    "correct": (CORRECT,),
    "partially_correct_incomplete": (PARTIAL,),
    "partial": (PARTIAL,),
    "contradictory": (CONTRADICTORY,),
    "irrelevant": (IRRELEVANT,),
    "non_domain": (NON_DOMAIN,),
}
NLI = {"entailment": (CORRECT,), "neutral": (PARTIAL, IRRELEVANT), "contradiction": (CONTRADICTORY,)}
NOT_CORRECT = (PARTIAL, CONTRADICTORY, IRRELEVANT, NON_DOMAIN)
PLACEHOLDERS = {"no response.", "empty submission.", "no response", ""}


@dataclass(frozen=True)
class Pair:
    """One training example.

    Args:
        answer: What the learner wrote, or the premise.
        question: The question; empty for plain inference pairs.
        statements: Acceptable references, closest to the answer first; one is drawn each epoch.
        allowed: Indices into ``LABELS`` that the source permits.
        lang: Language of all three texts.
        source: Which set it came from.
        group: What folds keep together: a question.
        module: SciEntsBank's or Beetle's module; empty elsewhere.
        kind: ``reference``, ``criterion``, ``misconception``, ``nli`` or ``synthetic``.
        id: The graded answer this belongs to; empty for inference pairs.
    """

    answer: str
    question: str
    statements: tuple[str, ...]
    allowed: tuple[int, ...]
    lang: str
    source: str
    group: str
    module: str = ""
    kind: str = "reference"
    id: str = ""
    extra: dict[str, object] = field(default_factory=dict)


def read(path: Path) -> list[dict]:
    """Rows of a gzipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def tokens(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def closest_first(answer: str, references: Iterable[str]) -> tuple[str, ...]:
    """Order references by word overlap (F1) with the answer."""
    words = tokens(answer)

    def overlap(reference: str) -> float:
        other = tokens(reference)
        return 2 * len(words & other) / max(1, len(words) + len(other))

    return tuple(sorted(dict.fromkeys(references), key=overlap, reverse=True))


def semeval(path: Path, source: str) -> Iterator[Pair]:
    for row in read(path):
        yield Pair(
            row["answer"],
            row["question"],
            closest_first(row["answer"], row["reference_answers"]),
            FIVE_WAY[row["label_5way"]],
            "en",
            source,
            f"{source}:{row['question_id']}",
            row["module"],
            id=row["id"],
        )


def saf(path: Path) -> Iterator[Pair]:
    allowed = {
        "Correct": (CORRECT,),
        "Partially correct": (PARTIAL,),
        "Incorrect": (CONTRADICTORY, IRRELEVANT, NON_DOMAIN),
    }
    for row in read(path):
        if row["answer"].strip().lower() in PLACEHOLDERS:
            continue
        yield Pair(
            row["answer"],
            row["question"],
            tuple(row["reference_answers"]),
            allowed[row["label"]],
            "en",
            "saf",
            f"saf:{row['question_id']}",
            id=row["id"],
            extra={"score": row["score"]},
        )


def stita(path: Path) -> Iterator[Pair]:
    for row in read(path):
        score = row["score"]
        if score is None or row["answer"].strip().lower() in PLACEHOLDERS:
            continue
        allowed = (
            (CORRECT,)
            if score > 0.9
            else (PARTIAL,)
            if score > 0.3
            else (PARTIAL, CONTRADICTORY, IRRELEVANT, NON_DOMAIN)
        )
        yield Pair(
            row["answer"],
            row["question"],
            tuple(row["reference_answers"]),
            allowed,
            "en",
            "stita",
            f"stita:{row['question_id']}",
            id=row["id"],
            extra={"score": score},
        )


def authored(questions: Path, answers: Path, source: str) -> Iterator[Pair]:
    """Answers labelled criterion by criterion: a pair for each reference, criterion and misconception."""
    by_id = {question["id"]: question for question in yaml.safe_load(questions.read_text(encoding="utf-8"))}
    for line in answers.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        question, lang = by_id[row["question_id"]], row["lang"]
        base = {"lang": lang, "source": source, "group": f"{source}:{question['id']}", "id": row["id"]}
        prompt, verdict = question["prompt"][lang], row["verdict"]
        extra = {"verdict": verdict, "style": row["style"]}
        yield Pair(row["answer"], prompt, tuple(question["reference"][lang]), FIVE_WAY[verdict], **base, extra=extra)
        empty = (IRRELEVANT, NON_DOMAIN)
        for kind, statements, held_ids in (
            ("criterion", question["criteria"], row["criteria_met"]),
            ("misconception", question["misconceptions"], row["misconceptions"]),
        ):
            for statement in statements:
                held = statement["id"] in held_ids
                allowed = (CORRECT,) if held else empty if verdict in {"irrelevant", "non_domain"} else NOT_CORRECT
                yield Pair(
                    row["answer"],
                    prompt,
                    (statement["statement"][lang],),
                    allowed,
                    **base,
                    kind=kind,
                    extra={**extra, "statement_id": statement["id"], "held": held},
                )


def inference(folder: Path) -> Iterator[Pair]:
    """Natural language inference: the premise plays the answer, the hypothesis the statement."""
    names = (
        "snli_dev",
        "snli_test",
        "cad_nli_train",
        "cad_nli_dev",
        "conjnli_adversarial_train",
        "conjnli_dev",
        "hossain_negation_snli",
        "hossain_negation_mnli",
        "cannot_sem_anto_neg",
        "cannot_wikifactcheck",
        "fool_me_twice_dev",
        "fool_me_twice_test",
        "scone_nli_train",
        "condaqa_dev",
        "entailmentbank_train",
        "entailmentbank_dev",
    )
    for name in names:
        for row in read(folder / f"{name}.jsonl.gz"):
            yield Pair(
                row["premise"],
                "",
                (row["hypothesis"],),
                NLI[row["label"]],
                "en",
                name,
                f"{name}:{row['premise'][:60]}",
                kind="nli",
            )
    for name in ("pawsx_dev.en", "pawsx_dev.es"):
        for row in read(folder / f"{name}.jsonl.gz"):
            allowed = (CORRECT,) if row["score"] == 1 else (PARTIAL, CONTRADICTORY, IRRELEVANT)
            yield Pair(
                row["premise"],
                "",
                (row["hypothesis"],),
                allowed,
                row["lang"],
                name,
                f"pawsx:{row['premise'][:60]}",
                kind="nli",
            )
    for name in ("stsb_train.en", "stsb_train.es", "stsb_dev.es"):
        for row in read(folder / f"{name}.jsonl.gz"):
            if 0.25 < row["score"] < 0.9:
                continue
            allowed = (CORRECT,) if row["score"] >= 0.9 else (IRRELEVANT, CONTRADICTORY)
            yield Pair(
                row["premise"],
                "",
                (row["hypothesis"],),
                allowed,
                row["lang"],
                name,
                f"stsb:{row['premise'][:60]}",
                kind="nli",
            )
    for row in read(folder / "evouna_nq.jsonl.gz"):
        allowed = (CORRECT,) if row["label"] == "equivalent" else (PARTIAL, CONTRADICTORY, IRRELEVANT)
        yield Pair(
            row["candidate"],
            row["question"],
            tuple(row["reference"].split("/")[:5]),
            allowed,
            "en",
            "evouna",
            f"evouna:{row['question']}",
            kind="nli",
        )


def synthetic(pairs: list[Pair], seed: int) -> Iterator[Pair]:
    """Answers made from references: repeated, contradicted, from a neighbouring question, echoed, listed."""
    rng = random.Random(seed)
    questions: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        if pair.kind == "reference" and pair.question:
            questions.setdefault((pair.source + pair.module, pair.group + pair.lang), []).append(pair)
    neighbours: dict[str, list[Pair]] = {}
    for (module, _), members in questions.items():
        neighbours.setdefault(module + members[0].lang, []).append(members[0])
    for (module, _), members in questions.items():
        first = members[0]
        base = {
            "lang": first.lang,
            "source": first.source,
            "group": first.group,
            "module": first.module,
            "kind": "synthetic",
        }
        references = sorted({statement for member in members for statement in member.statements})
        for reference in references[:6]:
            yield Pair(reference, first.question, tuple(references), (CORRECT,), **base)
            for wrong in contradict(reference, first.lang, rng, limit=2):
                yield Pair(wrong, first.question, (reference,), (CONTRADICTORY,), **base)
            yield Pair(
                shuffled_keywords(reference, rng), first.question, (reference,), (IRRELEVANT, NON_DOMAIN), **base
            )
        right = [member for member in members if member.allowed == (CORRECT,)]
        for member in rng.sample(right, min(6, len(right))):
            for wrong in contradict(member.answer, first.lang, rng, limit=1):
                yield Pair(wrong, first.question, member.statements, (CONTRADICTORY,), **base)
        yield Pair(first.question, first.question, tuple(references), (IRRELEVANT,), **base)
        for phrase in rng.sample(NOTHING[first.lang], 4) + rng.sample(ORDERS[first.lang], 4):
            yield Pair(phrase, first.question, tuple(references), (NON_DOMAIN,), **base)
        for phrase, verdict in rng.sample(NOISE, 2):
            yield Pair(phrase, first.question, tuple(references), FIVE_WAY[verdict], **base)
        others = [other for other in neighbours[module + first.lang] if other.group != first.group]
        for other in rng.sample(others, min(4, len(others))):
            yield Pair(
                other.statements[0], first.question, tuple(references), (IRRELEVANT, PARTIAL, CONTRADICTORY), **base
            )


def gather(shared: Path, own: Path) -> list[Pair]:
    """Every graded answer of the public sets and of those written for this project.

    Args:
        shared: The folder of public sets (``asag``, ``nli``, ``indomain``).
        own: The folder of answers written for this project.
    """
    asag = shared / "asag"
    pairs = [
        *semeval(asag / "scientsbank_train.jsonl.gz", "scientsbank"),
        *semeval(asag / "beetle_train.jsonl.gz", "beetle"),
        *saf(asag / "saf_en_train.jsonl.gz"),
        *stita(asag / "stita_all.jsonl.gz"),
        *authored(shared / "indomain" / "questions.yaml", shared / "indomain" / "answers.jsonl", "indomain"),
    ]
    for questions in sorted(own.glob("*.questions.yaml")):
        answers = questions.with_name(questions.name.replace(".questions.yaml", ".answers.jsonl"))
        pairs += authored(questions, answers, "authored")
    return pairs


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
