"""Text that a page hides stands in no line; text that only looks as if it did stays.

What is hidden in earnest is tried by ``tests/injection``; here is what must not be taken for it.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pymupdf
import pytest
from pdf_making import LOREM, images_of, pages_of, texts
from PIL import Image, ImageDraw, ImageFont

from ingest.pdf import file_info, reader
from ingest.pdf.paints import read_paints
from ingest.types import Page
from tests import figure_pages as made

WORDS = "These words stand on the page for all to see"
WHITE, BLACK, YELLOW = (1, 1, 1), (0, 0, 0), (1, 1, 0)
BAR = pymupdf.Rect(60, 184, 400, 208)
AT = (72, 200)

Draw = Callable[[pymupdf.Page], None]


def page_with(*draw: Draw) -> pymupdf.Document:
    document = pymupdf.open()
    page = document.new_page(width=500, height=700)
    for n in range(6):
        page.insert_text((72, 400 + 15 * n), LOREM[60 * n : 60 * n + 60], fontsize=10)
    for step in draw:
        step(page)
    return pymupdf.open("pdf", document.tobytes())


def words(**options: object) -> Draw:
    return lambda page: page.insert_text(AT, WORDS, **{"fontsize": 11, **options})


def bar(colour: tuple[float, float, float], **options: object) -> Draw:
    return lambda page: page.draw_rect(BAR, color=colour, fill=colour, **options)


def shade(page: pymupdf.Page) -> None:
    """A picture that is dark where the words are."""
    dark = Image.new("RGB", (340, 24), (20, 30, 60))
    data = io.BytesIO()
    dark.save(data, "PNG")
    page.insert_image(BAR, stream=data.getvalue())


def highlight(page: pymupdf.Page) -> None:
    page.add_highlight_annot(pymupdf.Rect(72, 188, 320, 204))


def strike(page: pymupdf.Page) -> None:
    page.draw_line((72, 196), (320, 196), width=1.5)


def clipped(page: pymupdf.Page) -> None:
    """The upper half of the letters is cut off, which leaves them to be read."""
    text = f"q 60 496 400 12 re W n BT /helv 11 Tf 72 500 Td ({WORDS}) Tj ET Q"
    pymupdf.TOOLS._insert_contents(page, text.encode(), 1)


def outlined(page: pymupdf.Page) -> None:
    page.insert_text(AT, WORDS, fontsize=16, render_mode=1)


def pattern(page: pymupdf.Page) -> None:
    """The letters are a clip through which a bar is painted."""
    text = f"q BT /helv 11 Tf 7 Tr 72 500 Td ({WORDS}) Tj ET 1 0 0 rg 0 400 500 200 re f Q"
    pymupdf.TOOLS._insert_contents(page, text.encode(), 1)


SEEN = {
    "white on a dark bar": (bar((0.1, 0.2, 0.5)), words(color=WHITE)),
    "white on a dark picture": (shade, words(color=WHITE)),
    "pale grey, a watermark": (words(color=(0.8, 0.8, 0.8)),),
    "on a yellow bar": (bar(YELLOW), words()),
    "highlighted": (words(), highlight),
    "under a veil": (words(), bar(YELLOW, fill_opacity=0.4)),
    "struck through": (words(), strike),
    "small print": (words(fontsize=3),),
    "half clipped": (clipped,),
    "outlined": (outlined,),
    "a clip for something painted": (pattern,),
    "twice, with a white shadow": (
        lambda page: page.insert_text((73, 201), WORDS, fontsize=11, color=WHITE),
        words(),
    ),
    "over a bar that hides other words": (
        lambda page: page.insert_text(AT, "What stood there before", fontsize=11),
        bar(WHITE),
        words(),
    ),
    "faint": (words(fill_opacity=0.3),),
    "on a page that is black": (
        lambda page: page.draw_rect(page.rect, color=BLACK, fill=BLACK, overlay=False),
        words(color=WHITE),
    ),
}


@pytest.mark.parametrize("rotation", [0, 90, 270])
@pytest.mark.parametrize("draw", SEEN.values(), ids=SEEN.keys())
def test_what_can_be_seen_stays(draw: tuple[Draw, ...], rotation: int) -> None:
    document = page_with(*draw)
    document[0].set_rotation(rotation)
    (page,) = pages_of(document)
    assert [text for text in texts(page) if WORDS in text] == [WORDS]


def test_what_was_replaced_under_a_bar_is_gone() -> None:
    (page,) = pages_of(page_with(*SEEN["over a bar that hides other words"]))
    assert "before" not in "\n".join(texts(page))
    assert page.unseen == ("What stood there before",)


@pytest.mark.parametrize("draw", [words(color=WHITE), words(render_mode=3), words(fontsize=0.5)])
def test_what_is_hidden_is_told_and_stands_nowhere(draw: Draw) -> None:
    (page,) = pages_of(page_with(draw))
    assert WORDS not in "\n".join(texts(page))
    assert page.unseen == (WORDS,)
    assert any("Lorem" in text for text in texts(page))


def test_a_hidden_word_amid_a_line_is_taken_out_of_it() -> None:
    document = page_with(
        lambda page: page.insert_htmlbox(
            pymupdf.Rect(60, 100, 460, 140),
            'The dose is 5 mg <span style="color:white">not really</span> once a day.',
        )
    )
    (page,) = pages_of(document)
    (line,) = [text for text in texts(page) if "dose" in text]
    assert line.split() == "The dose is 5 mg once a day.".split()


def test_hidden_text_does_not_become_the_title() -> None:
    document = page_with(
        lambda page: page.insert_text((60, 60), "A false title", fontsize=30, color=WHITE),
        lambda page: page.insert_text((60, 120), "The true title", fontsize=20),
    )
    assert file_info(document).title == "The true title"


def scan(layer: tuple[tuple[float, str], ...], pages: int = 1) -> pymupdf.Document:
    """Pages with three lines in the picture, and an invisible layer at the given heights."""
    paper = Image.new("L", (1000, 1400), 255)
    pen = ImageDraw.Draw(paper)
    for n, text in enumerate(made.PROSE):
        pen.text((144, 180 + 60 * n), text, fill=0, font=ImageFont.load_default(26))
    data = io.BytesIO()
    paper.save(data, "PNG")
    document = pymupdf.open()
    for _ in range(pages):
        page = document.new_page(width=500, height=700)
        page.insert_image(page.rect, stream=data.getvalue())
        for y, text in layer:
            page.insert_text((72, y), text, fontsize=11, render_mode=3)
    return pymupdf.open("pdf", document.tobytes())


LAYER = tuple((103 + 30 * n, text) for n, text in enumerate(made.PROSE))


def test_the_layer_of_a_scan_is_no_secret() -> None:
    (image,) = images_of(scan(LAYER))
    assert image.layered and image.fallback is not None
    assert texts(image.fallback) == list(made.PROSE)
    assert image.fallback.unseen == ()


@pytest.mark.parametrize("pages", [1, 25])
def test_a_layer_over_blank_paper_is(pages: int) -> None:
    """Few pages are read again by OCR; of many the layer itself is taken."""
    document = scan((*LAYER, (500, "Nothing of this is on the paper")), pages)
    for page in reader.read_document(document):
        read = page if isinstance(page, Page) else page.fallback
        assert read is not None
        assert read.unseen == ("Nothing of this is on the paper",)
        assert texts(read) == list(made.PROSE)


def test_text_under_the_image_of_a_scan_is_its_layer() -> None:
    document = scan(())
    for y, text in LAYER:
        document[0].insert_text((72, y), text, fontsize=11, overlay=False)
    (image,) = images_of(pymupdf.open("pdf", document.tobytes()))
    assert image.layered and image.fallback is not None
    assert texts(image.fallback) == list(made.PROSE)


def test_a_page_that_cannot_be_looked_at_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_SLOW_FILE", -100.0)
    (page,) = pages_of(page_with(words(color=WHITE), words(fontsize=0.5)))
    assert page.hurried
    assert page.unseen == (WORDS,)  # what is tiny needs no picture


def test_a_page_of_very_many_shapes_is_drawn_to_be_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.pdf.paints.MOST_PAINTS", 5)
    document = page_with(words(color=WHITE), strike)
    assert not read_paints(document[0]).whole
    (page,) = pages_of(document)
    assert page.hurried and page.unseen == (WORDS,)
    assert any("Lorem" in text for text in texts(page))
