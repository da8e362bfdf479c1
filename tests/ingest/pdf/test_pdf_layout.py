"""Reading order, rows, paragraphs and lists."""

from __future__ import annotations

from collections import Counter

import pymupdf
from hypothesis import given, settings
from hypothesis import strategies as st
from pdf_making import document, line_with, pages_of, paragraph, texts

from ingest.pdf.fragments import shown
from ingest.types import Role


def test_two_columns_under_a_title() -> None:
    made = pymupdf.open()
    page = made.new_page()
    right = paragraph(page, 310, 120, 230, 30, at=7)  # the right column comes first in the file
    left = paragraph(page, 60, 120, 230, 30)
    page.insert_text((60, 80), "A title that spans both of the columns of this page", fontsize=18)
    (read,) = pages_of(made)
    assert texts(read)[0].startswith("A title")
    assert texts(read)[1:] == left + right


def test_three_columns() -> None:
    made = pymupdf.open()
    page = made.new_page()
    columns = [paragraph(page, x, 100, 150, 25, size=8, at=n) for n, x in enumerate((50, 220, 390))]
    (read,) = pages_of(made)
    assert texts(read) == [line for column in columns for line in column]


def test_columns_whose_baselines_disagree() -> None:
    made = pymupdf.open()
    page = made.new_page()
    left = paragraph(page, 60, 120, 300, 20)
    side = paragraph(page, 400, 126, 130, 14, size=8, at=3)
    (read,) = pages_of(made)
    assert texts(read) == left + side


def test_full_width_line_between_columns_keeps_its_place() -> None:
    made = pymupdf.open()
    page = made.new_page()
    upper = [paragraph(page, x, 100, 230, 8, at=n) for n, x in enumerate((60, 310))]
    page.insert_text(
        (60, 215), "A line of text right across the page, from column to column it goes"
    )
    lower = [paragraph(page, x, 240, 230, 8, at=n + 4) for n, x in enumerate((60, 310))]
    (read,) = pages_of(made)
    found = texts(read)
    assert found[:16] == upper[0] + upper[1]
    assert found[16].startswith("A line of text right across")
    assert found[17:] == lower[0] + lower[1]


def test_cards_of_a_grid_are_read_row_by_row() -> None:
    made = pymupdf.open()
    page = made.new_page()
    for n, (x, y) in enumerate(((60, 100), (320, 100), (60, 300), (320, 300))):
        page.insert_text((x, y), f"Card {n}", fontsize=13, fontname="hebo")
        paragraph(page, x, y + 25, 220, 6, at=n)
    (read,) = pages_of(made)
    assert [t for t in texts(read) if t.startswith("Card")] == [
        "Card 0",
        "Card 1",
        "Card 2",
        "Card 3",
    ]
    assert [n for n, t in enumerate(texts(read)) if t.startswith("Card")] == [0, 7, 14, 21]


def test_pieces_of_one_row_are_one_line() -> None:
    made = document([(60, 100, "Far"), (90, 100, "apart"), (140, 100, "words.")])
    (read,) = pages_of(made)
    assert texts(read) == ["Far apart words."]


def test_paragraphs_and_lists_are_blocks() -> None:
    made = pymupdf.open()
    page = made.new_page()
    paragraph(page, 60, 100, 400, 3)
    page.insert_text((60, 170), "- first item that goes on", fontsize=10)
    page.insert_text((70, 182.5), "on a second line", fontsize=10)
    page.insert_text((60, 195), "- second item", fontsize=10)
    paragraph(page, 60, 230, 400, 3)
    (read,) = pages_of(made)
    blocks = [line.block for line in read.lines]
    assert blocks == [0, 0, 0, 1, 1, 2, 3, 3, 3]
    assert [line.role for line in read.lines[3:6]] == [Role.LIST] * 3


def test_numbered_clauses_are_paragraphs_and_no_table() -> None:
    clauses = [
        ("1.37", "Models. The allocation models that the manager keeps as told in Section", "2.3."),
        (
            "1.38",
            "Parties. The term refers to all of them together and to each of them alone",
            "too.",
        ),
        (
            "1.39",
            "Term. The time from the first day on which this agreement is in force to its",
            "end.",
        ),
    ]
    placed = []
    for n, (number, text, rest) in enumerate(clauses):
        placed += [(60, 100 + 30 * n, number), (100, 100 + 30 * n, text), (100, 113 + 30 * n, rest)]
    (read,) = pages_of(document(placed))
    assert [line.role for line in read.lines] == [Role.BODY] * 6
    assert [line.block for line in read.lines] == [0, 0, 1, 1, 2, 2]
    assert read.lines[0].text.startswith("1.37 Models.")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(30, 450), st.integers(40, 800), st.integers(5, 20), st.booleans()),
        max_size=40,
    )
)
def test_no_word_is_lost_or_read_twice(places: list[tuple[int, int, int, bool]]) -> None:
    made = pymupdf.open()
    page = made.new_page()
    wanted = []
    for n, (x, y, size, bold) in enumerate(places):
        word = chr(98 + n % 24) + "ana"
        page.insert_text((x, y), word, fontsize=size, fontname="hebo" if bold else "helv")
        wanted.append(word)
    (read,) = pages_of(made)
    # Words set on top of one another come out in pieces; only their letters can be counted.
    found = Counter("".join(texts(read)).replace(" ", "").replace("\t", ""))
    assert found == Counter("".join(wanted))
    assert [line.block for line in read.lines] == sorted(line.block for line in read.lines)
    for line in read.lines:
        assert 0 <= line.box.x0 <= line.box.x1 <= read.width
        assert 0 <= line.box.y0 <= line.box.y1 <= read.height


def test_superscripts_stay_in_their_line() -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((60, 100), "As shown before", fontsize=12)
    page.insert_text((144, 95), "2", fontsize=7)
    page.insert_text((152, 100), "and later", fontsize=12)
    (read,) = pages_of(made)
    assert len(read.lines) == 1
    assert read.lines[0].text.replace(" ", "") == "Asshownbefore2andlater"


def test_sideways_text_is_read_after_the_rest() -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((30, 400), "along the margin", rotate=90)
    paragraph(page, 60, 100, 400, 4)
    (read,) = pages_of(made)
    assert texts(read)[-1] == "along the margin"
    box = line_with(read, "along the margin").box
    assert box.y1 - box.y0 > 3 * (box.x1 - box.x0)


def test_a_sideways_page_keeps_its_rows() -> None:
    made = pymupdf.open()
    page = made.new_page()
    for n in range(4):
        page.insert_text((100 + 20 * n, 600), f"Label {n}", rotate=90)
        page.insert_text((100 + 20 * n, 400), f"{n}1.50", rotate=90)
        page.insert_text((100 + 20 * n, 300), f"{n}2.75", rotate=90)
    (read,) = pages_of(made)
    assert texts(read) == [f"Label {n}\t{n}1.50\t{n}2.75" for n in range(4)]


def test_stacked_cjk_characters_become_vertical_lines() -> None:
    made = pymupdf.open()
    page = made.new_page()
    for x, text in ((300, "政令第百四十九号"), (280, "道路交通法施行令")):
        for n, character in enumerate(text):
            page.insert_text((x, 100 + 12 * n), character, fontsize=12, fontname="japan")
    (read,) = pages_of(made)
    assert texts(read) == ["政令第百四十九号", "道路交通法施行令"]


def test_control_characters_and_soft_hyphens_are_dropped() -> None:
    assert shown(" soft\u00adhyphen\x00,\ufeff no\u00a0break  and\tspaces ") == (
        "softhyphen, no break and spaces"
    )
    assert shown("ﬁnal ofﬁce-") == "ﬁnal ofﬁce-"


def test_text_printed_twice_is_read_once() -> None:
    made = document([(60, 100, "Shadow"), (60.4, 100.3, "Shadow")])
    (read,) = pages_of(made)
    assert texts(read) == ["Shadow"]
