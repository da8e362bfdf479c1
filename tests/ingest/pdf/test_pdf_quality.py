"""When a page's text is not trusted and its pixels are wanted instead."""

from __future__ import annotations

import numpy as np
import pymupdf
import pytest
from pdf_making import LOREM, document, images_of, pages_of, paragraph

from ingest.pdf import read_document
from ingest.pdf.quality import odd_words
from ingest.types import Page, PageImage


def scan(width: int = 850, height: int = 1100, text: str = "Scanned words") -> bytes:
    """A picture of a page, as PNG."""
    made = pymupdf.open()
    page = made.new_page(width=612, height=792)
    for n in range(20):
        page.insert_text((60, 100 + 30 * n), text, fontsize=14)
    return page.get_pixmap(matrix=pymupdf.Matrix(width / 612, height / 792)).tobytes("png")


def scanned_page(made: pymupdf.Document) -> pymupdf.Page:
    page = made.new_page(width=612, height=792)
    page.insert_image(page.rect, stream=scan())
    return page


def test_a_scan_comes_as_pixels_in_its_own_resolution() -> None:
    made = pymupdf.open()
    scanned_page(made)
    (image,) = images_of(made)
    assert image.pixels.shape == (1100, 850, 3)
    assert image.pixels.dtype == np.uint8
    assert (image.width, image.height) == (612, 792)
    assert image.fallback is None
    assert image.reason


def test_pixels_show_the_page_as_it_is_turned() -> None:
    made = pymupdf.open()
    scanned_page(made).set_rotation(90)
    (image,) = images_of(made)
    assert image.pixels.shape == (850, 1100, 3)
    assert (image.width, image.height) == (792, 612)


def test_pages_are_judged_one_by_one() -> None:
    made = pymupdf.open()
    paragraph(made.new_page(), 60, 100, 400, 10)
    scanned_page(made)
    paragraph(made.new_page(), 60, 100, 400, 10)
    kinds = [type(page) for page in read_document(made)]
    assert kinds == [Page, PageImage, Page]


@pytest.mark.parametrize("white", [False, True])
def test_a_blank_page_is_empty_and_readable(white: bool) -> None:
    made = pymupdf.open()
    page = made.new_page()
    if white:
        page.insert_image(page.rect, pixmap=pymupdf.Pixmap(pymupdf.csRGB, (0, 0, 50, 50), 0))
        made = pymupdf.open()
        page = made.new_page()
        page.draw_rect(page.rect, color=(1, 1, 1), fill=(1, 1, 1))
    (read,) = pages_of(made)
    assert read.lines == () and read.unreadable == ""


def test_outlines_without_text_need_ocr() -> None:
    made = pymupdf.open()
    page = made.new_page()
    for n in range(40):
        page.draw_line((100 + 5 * n, 100), (110 + 5 * n, 140), width=2)
    assert len(images_of(made)) == 1


def test_a_scan_in_strips_is_a_scan() -> None:
    made = pymupdf.open()
    page = made.new_page(width=612, height=792)
    for n in range(8):
        page.insert_image(
            (0, 99 * n, 612, 99 * (n + 1)), stream=scan(1700, 275), keep_proportion=False
        )
    page.insert_text((60, 30), "Case 1:20-cv-01234 Filed 01/02/20 Page 3 of 10")
    (image,) = images_of(made)
    assert image.pixels.shape == (2200, 1700, 3)


def test_a_stamp_on_a_scan_does_not_hide_that_it_is_one() -> None:
    made = pymupdf.open()
    scanned_page(made).insert_text((60, 30), "Case 1:20-cv-01234 Filed 01/02/20 Page 3 of 10")
    (image,) = images_of(made)
    assert image.fallback is not None
    assert "Case 1:20" in image.fallback.lines[0].text


def test_good_ocr_layers_are_kept_unless_they_are_few() -> None:
    made = pymupdf.open()
    page = scanned_page(made)
    for n in range(20):
        page.insert_text((60, 100 + 30 * n), LOREM[:60], fontsize=14, render_mode=3)
    (image,) = images_of(made)
    assert image.fallback is not None and len(image.fallback.lines) == 20
    for _ in range(20):
        made.fullcopy_page(0)
    assert len(pages_of(made)) == 21


def test_a_bad_ocr_layer_is_not_kept() -> None:
    bad = pymupdf.open()
    page = scanned_page(bad)
    for n in range(20):
        junk = "tbe q»ick br0wn fcx ju!mps 0v3r xkcdt «lrzy d0g, wh1le Ihe m|ce"
        page.insert_text((60, 100 + 30 * n), junk, fontsize=14, render_mode=3)
    (image,) = images_of(bad)
    assert image.fallback is not None and image.fallback.lines


def test_a_slide_with_a_picture_behind_its_text_is_text() -> None:
    made = pymupdf.open()
    page = scanned_page(made)
    paragraph(page, 60, 200, 400, 10, size=14)
    assert len(pages_of(made)) == 1


def test_letters_that_stand_for_others_need_ocr() -> None:
    shifted = "".join(chr((ord(c) - 96) % 26 + 97) if "a" <= c <= "z" else c for c in LOREM.lower())
    made = pymupdf.open()
    page = made.new_page()
    for n in range(6):
        page.insert_text((40, 100 + 20 * n), shifted[n * 40 : n * 40 + 80], fontsize=10)
    assert len(images_of(made)) == 1


def test_huge_pages_are_capped() -> None:
    made = pymupdf.open()
    page = made.new_page(width=14400, height=14400)
    page.draw_rect((100, 100, 14000, 14000), fill=(0, 0, 0))
    (image,) = images_of(made)
    assert image.pixels.shape[0] * image.pixels.shape[1] <= 12_100_000


def test_small_scans_keep_their_resolution() -> None:
    made = pymupdf.open()
    page = made.new_page(width=180, height=300)
    page.insert_image(page.rect, stream=scan(900, 1500))
    (image,) = images_of(made)
    assert image.pixels.shape == (1500, 900, 3)


def test_odd_words() -> None:
    assert odd_words(LOREM)[0] == 0
    assert odd_words("Revenue rose 4.5% to $1,234 in Q3 2023 (see Note 2-B), per the 10-K.")[0] == 0
    assert odd_words("Größe, naïve, œuvre, McDonald’s and e-mail")[0] < 0.25
    assert odd_words("xkcdt q»ick 0v3r bRoWn")[0] == 1
    assert odd_words("政令第百四十九号 حَبيبي")[1] == 0
    assert odd_words("")[1] == 0


def test_text_of_a_document_is_not_ocred() -> None:
    made = document([(60, 100, "7"), (60, 130, "A-3")])
    assert len(pages_of(made)) == 1
