"""Tables keep rows, columns and headers."""

from __future__ import annotations

import pymupdf
from pdf_making import document, pages_of, paragraph, texts

from ingest.types import Role


def statement() -> pymupdf.Document:
    """A financial statement as filings set it: signs and amounts as pieces of their own."""
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((400, 100), "Year Ended", fontsize=9, fontname="hebo")
    for x, text in ((360, "Jan 26, 2025"), (440, "Jan 28, 2024")):
        page.insert_text((x, 112), text, fontsize=9, fontname="hebo")
    rows = [
        ("Cost of revenue", "178", "141", True),
        ("Research and development", "3,423", "2,532", False),
        ("Loss on sale", "(1,136)", "(876)", False),
        ("Total", "4,737", "3,549", True),
    ]
    font = pymupdf.Font("helv")
    for n, (label, first, second, sign) in enumerate(rows):
        y = 126 + 12 * n
        page.insert_text((60, y), label, fontsize=9)
        for right, amount in ((410, first), (490, second)):
            page.insert_text((right - font.text_length(amount, 9), y), amount, fontsize=9)
            if sign:
                page.insert_text((right - 55, y), "$", fontsize=9)
    paragraph(page, 60, 220, 450, 5)
    return made


def test_rows_and_headers_of_a_statement() -> None:
    (read,) = pages_of(statement())
    assert texts(read, Role.TABLE) == [
        "Cost of revenue\t$ 178\t$ 141",
        "Research and development\t3,423\t2,532",
        "Loss on sale\t(1,136)\t(876)",
        "Total\t$ 4,737\t$ 3,549",
    ]
    assert texts(read, Role.TABLE_HEADER)[1] == "\tJan 26, 2025\tJan 28, 2024"
    assert "Year Ended" in texts(read, Role.TABLE_HEADER)[0]
    assert len({line.block for line in read.lines if line.role.startswith("table")}) == 1
    assert len(texts(read, Role.BODY)) == 5


def test_empty_cells_keep_their_column() -> None:
    made = document(
        [
            (60, 100, "Item"), (200, 100, "2023"), (300, 100, "2022"),
            (60, 115, "Alpha"), (200, 115, "10"), (300, 115, "20"),
            (60, 130, "Beta"), (300, 130, "40"),
            (60, 145, "Gamma"), (200, 145, "50"), (300, 145, "60"),
        ]
    )  # fmt: skip
    (read,) = pages_of(made)
    assert texts(read, Role.TABLE) == ["Alpha\t10\t20", "Beta\t\t40", "Gamma\t50\t60"]
    assert texts(read, Role.TABLE_HEADER) == ["Item\t2023\t2022"]


def test_a_bold_first_row_is_the_header_of_a_table_of_words() -> None:
    made = document(
        [(60, 130, "Ann"), (200, 130, "nurse"), (60, 145, "Bob"), (200, 145, "doctor"),
         (60, 160, "Cy"), (200, 160, "porter")]
    )  # fmt: skip
    made[0].insert_text((60, 115), "Name", fontname="hebo")
    made[0].insert_text((200, 115), "Work", fontname="hebo")
    (read,) = pages_of(made)
    assert texts(read, Role.TABLE_HEADER) == ["Name\tWork"]
    assert texts(read, Role.TABLE) == ["Ann\tnurse", "Bob\tdoctor", "Cy\tporter"]


def test_two_columns_of_prose_are_no_table() -> None:
    made = pymupdf.open()
    page = made.new_page()
    paragraph(page, 60, 120, 230, 20)
    paragraph(page, 310, 120, 230, 20, at=5)
    (read,) = pages_of(made)
    assert not texts(read, Role.TABLE, Role.TABLE_HEADER)


def test_gaps_typed_as_spaces_make_columns() -> None:
    rows = [
        "Cash            100        200",
        "Debt             30         40",
        "Sum             130        240",
    ]
    made = document([(60, 100 + 14 * n, row) for n, row in enumerate(rows)], font="cour")
    (read,) = pages_of(made)
    assert texts(read) == ["Cash\t100\t200", "Debt\t30\t40", "Sum\t130\t240"]


def test_hanging_bullets_are_no_table() -> None:
    made = document(
        [(x, 100 + 15 * n, t) for n, word in enumerate(("one", "two", "three"))
         for x, t in ((60, "•"), (80, f"item {word}"))]
    )  # fmt: skip
    (read,) = pages_of(made)
    assert not texts(read, Role.TABLE)
    assert len(read.lines) == 3
