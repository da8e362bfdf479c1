"""What a guest may send: frames, and pages, pictures, facts and errors in them."""

from __future__ import annotations

import io
import json
from typing import Any

from ingest.guest import wire
from ingest.guest.frames import MAX_HEADER, PREFIX_BYTES, EndOfFrames, FrameError, decode, encode
from ingest.guest.limits import Limits
from ingest.guest.report import error_from_wire
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
from tests.fuzz.target import Target

_BODY = 1_000
_LIMITS = Limits(max_pixels=10_000, max_text=2_000, max_lines=50, max_pages=50)
_PAGE = Page(
    1,
    500.0,
    700.0,
    (
        Line("Dose (mg)\t5", Box(10, 20, 300, 40), Role.TABLE, 1, 0, TextSource.TEXT, None),
        Line("Wörter", Box(10, 50, 300, 60), Role.HEADING, 2, 1, TextSource.OCR, 0.75),
    ),
    graphics=(Graphic(Box(0, 0, 9, 9), GraphicKind.IMAGE),),
    unseen=("white text",),
)


def frames(data: bytes) -> None:
    """Never asks for more than a frame may hold, and what it gives can be sent again."""
    stream = io.BytesIO(data)

    def read(count: int) -> bytes:
        assert count <= max(PREFIX_BYTES, MAX_HEADER, _BODY), f"{count} bytes were asked for"
        found = stream.read(count)
        if len(found) < count:
            raise EndOfFrames
        return found

    header, body = decode(read, _BODY)
    again = io.BytesIO(encode(header, len(body)) + body)
    assert decode(again.read, _BODY) == (header, body)


def said(data: bytes) -> None:
    """What is accepted is within its limits, and comes back the same when sent again."""
    kind, _, rest = data.partition(b"\n")
    value = json.loads(rest)
    if kind == b"page":
        page = wire.page_from_wire(value, _LIMITS)
        _check_page(page)
        assert wire.page_from_wire(_sent(wire.page_to_wire(page)), _LIMITS) == page
    elif kind == b"image":
        body = bytes(value.get("rows", 0) * value.get("columns", 0) * 3) if _small(value) else b""
        image = wire.image_from_wire(value, body, _LIMITS)
        assert image.pixels.shape[0] * image.pixels.shape[1] <= _LIMITS.max_pixels
        if image.fallback is not None:
            _check_page(image.fallback)
    elif kind == b"info":
        info = wire.info_from_wire(value, _LIMITS)
        assert wire.info_from_wire(_sent(wire.info_to_wire(info)), _LIMITS) == info
    elif isinstance(value, dict):
        error = error_from_wire(value, "a file")
        assert len(str(error)) <= 2 * wire.MAX_FACT + 100


def _check_page(page: Page) -> None:
    assert sum(len(line.text) for line in page.lines) <= _LIMITS.max_text
    for line in page.lines:
        assert line.source is not TextSource.MODEL
        assert 0 <= line.box.x0 <= line.box.x1 <= page.width
        assert 0 <= line.box.y0 <= line.box.y1 <= page.height
        line.text.encode("utf-8")
        assert "\x00" not in line.text


def _small(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    sides = value.get("rows"), value.get("columns")
    return all(isinstance(side, int) and 0 <= side <= 200 for side in sides)


def _sent(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def _frame_seeds() -> list[bytes]:
    page = {"kind": "page", "page": wire.page_to_wire(_PAGE)}
    return [encode({}), encode({"kind": "done"}, 5) + b"%PDF-", encode(page)]


def _seeds() -> list[bytes]:
    import numpy as np

    image = PageImage(1, 500.0, 700.0, np.zeros((2, 3, 3), np.uint8), "no text", _PAGE)
    info = FileInfo("application/pdf", 3, "A title", "An author", "2026-01-01", ("A warning.",))
    values = {
        b"page": wire.page_to_wire(_PAGE),
        b"image": wire.image_to_wire(image),
        b"info": wire.info_to_wire(info),
        b"error": {"error": "DamagedFile", "cause": "Broken.", "remedy": "Mend it."},
    }
    return [kind + b"\n" + json.dumps(value).encode() for kind, value in values.items()]


TARGETS = {
    "frames": Target(frames, (FrameError, EndOfFrames), _frame_seeds),
    # JSON that is none does not come this far: that is the business of frames.
    "wire": Target(said, (wire.WireError, json.JSONDecodeError, UnicodeDecodeError), _seeds),
}
