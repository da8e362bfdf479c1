"""Lines are marked when they hold what was asked for, and nothing else is."""

from __future__ import annotations

import pytest

from app.core.marking import Match, mark, matching_pages
from ingest.types import Box, Line, Role

FIRST = (
    "7. Governing law",
    "This Agreement is governed by the laws of the",
    "Kingdom of Norway. Notice of termination is given in wri-",
    "ting. The term is two years.",
    "Haemoglobin\tg/l\t121 [1]",
    "The Supplier shall deposit the source code before the",
)
SECOND = ("Customer has paid. The agreements end.", "Nothing more about notices.")


def page(*texts: str) -> list[Line]:
    lines = [Line(text, Box(0, 10.0 * n, 90, 10.0 * n + 9)) for n, text in enumerate(texts)]
    return [*lines, Line("Agreement, page 1", Box(0, 800, 90, 809), Role.FURNITURE)]


PAGES = [page(*FIRST), page(*SECOND)]


def marked(words: str, number: int = 1) -> list[int]:
    """The marked lines by their place on the page, from 0."""
    return [round(box.y0 / 10) for box in mark(words, PAGES, number).boxes]


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("Norway", [2]),
        ("governing LAWS", [0, 1]),  # stemmed, in one sentence with its heading
        ("term", [3]),
        ("writing", [2, 3]),  # broken over two lines
        ("term of years", [3]),
        ("“notice of termination”", [2]),
        ('"termination notice"', []),
        ('"law"', [0]),
        ("Notice of termination is given in writing. [2]", [2, 3]),
        ("Haemoglobin | g/l | 121 (1)", [4]),
        ("penguin", []),
        ("of the", [1]),
        ("  ", []),
    ],
)
def test_what_is_marked(words: str, lines: list[int]) -> None:
    assert marked(words) == lines


def test_a_sentence_over_two_pages_is_marked_on_both() -> None:
    sentence = "The Supplier shall deposit the source code before the Customer has paid."
    assert marked(sentence, 1) == [5]
    assert marked(sentence, 2) == [0]
    assert mark(sentence, PAGES, 1).match is Match.EXACT


def test_a_sentence_of_another_page_marks_nothing() -> None:
    sentence = "The agreements end, nothing about notices"
    assert marked("Nothing more about notices.", 1) == []
    assert matching_pages("Nothing more about notices.", PAGES) == [2]
    assert marked(sentence, 2) == [0, 1]


def test_words_that_are_not_there_are_named() -> None:
    found = mark("Norway ferry", PAGES, 1)
    assert (found.match, found.missing) == (Match.SOME, ("ferry",))
    assert mark("Norway ferry penguin", PAGES, 1).boxes == ()
    assert mark("Norway paid", [*PAGES, page("Norway has paid.")], 1).boxes == ()


def test_pages_that_match_best() -> None:
    assert matching_pages("notice", PAGES) == [1, 2]
    assert matching_pages("notice paid", PAGES) == [2]
    assert matching_pages("penguin", PAGES) == []
