"""Reading order on made-up rectangles."""

from __future__ import annotations

from ingest.ocr.columns import Piece, regions


def pieces(*rectangles: tuple[float, float, float]) -> list[Piece]:
    """Pieces 10 high from (x0, x1, y0)."""
    return [Piece(x0, y, x1, y + 10, i) for i, (x0, x1, y) in enumerate(rectangles)]


def order(found: list[Piece]) -> list[list[list[int]]]:
    return [[[p.index for p in row] for row in region] for region in regions(found)]


def test_three_columns_under_a_heading() -> None:
    columns = [(x, x + 110, 40 + 15 * row) for x in (0, 120, 240) for row in range(5)]
    found = order(pieces((0, 350, 0), *columns))
    assert found == [[[0]]] + [[[1 + 5 * c + r] for r in range(5)] for c in range(3)]


def test_table_rows_stay_rows() -> None:
    cells = [(x, x + w, 15 * row) for row in range(5) for x, w in ((0, 60), (150, 30), (250, 30))]
    assert order(pieces(*cells)) == [[[3 * r, 3 * r + 1, 3 * r + 2] for r in range(5)]]


def test_a_row_that_bends_stays_one_row() -> None:
    bent = [(60 * i, 60 * i + 50, 3.0 * i) for i in range(6)]
    below = [(60 * i, 60 * i + 50, 15 + 3.0 * i) for i in range(6)]
    found = order(pieces(*bent, *below))
    assert found == [[list(range(6)), list(range(6, 12))]]


def test_nothing() -> None:
    assert regions([]) == []
