"""Where a page shows more than text: raster images and clusters of vector drawings.

Found by where shapes lie: the list of what a page paints costs as much as reading its text once
more, and little memory. Only where a cluster may be a chart and the page has few shapes are they
looked at one by one. Clipping is not seen, so a box may be larger than what shows of it. Knows
nothing of captions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pymupdf

from ingest.clusters import area, bounds, clusters, common, middle_inside
from ingest.drafts import Draft, GraphicDraft, PageDraft
from ingest.pdf.paints import Paints, Shape
from ingest.types import Box, GraphicKind, Role

MOST_SHAPES = 50_000  # of a page; what comes after them is not looked at
MOST_GRAPHICS = 40  # of a page, the largest

_FILLS = 0.8  # of the page: a background, or a scan
_THIN = 2.5  # points: a rule, an underline, an axis
_NEAR = 9.0  # points between the parts of one drawing
_TILES = 2.0  # points between the strips of one image
_LEAST_IMAGE = 24.0  # points of the shorter side
_LEAST_DRAWING = 36.0
_REPEATED = 3  # pages: a logo
_FEW_PATHS = 5_000  # of a page, whose shapes are looked at more closely
_LEAST_MARK = 4.0  # points of the longer side
_MARKS = 3
_PALE = 0.78  # of the darkest of red, green and blue
_LOOKED_AT = 200  # parts of a path
_TABLE_ROLES = (Role.TABLE, Role.TABLE_HEADER)


def read_graphics(
    page: pymupdf.Page, lines: list[Draft], painted: Paints
) -> tuple[list[GraphicDraft], bool]:
    """The graphics of a page, and whether all of its shapes were looked at.

    Raises what PyMuPDF raises.
    """
    images, paths, whole = _shapes(page, painted.shapes)
    width, height = page.rect.width, page.rect.height
    found = _images(page, images, painted.shapes)
    taken = [graphic.box for graphic in found]
    groups = [[paths[i] for i in group] for group in clusters(paths, width, height, _NEAR)]
    large = [(members, box) for members in groups if _is_large(box := bounds(members))]
    marks = _marks(page) if large and len(paths) <= _FEW_PATHS else None
    for members, box in large:
        if any(common(box, other) > 0.9 * area(box) for other in taken):
            continue  # drawn on an image
        kind = _kind(members, box, lines, marks)
        if kind is not None:
            key = ("paths", len(members), *(round(side / 3) for side in box))
            found.append(GraphicDraft(box, kind, key))
    found = _joined(found)
    found.sort(key=lambda graphic: -area(graphic.box))
    return found[:MOST_GRAPHICS], whole and painted.whole


def _is_large(box: Box) -> bool:
    return min(box.x1 - box.x0, box.y1 - box.y0) >= _LEAST_DRAWING


def drop_repeated(pages: list[PageDraft]) -> None:
    """Take away what stands on three pages or more: logos, ornaments, forms' frames."""
    seen: dict[tuple[object, ...], set[int]] = {}
    for page in pages:
        for graphic in page.graphics:
            seen.setdefault(graphic.key, set()).add(page.number)
    for page in pages:
        page.graphics = [g for g in page.graphics if len(seen[g.key]) < _REPEATED]


def _shapes(page: pymupdf.Page, painted: Sequence[Shape]) -> tuple[list[Box], list[Box], bool]:
    """Boxes of images and of paths on the visible page, backgrounds left out."""
    images: list[Box] = []
    paths: list[Box] = []
    matrix = page.rotation_matrix
    turned = page.rotation != 0
    right, bottom = page.rect.width, page.rect.height
    most = _FILLS * right * bottom
    count = 0
    for _, kind, (x0, y0, x1, y1), *_ in painted:
        if kind in ("mask", "group"):
            continue
        count += 1
        if count > MOST_SHAPES:
            break
        if turned:
            rect = pymupdf.Rect(x0, y0, x1, y1) * matrix
            x0, y0, x1, y1 = rect.x0, rect.y0, rect.x1, rect.y1
        x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, right), min(y1, bottom)
        if x1 < x0 or y1 < y0 or (x1 - x0) * (y1 - y0) > most:
            continue
        (images if kind == "image" else paths).append(Box(x0, y0, x1, y1))
    return images, paths, count <= MOST_SHAPES


def _images(page: pymupdf.Page, placed: list[Box], painted: Sequence[Shape]) -> list[GraphicDraft]:
    if not placed:
        return []
    width, height = page.rect.width, page.rect.height
    # What an image is made of tells the same one on another page without decoding it.
    keys: dict[tuple[int, ...], tuple[object, ...]] = {}
    for shape in painted:
        if shape.image is not None:
            rect = pymupdf.Rect(shape.box) * page.rotation_matrix
            keys[tuple(round(side) for side in rect)] = shape.image
    found = []
    for group in clusters(placed, width, height, _TILES):
        members = [placed[i] for i in group]
        box = bounds(members)
        if min(box.x1 - box.x0, box.y1 - box.y0) < _LEAST_IMAGE or area(box) > (
            _FILLS * width * height
        ):
            continue
        largest = max(members, key=area)
        key = keys.get(
            tuple(round(side) for side in largest), tuple(round(side / 3) for side in box)
        )
        found.append(GraphicDraft(box, GraphicKind.IMAGE, ("image", len(members), *key)))
    return found


def _kind(
    members: list[Box], box: Box, lines: list[Draft], marks: list[Box] | None
) -> GraphicKind | None:
    """What a cluster of paths is; None for rules, underlines and the like.

    ``marks`` are what only charts have (see `_marks`), None where nobody looked.
    """
    shapes = [b for b in members if min(b.x1 - b.x0, b.y1 - b.y0) > _THIN]
    if not shapes and len(members) < 4:
        return None
    inside = [line for line in lines if middle_inside(line.box, box)]
    if _is_prose(inside, box):
        return GraphicKind.FRAME
    if marks is None:
        rows = sum(line.role in _TABLE_ROLES for line in inside)
        return GraphicKind.FRAME if rows * 2 > len(inside) > 2 else GraphicKind.DRAWING
    bare = [b for b in marks if middle_inside(b, box) and not _holds_text(b, inside)]
    return GraphicKind.DRAWING if len(bare) >= _MARKS else GraphicKind.FRAME


def _marks(page: pymupdf.Page) -> list[Box]:
    """Curves, slanted lines and dark or coloured areas: what tables are not made of."""
    matrix = page.rotation_matrix
    marks = []
    for drawing in page.get_cdrawings():
        for sides in _marks_of(drawing):
            if max(sides[2] - sides[0], sides[3] - sides[1]) >= _LEAST_MARK:
                turned = pymupdf.Rect(sides) * matrix
                marks.append(Box(turned.x0, turned.y0, turned.x1, turned.y1))
    return marks


def _marks_of(drawing: dict[str, Any]) -> Iterator[tuple[float, ...]]:
    """The marks of one path: a series of bars, for one, is a path of many rectangles."""
    fill = drawing.get("fill")
    # A colour that stands out from paper more than the shade of a table's row does.
    strong = fill is not None and min(fill) < _PALE
    for item in drawing["items"][:_LOOKED_AT]:
        if item[0] == "re":
            x0, y0, x1, y1 = item[1]
            if strong and min(x1 - x0, y1 - y0) > _THIN:
                yield x0, y0, x1, y1
            continue
        points = item[1:] if item[0] in "lc" else ()
        if not points:
            continue
        xs, ys = [point[0] for point in points], [point[1] for point in points]
        box = min(xs), min(ys), max(xs), max(ys)
        if item[0] == "c" or min(box[2] - box[0], box[3] - box[1]) > 1.0:
            yield box


def _is_prose(inside: list[Draft], box: Box) -> bool:
    """Whether lines of prose fill it: a text box."""
    prose = [
        line
        for line in inside
        if len(line.text) >= 40 and line.role not in _TABLE_ROLES and not line.turned
    ]
    return sum(area(line.box) for line in prose) > 0.25 * area(box)


def _holds_text(shape: Box, inside: list[Draft]) -> bool:
    """Whether a shape lies behind text as a cell's shade does: filled by it, or just as high."""
    covered = 0.0
    for line in inside:
        shared = common(line.box, shape)
        if not shared:
            continue
        covered += shared
        as_high = line.box.y1 - line.box.y0 > 0.45 * (shape.y1 - shape.y0)
        if as_high and shared > 0.3 * min(area(line.box), area(shape)):
            return True
    return covered > 0.25 * area(shape)


def _joined(found: list[GraphicDraft]) -> list[GraphicDraft]:
    """Drawings and images that overlap are one figure: bars under a legend, labels on a photo."""
    left = sorted(found, key=lambda g: -area(g.box))
    joined: list[GraphicDraft] = []
    for graphic in left:
        for other in joined:
            shared = common(graphic.box, other.box)
            if shared > 0.5 * area(graphic.box):
                strong = GraphicKind.FRAME not in (graphic.kind, other.kind)
                if strong:
                    other.box = bounds([other.box, graphic.box])
                elif other.kind is GraphicKind.FRAME:
                    continue  # a picture in a frame stays a picture
                break
        else:
            joined.append(graphic)
    return joined
