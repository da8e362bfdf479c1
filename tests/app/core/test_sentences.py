"""Passages are cut into sentences that can be quoted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sentences import quotable, split_sentences


def sentences(text: str) -> list[str]:
    return [text[s.start : s.end] for s in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One here. Two there.", ["One here.", "Two there."]),
        ("It runs over\ntwo lines. Then on.", ["It runs over\ntwo lines.", "Then on."]),
        ("Dr. Smith came. He left.", ["Dr. Smith came.", "He left."]),
        ("Year\tSales\n2020\t5.2", ["Year\tSales", "2020\t5.2"]),
        ("He paid 3.5 million.", ["He paid 3.5 million."]),
        ("- first item\n- second item", ["- first item", "- second item"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_heading_is_quoted_with_its_sentence() -> None:
    text = "Governing law\nThis Agreement is governed by the law of Norway."
    assert [text[s.start : s.end] for s in quotable(text)] == [text]


def test_a_table_row_stands_for_itself() -> None:
    text = "Results\nHaemoglobin\t121\nSodium\t140"
    assert text[slice(quotable(text)[-1].start, quotable(text)[-1].end)] == "Sodium\t140"


@given(st.text(alphabet="ab. \n\tAB1!-", max_size=300))
def test_sentences_cover_the_text_in_order(text: str) -> None:
    for cut in (split_sentences, quotable):
        found = cut(text)
        assert "".join("".join(text[s.start : s.end].split()) for s in found) == "".join(
            text.split()
        )
        assert all(a.end <= b.start for a, b in pairwise(found))
