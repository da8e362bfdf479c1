"""From readings to lines: tables, noise, punctuation, confidences."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.ocr.layout import arrange
from ingest.ocr.recognise import Reading
from ingest.types import Box, Line, Role


def lines(*rows: tuple[str, float, float, float, float]) -> list[Line]:
    """Lines made of (text, confidence, x0, x1, y0), each 10 high."""
    boxes = [Box(x0, y, x1, y + 10) for _, _, x0, x1, y in rows]
    quads = [[(b.x0, b.y0), (b.x1, b.y0), (b.x1, b.y1), (b.x0, b.y1)] for b in boxes]
    readings = [Reading(text, confidence) for text, confidence, *_ in rows]
    return arrange(readings, np.array(quads, np.float32).reshape(-1, 4, 2), boxes)


def test_a_row_is_one_line_and_its_confidence_goes_by_length() -> None:
    (line,) = lines(("Total", 1.0, 0, 50, 0), ("12.50 EUR!", 0.7, 55, 120, 1))
    assert line.text == "Total 12.50 EUR!"
    assert line.box == Box(0, 0, 120, 11)
    assert line.confidence == pytest.approx(0.8)


def test_three_rows_of_cells_are_a_table() -> None:
    rows = [
        part
        for i in range(3)
        for part in ((f"item {i}", 0.9, 0.0, 50.0, 15.0 * i), ("1.00", 0.9, 200.0, 230.0, 15.0 * i))
    ]
    found = lines(*rows)
    assert [line.text for line in found] == [f"item {i}\t1.00" for i in range(3)]
    assert {line.role for line in found} == {Role.TABLE}


def test_specks_are_dropped_and_doubtful_words_kept() -> None:
    found = lines(("·~", 0.3, 0, 10, 0), ("doubtful", 0.4, 0, 50, 20), ("", 0.0, 0, 5, 40))
    assert [line.text for line in found] == ["doubtful"]


def test_a_gap_begins_a_block() -> None:
    found = lines(*((f"line {i}", 0.9, 0, 100, y) for i, y in enumerate((0, 12, 24, 60, 72))))
    assert [line.block for line in found] == [0, 0, 0, 1, 1]


def test_full_width_punctuation_stays_only_in_east_asian_text() -> None:
    found = lines(("TEL：03（a）", 0.9, 0, 100, 0), ("电话：03", 0.9, 0, 100, 40))
    assert [line.text for line in found] == ["TEL:03(a)", "电话：03"]
