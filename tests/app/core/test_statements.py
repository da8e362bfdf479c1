"""Sentences end where they end, in whatever pieces the text comes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.core.statements import Sentences, numbered

TEXT = (
    "The dose is “2.5 mg. Twice a day.” [1]. Dr. Smith agrees [2] [3]. It ends here! [4]\n"
    "- A point [5].\nNo stop at the end [6]"
)


def cut(pieces: list[str]) -> tuple[list[str], list[str]]:
    sentences, told, whole = Sentences(), [], [""]
    for piece in pieces:
        for stretch, ends in sentences.feed(piece):
            told.append(stretch)
            whole[-1] += stretch
            if ends:
                whole.append("")
    for stretch, _ in sentences.finish():
        told.append(stretch)
        whole[-1] += stretch
    return told, [w.strip() for w in whole if w.strip()]


def test_sentences() -> None:
    _, whole = cut([TEXT])
    assert whole == [
        "The dose is “2.5 mg. Twice a day.” [1].",
        "Dr. Smith agrees [2] [3].",
        "It ends here! [4]",
        "- A point [5].",
        "No stop at the end [6]",
    ]


@given(st.lists(st.integers(0, len(TEXT)), max_size=20))
def test_the_pieces_do_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    pieces = [TEXT[a:b] for a, b in itertools.pairwise(places)]
    told, whole = cut(pieces)
    assert "".join(told) == TEXT
    assert whole == cut([TEXT])[1]
    for stretch in told:
        assert stretch.count("[") == stretch.count("]"), "a citation is never told in two"


@given(st.text(alphabet='ab. [1]"“”\n', max_size=80), st.integers(1, 7))
def test_nothing_is_lost(text: str, step: int) -> None:
    told, _ = cut([text[i : i + step] for i in range(0, len(text), step)])
    assert "".join(told) == text


def test_numbers() -> None:
    numbers: dict[int, int] = {}
    assert numbered("a [7] b [9][3] c [7, 8]", numbers, frozenset({3, 7}), 4) == "a [4] b [5] c [4]"
    assert numbered("a [Passage 3]", {}, frozenset({3, 7}), 1) == "a [1]"
    assert numbered("a [page 3]", {}, frozenset({3, 7}), 1) == "a [page 3]"
