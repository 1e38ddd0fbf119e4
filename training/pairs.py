"""What an entailment model learns from: pairs of an answer and a statement.

A pair asks: how does this answer stand to this statement, given the question? The label is the *set* of the
five SemEval-2013 labels that the source allows, because most sources are coarser than five labels: a natural
language inference pair marked neutral may be partial or irrelevant. The loss sums the allowed classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.match import CONTRADICTORY, CORRECT, IRRELEVANT, NON_DOMAIN, PARTIAL

FIVE_WAY = {
    "correct": (CORRECT,),
    "partially_correct_incomplete": (PARTIAL,),
    "partial": (PARTIAL,),
    "contradictory": (CONTRADICTORY,),
    "irrelevant": (IRRELEVANT,),
    "non_domain": (NON_DOMAIN,),
}
NOT_CORRECT = (PARTIAL, CONTRADICTORY, IRRELEVANT, NON_DOMAIN)


@dataclass(frozen=True)
class Pair:
    """One training example.

    Args:
        answer: What the learner wrote, or the premise.
        question: The question; empty for plain inference pairs.
        statements: Acceptable references, closest to the answer first; one is drawn each epoch.
        allowed: Labels that the source permits, numbered as in ``grader.match``.
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
