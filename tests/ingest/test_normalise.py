"""The search copy of a text, and its way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise import normalise, normalise_with_map


@pytest.mark.parametrize(
    ("shown", "searched"),
    [
        ("hyphen-\nation", "hyphenation"),
        ("2019-\n2020", "2019-2020"),
        ("FY-\n2023", "FY-2023"),
        ("the ﬁrst oﬃce", "the first office"),
        ("a\u00a0b\u2009c", "a b c"),
        ("“so” – it’s", '"so" - it\'s'),
        ("soft\u00adhyphen", "softhyphen"),
        ("  edges \n", "edges"),
        ("one -\ntwo", "one - two"),
        ("", ""),
    ],
)
def test_what_keeps_equal_words_apart_is_gone(shown: str, searched: str) -> None:
    assert normalise(shown) == searched


@given(st.text(max_size=200))
def test_every_character_knows_where_it_came_from(text: str) -> None:
    plain, origin = normalise_with_map(text)
    assert plain == normalise(text)
    assert len(plain) == len(origin)
    assert all(0 <= at < len(text) for at in origin)
    assert origin == sorted(origin)


@given(st.text(alphabet="ab -\n\tﬁ", max_size=60))
def test_spaces_are_single_and_inside(text: str) -> None:
    plain = normalise(text)
    assert plain == plain.strip()
    assert "  " not in plain
    assert "\n" not in plain
