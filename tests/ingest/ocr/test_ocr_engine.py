"""The OCR engine on pages drawn here: text, order, and boxes that lie on the ink."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from ingest.ocr.engine import OcrEngine
from ingest.types import Box, Page, TextSource

WIDTH, HEIGHT, SCALE = 600.0, 400.0, 2  # points, points, pixels a point
ROWS = (
    "The patient was seen on Monday.",
    "Blood pressure 120 over 80.",
    "No known allergies were found.",
    "Follow up within six weeks.",
)
LEFT = (
    "The first column tells the",
    "story of a small harbour and",
    "of the ships that called there",
    "until the winter storms came",
    "and closed it for the season.",
)
RIGHT = (
    "The second column follows",
    "after it and speaks of trains",
    "which carried all the goods",
    "over the mountains instead",
    "and made the harbour idle.",
)


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    return OcrEngine(1)


def draw(places: list[tuple[float, float, str]]) -> tuple[Image.Image, list[Box]]:
    """A white page with text at the given points, and the boxes of its ink in points."""
    page = Image.new("RGB", (int(WIDTH) * SCALE, int(HEIGHT) * SCALE), "white")
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(17 * SCALE)
    boxes = []
    for x, y, text in places:
        pen.text((x * SCALE, y * SCALE), text, fill="black", font=font)
        ink = pen.textbbox((x * SCALE, y * SCALE), text, font=font)
        boxes.append(Box(*(side / SCALE for side in ink)))
    return page, boxes


def rows() -> list[tuple[float, float, str]]:
    return [(60, 60 + 60 * i, text) for i, text in enumerate(ROWS)]


def read(engine: OcrEngine, image: Image.Image) -> Page:
    return engine.read(np.asarray(image), image.width / SCALE, image.height / SCALE, 3)


def wrong(page: Page, text: str) -> float:
    """Character error rate, white space set aside."""
    found = "".join("".join(line.text for line in page.lines).split())
    wanted = "".join(text.split())
    return Levenshtein.distance(found, wanted) / len(wanted)


def test_upright_page(engine: OcrEngine) -> None:
    image, ink = draw(rows())
    page = read(engine, image)
    assert (page.number, page.width, page.height) == (3, WIDTH, HEIGHT)
    assert len(page.lines) == len(ROWS)
    assert wrong(page, "".join(ROWS)) < 0.03
    for line, box in zip(page.lines, ink, strict=True):
        assert line.source is TextSource.OCR
        assert line.confidence is not None and line.confidence > 0.9
        assert_covers(line.box, box)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_page(engine: OcrEngine, quarters: int) -> None:
    image, ink = draw(rows())
    page = read(engine, image.rotate(90 * quarters, expand=True))
    assert wrong(page, "".join(ROWS)) < 0.03
    for line, box in zip(page.lines, ink, strict=True):
        assert_covers(line.box, turned(box, quarters))


@pytest.mark.parametrize("degrees", [3.0, -3.0, 8.0])
def test_skewed_page(engine: OcrEngine, degrees: float) -> None:
    image, ink = draw(rows())
    skewed = image.rotate(
        degrees, expand=False, fillcolor="white", resample=Image.Resampling.BICUBIC
    )
    page = read(engine, skewed)
    assert len(page.lines) == len(ROWS)
    assert wrong(page, "".join(ROWS)) < 0.03
    for line, box in zip(page.lines, ink, strict=True):
        assert_covers(line.box, skewed_box(box, degrees))


def test_columns_are_read_one_after_the_other(engine: OcrEngine) -> None:
    places: list[tuple[float, float, str]] = [(60, 30, "A heading above both of the columns")]
    places += [(40, 90 + 30 * i, text) for i, text in enumerate(LEFT)]
    places += [(320, 90 + 30 * i, text) for i, text in enumerate(RIGHT)]
    image, _ = draw(places)
    page = read(engine, image)
    assert wrong(page, "".join(text for _, _, text in places)) < 0.03
    assert len({line.block for line in page.lines}) == 3


def test_rows_of_a_receipt_stay_together(engine: OcrEngine) -> None:
    items = [("Bread", "2.50"), ("Butter and milk", "4.10"), ("Apples", "3.30"), ("Sum", "9.90")]
    places: list[tuple[float, float, str]] = []
    for i, (name, price) in enumerate(items):
        places += [(40, 60 + 60 * i, name), (420, 60 + 60 * i, price)]
    image, _ = draw(places)
    page = read(engine, image)
    assert [line.text for line in page.lines] == [f"{name}\t{price}" for name, price in items]


def test_empty_page(engine: OcrEngine) -> None:
    image, _ = draw([])
    assert read(engine, image).lines == ()


def turned(box: Box, quarters: int) -> Box:
    """Where a box of the upright page lies after counterclockwise quarter turns."""
    high, wide = HEIGHT, WIDTH
    for _ in range(quarters):
        box = Box(box.y0, wide - box.x1, box.y1, wide - box.x0)
        high, wide = wide, high
    return box


def skewed_box(box: Box, degrees: float) -> Box:
    angle = np.radians(degrees)
    corners = np.array([(x, y) for x in (box.x0, box.x1) for y in (box.y0, box.y1)])
    corners -= (WIDTH / 2, HEIGHT / 2)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = corners @ spin + (WIDTH / 2, HEIGHT / 2)
    return Box(*corners.min(axis=0), *corners.max(axis=0))


def assert_covers(outer: Box, ink: Box) -> None:
    """``outer`` holds the ink but for 3 points, and reaches at most 12 points beyond it."""
    assert outer.x0 <= ink.x0 + 3 and outer.y0 <= ink.y0 + 3, (outer, ink)
    assert outer.x1 >= ink.x1 - 3 and outer.y1 >= ink.y1 - 3, (outer, ink)
    assert outer.x0 >= ink.x0 - 12 and outer.y0 >= ink.y0 - 12, (outer, ink)
    assert outer.x1 <= ink.x1 + 12 and outer.y1 <= ink.y1 + 12, (outer, ink)


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3)])
def test_strange_sizes(engine: OcrEngine, size: tuple[int, int]) -> None:
    assert read(engine, Image.new("RGB", size, "black")).lines == ()
