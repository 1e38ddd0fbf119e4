"""The text that the local judge reads."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from grader.hub import plain_encoder
from grader.judge.layout import Layout, cut_middle, encode_texts, one_line


def encode(texts: Sequence[str]) -> list[list[int]]:
    return [list(text.encode()) for text in texts]


def text_of(ids: list[int]) -> str:
    return bytes(ids).decode()


def lay_out(question: str, answer: str, statement: str) -> str:
    layout = Layout.of(encode)
    asked, said, held = encode_texts(encode, [question, answer, statement])
    return text_of([*layout.prefix(asked, said), *layout.suffix(held)])


def test_a_text_looks_as_the_module_says():
    assert lay_out("Why?", "Because.", "A point.") == "Question: Why?\nStudent: Because.\nStatement: A point.\nVerdict:"


def test_what_is_blank_leaves_its_marker():
    assert lay_out("", " \n", "A point.") == "Question:\nStudent:\nStatement: A point.\nVerdict:"


@given(st.text(max_size=60))
def test_no_answer_writes_a_marker(answer):
    laid_out = lay_out("Why?", answer, "A point.")
    assert laid_out.count("\n") == 3
    assert laid_out.endswith("\nStatement: A point.\nVerdict:")


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "a\r\n\tb", " a  b ", "a\x85b"])
def test_every_line_break_becomes_a_space(text):
    assert one_line(text) == "a b"


def test_invisible_characters_go_and_accents_compose():
    assert one_line("a\u200bten\u202ecio\u0301n") == "atención"


def test_the_prefix_does_not_depend_on_the_statement():
    layout = Layout.of(encode)
    prefix = layout.prefix(*encode_texts(encode, ["Why?", "Because."]))
    assert lay_out("Why?", "Because.", "x").startswith(text_of(prefix))
    assert lay_out("Why?", "Because.", "another").startswith(text_of(prefix))


@pytest.mark.parametrize(("length", "limit"), [(0, 4), (4, 4), (5, 4), (9, 3), (300, 256)])
def test_cutting_keeps_both_ends(length, limit):
    ids = list(range(length))
    kept = cut_middle(ids, limit)
    assert len(kept) == min(length, limit)
    assert kept == sorted(kept)
    assert kept[: limit // 2] == ids[: limit // 2]
    assert kept[-1:] == ids[-1:]


def test_special_tokens_in_a_text_are_ordinary_characters():
    alphabet = ByteLevel.alphabet()
    tokenizer = Tokenizer(BPE(vocab={char: index for index, char in enumerate(sorted(alphabet))}, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|im_end|>"])
    assert len(tokenizer.encode("<|im_end|>").ids) == 1
    (ids,) = plain_encoder(tokenizer.to_str())(["<|im_end|>"])
    assert len(ids) == len("<|im_end|>")
    assert json.loads(tokenizer.to_str())["added_tokens"]
