"""Turns readings into lines: rows joined, noise dropped, paragraphs and tables told apart.

Knows no pixels: only texts, confidences and where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ingest.ocr.columns import Piece, Row, regions
from ingest.ocr.detect import Quads
from ingest.ocr.recognise import Reading
from ingest.types import Box, Line, Role, TextSource

_EAST_ASIAN = re.compile("[\u3001-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_DOUBTFUL = 0.5  # below this confidence a reading without enough letters is a speck
_WIDE = 1.5  # a gap between cells, in line heights
_APART = 0.75  # extra space between paragraphs, in line heights


def arrange(readings: Sequence[Reading], levelled: Quads, boxes: Sequence[Box]) -> list[Line]:
    """Lines in reading order.

    ``levelled`` (n, 4, 2) are the rectangles of ``readings`` with the slope taken out, in pixels;
    ``boxes`` are the same on the page, in points.
    """
    pieces = [
        Piece(
            float(quad[:, 0].min()),
            float((quad[0, 1] + quad[1, 1]) / 2),
            float(quad[:, 0].max()),
            float((quad[2, 1] + quad[3, 1]) / 2),
            index,
        )
        for index, quad in enumerate(levelled)
        if not _is_noise(readings[index])
    ]
    lines: list[Line] = []
    block = 0
    for region in regions(pieces):
        tables = _table_rows(region)
        for place, row in enumerate(region):
            if place and _breaks(region, place, tables):
                block += 1
            lines.append(_line(row, readings, boxes, block, tables[place]))
        block += 1
    return lines


def _is_noise(reading: Reading) -> bool:
    text = reading.text.strip()
    if not text:
        return True
    letters = sum(character.isalnum() for character in text)
    return reading.confidence < _DOUBTFUL and letters < 3


def _plain(text: str) -> str:
    """Full-width punctuation, which the recogniser also gives to Latin text, as ASCII there."""
    if _EAST_ASIAN.search(text):
        return text
    return _FULL_WIDTH.sub(lambda match: chr(ord(match[0]) - 0xFEE0), text)


def _table_rows(region: Sequence[Row]) -> list[bool]:
    """For each row, whether it belongs to three or more rows of cells in line."""
    height = median(p.height for row in region for p in row)
    cells = [
        len(row) > 1 and any(b.x0 - a.x1 > _WIDE * height for a, b in pairwise(row))
        for row in region
    ]
    result = [False] * len(region)
    start = 0
    for place in range(len(region) + 1):
        if place < len(region) and cells[place]:
            continue
        if place - start >= 3:
            result[start:place] = [True] * (place - start)
        start = place + 1
    return result


def _breaks(region: Sequence[Row], place: int, tables: Sequence[bool]) -> bool:
    """Whether a new block begins at row ``place``."""
    above, here = region[place - 1], region[place]
    if tables[place] != tables[place - 1]:
        return True
    if tables[place]:
        return False
    gap = min(p.y0 for p in here) - max(p.y1 for p in above)
    heights = [median(p.height for p in row) for row in (above, here)]
    usual = median(min(p.y0 for p in b) - max(p.y1 for p in a) for a, b in pairwise(region))
    return gap - usual > _APART * min(heights) or max(heights) > 1.3 * min(heights)


def _line(
    row: Row, readings: Sequence[Reading], boxes: Sequence[Box], block: int, table: bool
) -> Line:
    parts = [readings[p.index] for p in row]
    places = [boxes[p.index] for p in row]
    letters = sum(len(part.text) for part in parts)
    return Line(
        text=_plain(("\t" if table else " ").join(part.text.strip() for part in parts)),
        box=Box(
            min(b.x0 for b in places),
            min(b.y0 for b in places),
            max(b.x1 for b in places),
            max(b.y1 for b in places),
        ),
        role=Role.TABLE if table else Role.BODY,
        block=block,
        source=TextSource.OCR,
        confidence=sum(len(part.text) * part.confidence for part in parts) / letters,
    )
