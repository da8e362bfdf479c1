"""Pages with figures for the tests: charts, pictures, tables and scans, drawn here."""

from __future__ import annotations

import io

import numpy as np
import pymupdf
from PIL import Image, ImageDraw

from ingest.types import Box

BARS = ((110, 60), (160, 120), (210, 90), (260, 150))
CHART = Box(100.0, 200.0, 320.0, 380.0)
PROSE = (
    "The ferry made fewer crossings in the winter, as it does every year.",
    "Its crew was paid all the same, and the harbour dues did not change.",
    "What was left of the fuel went into the tanks of the small cutter.",
)


def bar_chart(page: pymupdf.Page, box: Box = CHART, colour: float = 0.2) -> None:
    """Axes, four bars and their labels."""
    page.draw_line((box.x0, box.y0), (box.x0, box.y1))
    page.draw_line((box.x0, box.y1), (box.x1, box.y1))
    for n, (x, high) in enumerate(BARS):
        left = box.x0 + x - 100
        page.draw_rect(
            pymupdf.Rect(left, box.y1 - high, left + 30, box.y1), fill=(colour, 0.3, 0.7), width=0
        )
        page.insert_text((left, box.y1 + 12), f"Q{n + 1}", fontsize=8)


def prose(page: pymupdf.Page, y: float, x: float = 72.0) -> None:
    """A paragraph of three lines."""
    for n, line in enumerate(PROSE):
        page.insert_text((x, y + 14 * n), line, fontsize=11)


def ruled_table(page: pymupdf.Page, y: float = 200.0) -> None:
    """A table with rules and shaded rows."""
    for row in range(6):
        top = y + 18 * row
        if row % 2:
            page.draw_rect(pymupdf.Rect(72, top, 472, top + 18), fill=(0.85, 0.92, 1.0), width=0)
        page.draw_line((72, top), (472, top))
        for column in range(4):
            text = f"Item {row}" if column == 0 else f"{row * 100 + column:,}.00"
            page.insert_text((76 + 100 * column, top + 13), text, fontsize=10)
    for column in range(5):
        page.draw_line((72 + 100 * column, y), (72 + 100 * column, y + 108))


def picture(width: int = 300, height: int = 200, text: str = "") -> bytes:
    """A PNG of coloured noise, with a few words on it if asked for."""
    rng = np.random.default_rng(7)
    pixels = rng.integers(90, 220, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    image = Image.fromarray(pixels).resize((width, height))
    if text:
        draw = ImageDraw.Draw(image)
        draw.rectangle((10, 10, width - 10, 70), fill="white")
        draw.text((20, 20), text, fill="black", font_size=36)
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    return encoded.getvalue()


def report(title: str = "Figure 1: Crossings of the ferry by quarter") -> pymupdf.Document:
    """Two pages: a chart with a caption, and text that refers to it."""
    document = pymupdf.open()
    page = document.new_page(width=500, height=700)
    prose(page, 100)
    bar_chart(page)
    page.insert_text((100, 420), title, fontsize=10)
    prose(page, 480)
    page = document.new_page(width=500, height=700)
    page.insert_text((72, 100), "As Figure 1 shows, the third quarter was weak.", fontsize=11)
    prose(page, 200)
    return document


def turned(
    document: pymupdf.Document, rotation: int, crop: tuple[float, float, float, float] | None = None
) -> pymupdf.Document:
    """The document with every page turned, and cut to ``crop`` in points of the unturned page."""
    copy = pymupdf.open("pdf", document.tobytes())
    for page in copy:
        if crop is not None:
            page.set_cropbox(pymupdf.Rect(crop))
        page.set_rotation(rotation)
    return pymupdf.open("pdf", copy.tobytes())


def place_on(page: pymupdf.Page, box: Box) -> Box:
    """Where a box of the page as it was drawn lies on the page as it is shown."""
    moved = pymupdf.Rect(box) - pymupdf.Rect(*page.cropbox.tl, *page.cropbox.tl)
    rect = moved * page.rotation_matrix
    return Box(rect.x0, rect.y0, rect.x1, rect.y1)
