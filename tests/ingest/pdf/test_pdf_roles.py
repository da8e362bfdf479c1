"""Headings, captions and page furniture."""

from __future__ import annotations

import pymupdf
from pdf_making import document, line_with, pages_of, paragraph, texts

from ingest.furniture import mark_ocr_furniture
from ingest.types import Box, Line, Page, Role, TextSource


def report(pages: int, *, footer: str = "Page {n} of {of}") -> pymupdf.Document:
    made = pymupdf.open()
    for n in range(1, pages + 1):
        page = made.new_page()
        page.insert_text((60, 40), "Muniment Annual Report", fontsize=8)
        page.insert_text((60, 100), f"{n}. Part of the report", fontsize=14, fontname="hebo")
        paragraph(page, 60, 130, 450, 30, at=n)
        page.insert_text((280, 800), footer.format(n=n, of=pages), fontsize=8)
    return made


def test_repeated_headers_and_page_numbers_are_furniture() -> None:
    for page in pages_of(report(5)):
        assert texts(page, Role.FURNITURE) == [
            "Muniment Annual Report",
            f"Page {page.number} of 5",
        ]
        assert len(texts(page, Role.BODY)) == 30


def test_one_page_loses_only_its_page_number() -> None:
    (page,) = pages_of(report(1, footer="- {n} -"))
    assert texts(page, Role.FURNITURE) == ["- 1 -"]


def test_lines_are_marked_and_never_removed() -> None:
    assert [len(page.lines) for page in pages_of(report(4))] == [33] * 4


def test_what_repeats_amid_the_text_is_no_furniture() -> None:
    pages = [[(60, 400, "Repeated in the middle"), (60, 430, f"Other {n} text.")] for n in range(5)]
    for page in pages_of(document(*pages)):
        assert not texts(page, Role.FURNITURE)


def test_lines_that_differ_in_other_numbers_are_content() -> None:
    made = pymupdf.open()
    for n in range(1, 7):
        page = made.new_page()
        page.insert_text((60, 60), f"Invoice {1000 + n}: total {250 * n} pounds", fontsize=12)
        paragraph(page, 60, 110, 450, 6, at=n)
        page.insert_text((60, 790), f"Discount agreed on invoice {1000 + n}: {n + 2} percent")
        page.insert_text((500, 820), f"Page {n} of 6", fontsize=8)
    for page in pages_of(made):
        assert texts(page, Role.FURNITURE) == [f"Page {page.number} of 6"]


def test_numbered_lines_in_step_with_the_body_are_content() -> None:
    pages = [
        [(60, 50 + 14 * row, f"{row}. Parcel of shelf {row}, page {n}") for row in range(50)]
        for n in range(1, 6)
    ]
    for page in pages_of(document(*pages)):
        assert not texts(page, Role.FURNITURE)


def test_page_numbers_in_roman_numerals_count_on() -> None:
    pages = []
    for n in range(1, 7):
        numeral = ("i", "ii", "iii", "iv", "v", "vi")[n - 1]
        pages.append([(60, 40, f"Annual report {numeral}"), (60, 300, f"Preface, {n}th part.")])
    for page in pages_of(document(*pages)):
        assert len(texts(page, Role.FURNITURE)) == 1


def test_a_sentence_that_ends_every_page_is_content() -> None:
    made = pymupdf.open()
    for n in range(4):
        page = made.new_page()
        for row in range(50):
            words = f"Line {row} of letter {n * 7}" if row < 49 else "Payment falls due in May."
            page.insert_text((60, 100 + 14 * row), words)
    for page in pages_of(made):
        assert line_with(page, "Payment").role is Role.BODY


def test_a_table_at_the_top_of_every_page_is_kept() -> None:
    made = pymupdf.open()
    for n in range(4):
        page = made.new_page()
        for row in range(6):
            y = 60 + 14 * row
            page.insert_text((60, y), ("Revenue", "Costs", "Taxes", "Fees", "Rent", "Gain")[row])
            page.insert_text((300, y), f"{n + row * 7},{100 + n * row}")
            page.insert_text((400, y), f"{n + row * 9},{200 + n * row}")
    for page in pages_of(made):
        assert len(texts(page, Role.TABLE)) == 6


def test_the_running_header_of_a_book_page() -> None:
    made = document([(60, 50, "400"), (220, 50, "BRITISH HUSBANDRY."), (480, 50, "[Ch. XIX.")])
    paragraph(made[0], 60, 80, 450, 30)
    (page,) = pages_of(made)
    assert texts(page, Role.FURNITURE) == ["400 BRITISH HUSBANDRY. [Ch. XIX."]


def test_a_download_stamp_is_furniture() -> None:
    made = document([(60, 810, "Download date: 28 Dec 2018")])
    paragraph(made[0], 60, 80, 450, 10)
    (page,) = pages_of(made)
    assert texts(page, Role.FURNITURE) == ["Download date: 28 Dec 2018"]


def test_headings_rank_by_size_weight_and_number() -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((60, 60), "The Title", fontsize=24, fontname="hebo")
    y = 100
    for text, size in (("1 Beginning", 16), ("1.1 Detail", 12), ("Aside", 10)):
        page.insert_text((60, y), text, fontsize=size, fontname="hebo")
        paragraph(page, 60, y + 30, 400, 4)
        y += 120
    (read,) = pages_of(made)
    levels = {line.text: line.level for line in read.lines if line.role is Role.HEADING}
    assert levels == {"The Title": 1, "1 Beginning": 2, "1.1 Detail": 3, "Aside": 4}
    assert all(line.level == 0 for line in read.lines if line.role is not Role.HEADING)


def test_a_clause_title_set_like_its_text() -> None:
    made = document([(60, 100, "4. Term and Termination")], size=10)
    paragraph(made[0], 60, 130, 400, 4)
    made[0].insert_text((60, 220), "5. First Item", fontsize=10)
    made[0].insert_text((60, 232), "6. Second Item", fontsize=10)
    (read,) = pages_of(made)
    assert texts(read, Role.HEADING) == ["4. Term and Termination"]


def test_numbers_rank_headings_of_one_style() -> None:
    made = pymupdf.open()
    page = made.new_page()
    for n, text in enumerate(("2. Terms", "2.1. Money", "2.1.3. Late Money", "3. Other")):
        page.insert_text((60, 100 + 100 * n), text, fontsize=10, fontname="hebo")
        paragraph(page, 60, 125 + 100 * n, 400, 4)
    (read,) = pages_of(made)
    assert [line.level for line in read.lines if line.role is Role.HEADING] == [1, 2, 3, 1]


def test_captions_and_mentions() -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((60, 80), "Figure 2: How the pages are read.", fontsize=9)
    paragraph(page, 60, 120, 400, 3)
    page.insert_text(
        (60, 180), "Table 3 shows what was found in the pages that were read.", fontsize=10
    )
    (read,) = pages_of(made)
    assert line_with(read, "Figure 2").role is Role.CAPTION
    assert line_with(read, "Table 3 shows").role is Role.BODY


def test_chapter_titles_are_no_running_header() -> None:
    pages = []
    for n in range(1, 6):
        pages.append([(60, 60, f"ARTICLE {n}"), (60, 200, f"Text of article {n}.")])
        pages += [[(60, 200, f"More of article {n}, page {m}.")] for m in range(3)]
    for page in pages_of(document(*pages)):
        assert not texts(page, Role.FURNITURE)


def test_furniture_of_ocred_pages() -> None:
    def line(y: float, text: str, width: float) -> Line:
        return Line(text, Box(60, y, 60 + width, y + 12), source=TextSource.OCR, confidence=0.9)

    prose = "A line of prose that goes on over the whole width"
    book = Page(1, 600, 800, (line(30, "400 BRITISH HUSBANDRY.", 480), *(
        line(60 + 14 * n, prose, 480) for n in range(20))))  # fmt: skip
    (marked,) = mark_ocr_furniture([book])
    assert texts(marked, Role.FURNITURE) == ["400 BRITISH HUSBANDRY."]
    report = [
        Page(n, 600, 800, (line(20, "Quarterly report", 90), line(400, prose, 480)))
        for n in range(1, 5)
    ]
    assert all(texts(p, Role.FURNITURE) == ["Quarterly report"] for p in mark_ocr_furniture(report))
    assert mark_ocr_furniture([]) == ()
