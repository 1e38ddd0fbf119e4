"""Searching takes time in proportion to the text, whatever the text."""

from __future__ import annotations

import re
import time

import pytest

from grader import guard

LONG = 20_000  # characters; the longest answer that is taken in
LIMIT_S = 2.0  # of processor time; the slowest search of all takes 0.3
PATTERNS = {name: value for name, value in vars(guard).items() if isinstance(value, re.Pattern)}
THIRD = LONG // 18
HOSTILE = {
    "a dialogue": "Q:abc " * THIRD + "A:abc " * THIRD + "Q:abc " * THIRD,
    "a dialogue, repeated": "Q:abc A:abc " * (LONG // 12),
    "speakers": "user:" * (LONG // 5),
    "speakers on lines": "user:\n" * (LONG // 6),
    "examples": "example 1: " * (LONG // 11),
    "lines": "\n" * LONG + "x",
    "spaces": "." + " " * LONG + "x",
    "equals": "=" * LONG,
    "dashes": "-" * LONG,
    "stars": "* " * (LONG // 2),
    "full stops": ".a" * (LONG // 2),
    "turned": "\u202e" * LONG,
    "hidden": "\u200b" * LONG + "a",
    "orders cut short": "give me -" * (LONG // 9),
}


def slowest_search(text, patterns=PATTERNS):
    """Seconds of processor time of the slowest search, and whose it is."""
    spent = []
    for name, pattern in patterns.items():
        start = time.process_time()
        pattern.search(text)
        spent.append((time.process_time() - start, name))
    return max(spent)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_makes_a_pattern_slow(text):
    assert slowest_search(text)[0] < LIMIT_S
    start = time.process_time()
    guard.screen(text)
    assert time.process_time() - start < 5 * LIMIT_S


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_no_word_or_sign_of_a_pattern_makes_it_slow(name):
    source = PATTERNS[name].pattern
    words = re.findall(r"[^\W\d_]+", re.sub(r"\\[a-zA-Z]|\(\?\S", " ", source))
    signs = {*re.findall(r"[^\w\s]", source), " ", "\n", "_", "0"}
    units = {f"{word}{end}" for word in words for end in (" ", ": ")} | {
        a + b for a in signs for b in ("", " ", "\n", "a")
    }
    slow = [unit for unit in units if slowest_search(unit * (LONG // len(unit)), {name: PATTERNS[name]})[0] >= LIMIT_S]
    assert not slow
