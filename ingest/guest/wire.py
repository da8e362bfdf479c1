"""Pages and file facts as JSON, and the strict way back.

The way out runs in the child and trusts its own objects. The way back runs in the parent and
trusts nothing: every field's type, range and length is checked, boxes are clipped to the page,
and text is cleaned of what no text should hold (NUL and other controls, lone surrogates).
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ingest.guest.frames import Header
from ingest.guest.limits import Limits
from ingest.types import (
    Box,
    FileInfo,
    Graphic,
    GraphicKind,
    Line,
    Page,
    PageImage,
    Role,
    TextSource,
)

MAX_SIDE = 1_000_000.0
MAX_LEVEL = 9
MAX_FACT = 2_000
MAX_WARNINGS = 100
MAX_GRAPHICS = 100  # of a page
MAX_UNSEEN, MAX_UNSEEN_TEXT = 50, 300  # pieces of a page, characters of each
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")


class WireError(ValueError):
    """A field is missing, of the wrong type, or out of its range."""


def page_to_wire(page: Page) -> Header:
    """A JSON object that `page_from_wire` reads; lines are arrays to keep it short."""
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "unreadable": page.unreadable,
        "lines": [
            [
                line.text,
                [float(side) for side in line.box],
                line.role.value,
                line.block,
                line.level,
                line.source.value,
                line.confidence,
            ]
            for line in page.lines
        ],
        "graphics": [[[float(side) for side in g.box], g.kind.value] for g in page.graphics],
        "hurried": page.hurried,
        "unseen": [text[:MAX_UNSEEN_TEXT] for text in page.unseen[:MAX_UNSEEN]],
    }


def page_from_wire(value: object, limits: Limits) -> Page:
    """The page that a guest sent.

    Raises:
        WireError: anything that is not as `page_to_wire` writes it, within ``limits``.
    """
    fields = _object(value)
    width, height = _side(fields, "width"), _side(fields, "height")
    rows = fields.get("lines")
    if not isinstance(rows, list) or len(rows) > limits.max_lines:
        raise WireError("lines")
    lines = tuple(_line(row, width, height, limits.max_text) for row in rows)
    if sum(len(line.text) for line in lines) > limits.max_text:
        raise WireError("text")
    graphics = fields.get("graphics")
    if not isinstance(graphics, list) or len(graphics) > MAX_GRAPHICS:
        raise WireError("graphics")
    hurried = fields.get("hurried")
    if not isinstance(hurried, bool):
        raise WireError("hurried")
    unseen = fields.get("unseen")
    if not isinstance(unseen, list) or len(unseen) > MAX_UNSEEN:
        raise WireError("unseen")
    return Page(
        number=integer(fields, "number", 1, limits.max_pages),
        width=width,
        height=height,
        lines=lines,
        unreadable=text_field(fields, "unreadable", MAX_FACT),
        graphics=tuple(_graphic(row, width, height) for row in graphics),
        hurried=hurried,
        unseen=tuple(text_field({"text": item}, "text", MAX_UNSEEN_TEXT) for item in unseen),
    )


def _line(row: object, width: float, height: float, max_text: int) -> Line:
    if not isinstance(row, list) or len(row) != 7:
        raise WireError("line")
    text, box, role, block, level, source, confidence = row
    if not isinstance(text, str) or len(text) > max_text:
        raise WireError("line text")
    if not _is_integer(block, 0, 1 << 31) or not _is_integer(level, 0, MAX_LEVEL):
        raise WireError("line block or level")
    if confidence is not None:
        confidence = number(confidence, 0.0, 1.0, "line confidence")
    try:
        kind, origin = Role(role), TextSource(source)
    except ValueError as error:
        raise WireError("line role or source") from error
    if origin is TextSource.MODEL:
        raise WireError("line source")  # no child of ours runs a model
    return Line(clean(text), _box(box, width, height), kind, block, level, origin, confidence)


def _graphic(row: object, width: float, height: float) -> Graphic:
    if not isinstance(row, list) or len(row) != 2:
        raise WireError("graphic")
    try:
        kind = GraphicKind(row[1])
    except ValueError as error:
        raise WireError("graphic kind") from error
    return Graphic(_box(row[0], width, height), kind)


def _box(value: object, width: float, height: float) -> Box:
    if not isinstance(value, list) or len(value) != 4:
        raise WireError("box")
    x0, y0, x1, y1 = (number(side, -1e9, 1e9, "box") for side in value)
    if x0 > x1 or y0 > y1:
        raise WireError("box")
    return Box(
        min(max(x0, 0.0), width),
        min(max(y0, 0.0), height),
        min(max(x1, 0.0), width),
        min(max(y1, 0.0), height),
    )


def image_to_wire(image: PageImage) -> Header:
    """The JSON half of a page that needs OCR; its pixels travel as the frame's body."""
    rows, columns = image.pixels.shape[:2]
    return {
        "number": image.number,
        "width": image.width,
        "height": image.height,
        "rows": rows,
        "columns": columns,
        "reason": image.reason,
        "layered": image.layered,
        "fallback": None if image.fallback is None else page_to_wire(image.fallback),
    }


def image_from_wire(value: object, body: bytes, limits: Limits) -> PageImage:
    """The page image that a guest sent; ``pixels`` is (rows, columns, 3) uint8, read-only.

    Raises:
        WireError: a field out of its range, or a body that is not rows x columns x 3 bytes.
    """
    fields = _object(value)
    rows = integer(fields, "rows", 1, 1 << 20)
    columns = integer(fields, "columns", 1, 1 << 20)
    if rows * columns > limits.max_pixels or len(body) != rows * columns * 3:
        raise WireError("pixels")
    page_number = integer(fields, "number", 1, limits.max_pages)
    fallback = fields.get("fallback")
    page = None if fallback is None else page_from_wire(fallback, limits)
    if page is not None and page.number != page_number:
        raise WireError("fallback number")
    layered = fields.get("layered")
    if not isinstance(layered, bool):
        raise WireError("layered")
    return PageImage(
        number=page_number,
        width=_side(fields, "width"),
        height=_side(fields, "height"),
        pixels=np.frombuffer(body, dtype=np.uint8).reshape(rows, columns, 3),
        reason=text_field(fields, "reason", MAX_FACT),
        fallback=page,
        layered=layered,
    )


def info_to_wire(info: FileInfo) -> Header:
    """A JSON object that `info_from_wire` reads."""
    return {
        "media_type": info.media_type,
        "page_count": info.page_count,
        "title": info.title[:MAX_FACT],
        "author": info.author[:MAX_FACT],
        "created": info.created[:MAX_FACT],
        "warnings": [warning[:MAX_FACT] for warning in info.warnings[:MAX_WARNINGS]],
    }


def info_from_wire(value: object, limits: Limits) -> FileInfo:
    """The file's facts as a guest sent them.

    Raises:
        WireError: a field out of its range.
    """
    fields = _object(value)
    media_type = text_field(fields, "media_type", 100)
    if not re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", media_type):
        raise WireError("media_type")
    warnings = fields.get("warnings")
    if not isinstance(warnings, list) or len(warnings) > MAX_WARNINGS:
        raise WireError("warnings")
    return FileInfo(
        media_type=media_type,
        page_count=integer(fields, "page_count", 0, limits.max_pages),
        title=text_field(fields, "title", MAX_FACT),
        author=text_field(fields, "author", MAX_FACT),
        created=text_field(fields, "created", MAX_FACT),
        warnings=tuple(text_field({"warning": item}, "warning", MAX_FACT) for item in warnings),
    )


def clean(text: str) -> str:
    """``text`` without controls (tabs stay) and lone surrogates."""
    return _CONTROLS.sub(" ", text)


def text_field(fields: dict[str, Any], name: str, longest: int) -> str:
    """A cleaned string of at most ``longest`` characters."""
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise WireError(name)
    return clean(value)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireError("no object")
    return value


def _is_integer(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def integer(fields: dict[str, Any], name: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    value = fields.get(name)
    if not isinstance(value, int) or not _is_integer(value, low, high):
        raise WireError(name)
    return value


def number(value: object, low: float, high: float, name: str) -> float:
    """A finite number from ``low`` to ``high``; ``name`` is for the error."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(name)
    if not low <= value <= high or not math.isfinite(value):
        raise WireError(name)
    return float(value)


def _side(fields: dict[str, Any], name: str) -> float:
    return number(fields.get(name), 0.0, MAX_SIDE, name)
