"""Whole documents: order, progress, damage, and what the file says about itself."""

from __future__ import annotations

import pymupdf
import pytest
from pdf_making import document, pages_of, texts

from ingest.pdf import file_info, read_document
from ingest.pdf.info import clean_title
from ingest.types import Page


def test_pages_come_in_order_with_progress() -> None:
    made = document(*[[(60, 100, f"Record {n}")] for n in range(1, 8)])
    seen: list[tuple[int, int]] = []
    pages = list(read_document(made, lambda done, total: seen.append((done, total))))
    assert [page.number for page in pages] == list(range(1, 8))
    assert seen == [(n, 7) for n in range(1, 8)]


def test_a_document_without_pages() -> None:
    made = pymupdf.open()
    assert list(read_document(made)) == []
    assert file_info(made).page_count == 0


def test_a_broken_page_is_unreadable_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made = document([(60, 100, "one")], [(60, 100, "two")], [(60, 100, "three")])
    genuine = pymupdf.Page.get_textpage

    def broken(page: pymupdf.Page, *args: object, **named: object) -> object:
        if page.number == 1:
            raise RuntimeError("cannot find object in xref")
        return genuine(page, *args, **named)

    monkeypatch.setattr(pymupdf.Page, "get_textpage", broken)
    pages = pages_of(made)
    assert [texts(page) for page in pages] == [["one"], [], ["three"]]
    assert "cannot find object" in pages[1].unreadable
    assert not pages[0].unreadable


def test_a_page_that_cannot_be_drawn_keeps_its_text_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = pymupdf.open()
    page = made.new_page()
    for n in range(40):
        page.draw_line((100 + 5 * n, 100), (110 + 5 * n, 140), width=2)

    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ingest.pdf.reader.page_pixels", broken)
    (read,) = list(read_document(made))
    assert isinstance(read, Page)
    assert "cannot be drawn" in read.unreadable


def test_damaged_bytes_are_read_as_far_as_possible() -> None:
    data = document([(60, 100, "Still here")]).tobytes()
    made = pymupdf.open("pdf", data[: data.rindex(b"xref")])
    assert texts(pages_of(made)[0]) == ["Still here"]
    assert any("damaged" in warning for warning in file_info(made).warnings)


def test_what_a_file_says_about_itself() -> None:
    made = document([(60, 100, "text")])
    made.set_metadata(
        {
            "title": "Microsoft Word - Lease of the Old Mill.docx",
            "author": "A. Writer",
            "creationDate": "D:20230704120000+02'00'",
        }
    )
    info = file_info(made)
    assert (info.media_type, info.page_count) == ("application/pdf", 1)
    assert (info.title, info.author, info.created) == ("", "A. Writer", "2023-07-04")
    assert info.warnings == ()


@pytest.mark.parametrize(
    ("stated", "title"),
    [
        ("Microsoft Word - Lease of the Old Mill", "Lease of the Old Mill"),
        ("Lease.docx", ""),
        ("C:\\temp\\lease final.pdf", ""),
        ("untitled", ""),
        ("PowerPoint Presentation", ""),
        ("a_file_name_v2", ""),
        ("DOC2022", ""),
        ("Annual  Report\x00 2023", "Annual Report 2023"),
        ("Über uns", "Über uns"),
        ("", ""),
    ],
)
def test_clean_title(stated: str, title: str) -> None:
    assert clean_title(stated) == title


def test_the_largest_text_of_the_first_page_is_the_title() -> None:
    made = document([(60, 150, "Body text that says something.")])
    made[0].insert_text((60, 80), "A Protocol", fontsize=22)
    made[0].insert_text((60, 106), "for Everyone", fontsize=22)
    assert file_info(made).title == "A Protocol for Everyone"
    assert file_info(document([(60, 100, "All one size."), (60, 120, "No title.")])).title == ""


def test_a_filing_is_named_after_its_company() -> None:
    made = document([
        (60, 60, "UNITED STATES"), (60, 80, "SECURITIES AND EXCHANGE COMMISSION"),
        (60, 110, "FORM 10-K"), (60, 130, "For the fiscal year ended January 28, 2023"),
        (60, 160, "ACME WIDGETS, INC."),
        (60, 180, "(Exact name of registrant as specified in its charter)"),
    ])  # fmt: skip
    assert file_info(made).title == (
        "ACME WIDGETS, INC., FORM 10-K, fiscal year ended January 28, 2023"
    )


def test_warnings_of_scripts_attachments_and_permissions() -> None:
    made = document([(60, 100, "text")])
    made.embfile_add("a.txt", b"attached")
    script = made.get_new_xref()
    made.update_object(script, "<</S /JavaScript /JS (app.alert\\(1\\))>>")
    made.xref_set_key(made.pdf_catalog(), "OpenAction", f"{script} 0 R")
    data = made.tobytes(
        encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="owner", permissions=pymupdf.PDF_PERM_PRINT
    )
    warnings = " ".join(file_info(pymupdf.open("pdf", data)).warnings)
    assert "JavaScript" in warnings
    assert "1 attached file" in warnings
    assert "copying" in warnings


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    data = document([(60, 100, "text")]).tobytes()
    made = pymupdf.open("pdf", data.replace(b"endstream", b"endsterm", 1))
    list(read_document(made))
    assert capfd.readouterr() == ("", "")
