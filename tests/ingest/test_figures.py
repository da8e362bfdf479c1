"""Figures with their captions, the words in and around them, and what refers to them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw

from ingest.captions import captions_of, label_of
from ingest.clusters import area, clusters, common, components
from ingest.figure_chunks import figure_chunks
from ingest.figures import find_figures
from ingest.inked import ink_regions
from ingest.types import Box, Figure, FigureKind, GraphicKind, Line, Page, Role
from tests import figure_pages as made

sys.path.insert(0, str(Path(__file__).parent / "pdf"))
from pdf_making import pages_of


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def test_a_figure_has_caption_words_inside_and_references() -> None:
    (figure,) = find_figures(pages_of(made.report()))
    assert (figure.page, figure.kind, figure.label) == (1, FigureKind.CHART, "figure 1")
    assert figure.caption == "Figure 1: Crossings of the ferry by quarter"
    assert "Q1" in " ".join(line.text for line in figure.inside)
    assert figure.box.y1 > 420  # the caption is cut out with it
    assert figure.box.y1 < 470  # the paragraph below is not
    assert figure.references == ("As Figure 1 shows, the third quarter was weak.",)
    assert figure.reference_places[0].page == 2
    assert "harbour dues" in figure.around


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Figure 3: Results", "figure 3"),
        ("FIG. 2.1 Overview", "figure 2.1"),
        ("Abbildung 4 – Ergebnis", "abbildung 4"),
        ("Abb. 4: Ergebnis", "abbildung 4"),
        ("Chart 7", "chart 7"),
        ("Figure 3 shows what was found.", None),
        ("Table 2. Sums", "table 2"),
        ("Figures in thousands", None),
    ],
)
def test_captions_are_told_from_sentences(text: str, label: str | None) -> None:
    found = captions_of([Line(text, Box(0, 0, 100, 10), Role.BODY, 1)])
    assert [caption.label for caption in found] == ([label] if label else [])


def test_one_label_for_all_its_forms() -> None:
    assert {label_of("Figs.", "3a"), label_of("FIGURE", "3"), label_of("fig", "3")} == {"figure 3"}


def test_a_picture_of_a_table_is_a_figure_and_a_table_of_text_is_none() -> None:
    document = pymupdf.open()
    page = document.new_page(width=500, height=700)
    page.insert_text((100, 290), "Table 1: Dues of the harbour", fontsize=10)
    page.insert_image(pymupdf.Rect(100, 300, 400, 500), stream=made.picture())
    made.prose(page, 560)
    page = document.new_page(width=500, height=700)
    page.insert_text((72, 190), "Table 2: Dues of the ferry", fontsize=10)
    made.ruled_table(page)
    (figure,) = find_figures(pages_of(document))
    assert (figure.kind, figure.label, figure.page) == (FigureKind.TABLE, "table 1", 1)


def test_a_signature_and_a_panel_of_two_charts() -> None:
    document = pymupdf.open()
    page = document.new_page(width=500, height=700)
    made.prose(page, 100)
    page.insert_text((80, 440), "Signature:", fontsize=11)
    page.insert_image(
        pymupdf.Rect(140, 400, 300, 450), stream=made.picture(320, 100), keep_proportion=False
    )
    page = document.new_page(width=500, height=700)
    made.prose(page, 100)
    made.bar_chart(page, Box(60, 200, 230, 380))
    made.bar_chart(page, Box(250, 200, 420, 380), colour=0.6)
    signature, panels = find_figures(pages_of(document))
    assert signature.kind is FigureKind.SIGNATURE
    assert panels.kind is FigureKind.CHART and panels.box.x0 < 62 and panels.box.x1 > 400


def scan(*, table: bool = False) -> tuple[np.ndarray, list[Line]]:
    """A scanned page of 400 by 500 points: text lines, and a drawing or a ruled table."""
    image = Image.new("L", (800, 1000), 245)
    draw = ImageDraw.Draw(image)
    lines = []
    for n in range(8):
        y = 80 + 40 * n
        for x in range(80, 700, 12):
            draw.rectangle((x, y, x + 7, y + 16), fill=20)
        lines.append(Line("words of a line", Box(38, y / 2 - 1, 356, y / 2 + 9)))
    if table:
        for y in range(560, 900, 60):
            draw.line((80, y, 700, y), fill=0, width=3)
        for x in range(80, 760, 155):
            draw.line((x, 560, x, 860), fill=0, width=3)
    else:
        for n in range(40):
            draw.ellipse((150 + 9 * n, 600, 260 + 9 * n, 600 + 5 * n + 40), outline=0, width=3)
    return np.asarray(image), lines


def test_ink_that_is_no_text_is_found_on_a_scan() -> None:
    pixels, lines = scan()
    (region,) = ink_regions(pixels, 400, 500, lines)
    assert region.kind is GraphicKind.INK
    expected = Box(75, 300, 305, 420)
    assert common(region.box, expected) > 0.9 * area(expected)
    in_colour = np.repeat(pixels[:, :, None], 3, axis=2)
    assert ink_regions(in_colour, 400, 500, lines) == (region,)


def test_rules_and_text_alone_are_no_picture() -> None:
    pixels, lines = scan(table=True)
    assert all(r.kind is GraphicKind.FRAME for r in ink_regions(pixels, 400, 500, lines))
    blank = np.full((50, 40), 250, np.uint8)
    assert ink_regions(blank, 40, 50, []) == ()
    assert ink_regions(blank[:1, :1], 1, 1, []) == ()


def test_chunks_of_figures_keep_apart_and_within_the_window() -> None:
    box = Box(1, 2, 30, 40)
    inside = tuple(Line(f"label {n}\t\t{n}", box) for n in range(200))
    figures = [
        Figure(1, box, FigureKind.CHART, "figure 1", "Figure 1: Fish", inside, "beside", ("see",)),
        Figure(1, box, FigureKind.PICTURE),
        Figure(2, box, FigureKind.PICTURE, around="the old harbour"),
    ]
    first, last = figure_chunks(figures, [], "Report", words)
    assert (first.figure, last.figure) == (0, 2)
    assert last.ordinal - first.ordinal > 1
    assert len(first.search_text.split()) <= 254
    assert {line.box for line in first.lines} == {box}
    assert first.text.startswith("Figure 1: Fish\nlabel 0\t0\n")
    assert all(first.text[x.start : x.end] == part for x, part in
               zip(first.lines, first.text.split("\n"), strict=True))  # fmt: skip
    assert last.text == "" and "old harbour" in last.search_text and last.pages == (2,)


def test_clusters_join_what_is_near() -> None:
    boxes = [Box(10, 10, 20, 20), Box(25, 10, 40, 20), Box(200, 200, 220, 220)]
    assert sorted(map(sorted, clusters(boxes, 300, 300, 9))) == [[0, 1], [2]]
    assert len(clusters(boxes, 300, 300, 1)) == 3
    assert clusters([], 300, 300, 1) == []


def test_components_of_shapes_that_close_late() -> None:
    mask = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 0, 1], [0, 0, 0, 0, 1]], bool)
    labels = components(mask)
    assert labels[0, 0] == labels[0, 2] != labels[0, 4]
    assert (labels[~mask] == 0).all() and len(np.unique(labels)) == 3


def test_a_page_without_anything_has_no_figures() -> None:
    assert find_figures([Page(1, 100, 100, ())]) == []
    assert find_figures([]) == []
