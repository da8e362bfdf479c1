"""Which graphics of a page may be figures, and where they lie under every rotation."""

from __future__ import annotations

import time

import pymupdf
import pytest
from pdf_making import pages_of

from ingest.clusters import area, common
from ingest.pdf import reader
from ingest.types import Box, GraphicKind, Page
from tests import figure_pages as made


def strong(page: Page) -> list[Box]:
    return [g.box for g in page.graphics if g.kind is not GraphicKind.FRAME]


def test_a_chart_is_a_drawing_and_a_table_is_none() -> None:
    document = made.report()
    made.ruled_table(document.new_page(width=500, height=700))
    chart, _, table = pages_of(document)
    (box,) = strong(chart)
    assert common(box, made.CHART) > 0.9 * area(made.CHART)
    assert area(box) < 1.15 * area(made.CHART)
    assert strong(table) == []


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (60, 150, 460, 640)])
def test_boxes_lie_on_the_chart_after_rotation_and_cropping(
    rotation: int, crop: tuple[float, float, float, float] | None
) -> None:
    document = made.turned(made.report(), rotation, crop)
    page = pages_of(document)[0]
    expected = made.place_on(document[0], made.CHART)
    (box,) = strong(page)
    assert common(box, expected) > 0.9 * area(expected)
    assert area(box) < 1.15 * area(expected)


def test_pictures_count_but_grounds_rules_and_small_ones_do_not() -> None:
    document = pymupdf.open()
    page = document.new_page(width=500, height=700)
    page.insert_image(page.rect, stream=made.picture(60, 84))
    page.insert_image(pymupdf.Rect(100, 300, 300, 450), stream=made.picture())
    page.insert_image(pymupdf.Rect(20, 20, 36, 36), stream=made.picture(40, 40))
    page.draw_line((50, 500), (450, 500))
    made.prose(page, 100)
    made.prose(page, 550)
    (read,) = pages_of(document)
    (box,) = strong(read)
    assert tuple(round(side) for side in box) == (100, 308, 300, 442)


def test_what_stands_on_three_pages_is_a_logo() -> None:
    document = pymupdf.open()
    logo, photo = made.picture(200, 100), made.picture(240, 160)
    for number in range(4):
        page = document.new_page(width=500, height=700)
        page.insert_image(pymupdf.Rect(20, 20, 120, 70), stream=logo)
        made.prose(page, 200)
        if number == 2:
            page.insert_image(pymupdf.Rect(100, 300, 340, 460), stream=photo)
    assert [len(strong(page)) for page in pages_of(document)] == [0, 0, 1, 0]


def test_images_in_strips_are_one() -> None:
    document = pymupdf.open()
    page = document.new_page(width=500, height=700)
    made.prose(page, 100)
    for strip in range(5):
        top = 300 + 30 * strip
        page.insert_image(
            pymupdf.Rect(100, top, 340, top + 30), stream=made.picture(240, 30),
            keep_proportion=False,
        )  # fmt: skip
    (read,) = pages_of(document)
    assert [tuple(round(s) for s in box) for box in strong(read)] == [(100, 300, 340, 450)]


def test_tens_of_thousands_of_shapes_take_no_longer_than_they_may() -> None:
    document = pymupdf.open()
    page = document.new_page(width=500, height=700)
    made.prose(page, 100)
    strokes = " ".join(
        f"{100 + i % 300} {200 + i // 300} m {102 + i % 300} {201 + i // 300} l S"
        for i in range(60_000)
    )
    contents = document.get_new_xref()
    document.update_object(contents, "<<>>")
    document.update_stream(contents, strokes.encode())
    page.set_contents(contents)
    page.insert_text((72, 60), "Survey of the harbour and its surroundings, sheet four")
    began = time.process_time()
    (read,) = pages_of(pymupdf.open("pdf", document.tobytes()))
    assert time.process_time() - began < 10
    assert read.hurried
    assert len(read.graphics) <= 40


def test_a_page_that_is_slow_to_read_is_read_without_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "_SLOW_PAGE", -1.0)
    chart, _ = pages_of(made.report())
    assert chart.hurried and chart.graphics == () and chart.lines
    monkeypatch.undo()
    monkeypatch.setattr(reader, "_SLOW_FILE", -100.0)
    assert [page.hurried for page in pages_of(made.report())] == [True, True]
