"""Passages are cut into sentences that can be quoted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.layout import PlacedLine, placed_lines
from app.core.sentences import quotable, split_sentences
from ingest.types import Box, ChunkLine, Line, Passage, Role


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


def quotes(text: str, layout: dict[int, PlacedLine] | None = None) -> list[tuple[str, str]]:
    """Each quotable stretch with its lead."""
    return [(text[s.lead : s.start].strip(), text[s.start : s.end]) for s in quotable(text, layout)]


LAW = "This Agreement is governed by the law of Norway."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Governing law\n{LAW}", [("Governing law", LAW)]),
        (f"CHAPTER 9\nGoverning law\n{LAW}", [("CHAPTER 9\nGoverning law", LAW)]),
        (f"9.1\n{LAW}", [("", f"9.1\n{LAW}")]),
        (
            "He chose the law of\nNorway for it all.",
            [("", "He chose the law of\nNorway for it all.")],
        ),
        (
            "Results\nHaemoglobin\t121\nSodium\t140",
            [("Results", "Haemoglobin\t121"), ("", "Sodium\t140")],
        ),
        (f"Date of birth: 3 May 1957\n{LAW}", [("", "Date of birth: 3 May 1957"), ("", LAW)]),
        (
            f"Subject: The claim\nFrom: Tomas Reyes <reyes@example.com>\nDear Ms Forsberg,\n{LAW}",
            [
                ("", "Subject: The claim"),
                ("", "From: Tomas Reyes <reyes@example.com>"),
                ("", LAW),
            ],
        ),
        (f"• Aspirin 75 mg\n{LAW}", [("", "• Aspirin 75 mg"), ("", LAW)]),
        (
            f"Sales up five per cent\nMargin of eleven per cent\nLaw\n{LAW}",
            [("", "Sales up five per cent\nMargin of eleven per cent"), ("Law", LAW)],
        ),
        ("Annual report", [("", "Annual report")]),
    ],
)
def test_headings_lead_and_are_not_quoted(text: str, expected: list[tuple[str, str]]) -> None:
    assert quotes(text) == expected


def test_the_page_knows_what_the_text_does_not() -> None:
    heading = "Treatment of fractures of the distal radius in adults over sixty years"
    first, second = "The wrist is put in a splint for", "Six Weeks, which the patient"
    text = "\n".join((heading, first, second))
    assert quotes(text) == [("", f"{heading}\n{first}"), ("", second)]
    layout = {
        0: PlacedLine((1, 0), role=Role.HEADING, full=False),
        len(heading) + 1: PlacedLine((1, 1), role=Role.BODY, full=True),
        len(heading) + len(first) + 2: PlacedLine((1, 1), role=Role.BODY, full=False),
    }
    assert quotes(text, layout) == [(heading, f"{first}\n{second}")]


def test_lines_are_placed_by_their_box() -> None:
    boxes = [Box(70, 10, 200, 20), Box(70, 30, 300, 40), Box(70, 42, 120, 52)]
    roles = [Role.HEADING, Role.BODY, Role.BODY]
    page = [
        Line("x", box, role, block)
        for box, role, block in zip(boxes, roles, (0, 1, 1), strict=True)
    ]
    lines = tuple(ChunkLine(3, box, n * 2, n * 2 + 1) for n, box in enumerate(boxes))
    stray = ChunkLine(3, Box(0, 0, 1, 1), 6, 7)
    passage = Passage(1, "a.pdf", (1,), "x\nx\nx\nx", (), (*lines, stray), 1.0)
    assert placed_lines(passage, lambda *_: page) == {
        0: PlacedLine((3, 0), role=Role.HEADING, full=False),
        2: PlacedLine((3, 1), role=Role.BODY, full=True),
        4: PlacedLine((3, 1), role=Role.BODY, full=False),
    }


@given(st.text(alphabet="ab. \n\tAB1!-", max_size=300))
def test_sentences_cover_the_text_in_order(text: str) -> None:
    for cut in (split_sentences, quotable):
        found = cut(text)
        assert "".join("".join(text[s.lead : s.end].split()) for s in found) == "".join(
            text.split()
        )
        assert all(a.end <= b.lead <= b.start for a, b in pairwise(found))
