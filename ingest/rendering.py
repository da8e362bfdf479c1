"""Pages as pictures, for people: a guest opens the PDF and draws what it is asked for.

Coordinates are points of the visible page. Knows nothing of windows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.errors import DamagedFile, LimitExceeded
from ingest.guest import wire
from ingest.guest.frames import FrameError, Header
from ingest.guest.guest import Guest, GuestDied, GuestTimedOut
from ingest.guest.launch import Launcher, default_launcher
from ingest.guest.limits import Limits
from ingest.guest.report import error_from_wire
from ingest.types import Box

DRAW_JOB = "ingest.guest.jobs:draw"
_SECONDS = 30.0
_MIN_DPI, _MAX_DPI = 10.0, 600.0
_MAX_PIXELS = 60_000_000
_MAX_HIGHLIGHTS = 10_000
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """RGB pixels, rows from top to bottom without padding.

    ``dpi`` is the resolution drawn: lower than asked where the page would have been too large.
    """

    width: int
    height: int
    dpi: float
    pixels: bytes

    def array(self) -> NDArray[np.uint8]:
        """The pixels as (height, width, 3), read-only."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self.height, self.width, 3)


class PageRenderer:
    """Draws many pages of one PDF. The guest starts when needed, and again after it died.

    Use as a context manager, or call `close`. Safe to use from several threads, one at a time.
    """

    def __init__(
        self,
        data: bytes,
        password: str = "",
        *,
        passwords: Sequence[str] = (),
        name: str = "the document",
        limits: Limits | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        self._data = data
        self._passwords = [word for word in (password, *passwords) if word]
        self._name = name
        self._limits = limits or Limits(seconds=_SECONDS, max_pixels=_MAX_PIXELS)
        self._launcher = launcher or default_launcher()
        self._lock = threading.Lock()
        self._guest: Guest | None = None
        self._sizes: tuple[tuple[float, float], ...] = ()

    def sizes(self) -> tuple[tuple[float, float], ...]:
        """Width and height of every page, in points as a person sees it.

        Raises:
            ReadError: the PDF cannot be opened.
        """
        with self._lock, self._translated():
            self._ensure_guest()
            return self._sizes

    def render(self, page: int, dpi: float, highlights: Sequence[Box] = ()) -> DrawnPage:
        """Page ``page`` (from 1) as pixels, ``highlights`` in translucent yellow.

        Raises:
            ReadError: the PDF cannot be opened, or the page not drawn in time.
            ValueError: there is no such page.
        """
        return self._pixels(self._page_request(page, dpi, highlights))

    def png(self, page: int, dpi: float, highlights: Sequence[Box] = ()) -> bytes:
        """The same as a PNG file."""
        return self._encoded(self._page_request(page, dpi, highlights))

    def region(self, page: int, box: Box, pixels: int) -> DrawnPage:
        """What page ``page`` (from 1) shows within ``box``: at most ``pixels`` pixels.

        ``box`` is cut to the page. Fewer pixels come where ``pixels`` would take more than 600
        dots an inch. This is the crop that a model which sees is shown.

        Raises:
            ReadError: the PDF cannot be opened, or the region not drawn in time.
            ValueError: there is no such page, nothing of the box lies on it, or no pixels.
        """
        return self._pixels(self._region_request(page, box, pixels))

    def region_png(self, page: int, box: Box, pixels: int) -> bytes:
        """The same as a PNG file."""
        return self._encoded(self._region_request(page, box, pixels))

    def close(self) -> None:
        """Ends the guest."""
        with self._lock:
            self._drop()

    def __enter__(self) -> PageRenderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _page_request(self, page: int, dpi: float, highlights: Sequence[Box]) -> Header:
        return {
            "page": page,
            "dpi": min(max(float(dpi), _MIN_DPI), _MAX_DPI),
            "highlights": [[float(side) for side in box] for box in highlights[:_MAX_HIGHLIGHTS]],
            "region": None,
            "pixels": 0,
        }

    def _region_request(self, page: int, box: Box, pixels: int) -> Header:
        sizes = self.sizes()
        if not 1 <= page <= len(sizes):
            raise ValueError(f"{self._name} has no page {page}")
        if pixels < 1:
            raise ValueError(f"{pixels} pixels show nothing")
        width, height = sizes[page - 1]
        x0, y0 = max(box.x0, 0.0), max(box.y0, 0.0)
        x1, y1 = min(box.x1, width), min(box.y1, height)
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"nothing of {box} lies on page {page} of {self._name}")
        return {
            "page": page,
            "dpi": _MAX_DPI,
            "highlights": [],
            "region": [x0, y0, x1, y1],
            "pixels": min(pixels, self._limits.max_pixels),
        }

    def _pixels(self, request: Header) -> DrawnPage:
        header, body = self._draw(request, png=False)
        width, height, drawn_dpi = _drawn(header, self._limits)
        if len(body) != width * height * 3:
            raise self._nonsense()
        return DrawnPage(width, height, drawn_dpi, body)

    def _encoded(self, request: Header) -> bytes:
        _, body = self._draw(request, png=True)
        if not body.startswith(_PNG):
            raise self._nonsense()
        return body

    def _draw(self, request: Header, *, png: bool) -> tuple[Header, bytes]:
        request = {**request, "png": png}
        page = request["page"]
        with self._lock, self._translated():
            guest = self._ensure_guest()
            if not 1 <= page <= len(self._sizes):
                raise ValueError(f"{self._name} has no page {page}")
            try:
                guest.send(request)
            except GuestDied:
                # It died since the last page, so this one is not to blame: once more, afresh.
                self._drop()
                guest = self._ensure_guest()
                guest.send(request)
            header, body = guest.receive(self._limits.seconds, self._limits.max_pixels * 4)
            if header.get("kind") == "error":
                raise error_from_wire(header, self._name)
            if header.get("kind") != "drawn":
                raise wire.WireError("kind")
            return header, body

    def _ensure_guest(self) -> Guest:
        if self._guest is None:
            request: Header = {
                "job": DRAW_JOB,
                "name": self._name,
                "passwords": self._passwords,
                "limits": self._limits.to_wire(),
            }
            self._guest = self._launcher.start(request, self._data)
            seconds = self._limits.opening_seconds(len(self._data))
            header, _ = self._guest.receive(seconds, 0)
            if header.get("kind") == "error":
                raise error_from_wire(header, self._name)
            self._sizes = _sizes(header, self._limits)
        return self._guest

    def _drop(self) -> None:
        if self._guest is not None:
            self._guest.close()
            self._guest = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Guests' failures as errors about the document; the guest is dropped after any."""
        try:
            yield
        except ValueError as error:
            if not isinstance(error, FrameError | wire.WireError):
                raise
            self._drop()
            raise self._nonsense() from error
        except GuestTimedOut as error:
            self._drop()
            cause = "Drawing the page takes too long."
            raise LimitExceeded(self._name, cause, "Open the file in another program.") from error
        except GuestDied as error:
            self._drop()
            cause = f"The page cannot be drawn; the reader ended ({error})."
            raise DamagedFile(self._name, cause, "Open the file in another program.") from error
        except BaseException:
            self._drop()
            raise

    def _nonsense(self) -> DamagedFile:
        cause = "The reader gave an impossible answer."
        return DamagedFile(self._name, cause, "Do not trust this file. Print it to a new PDF.")


def render_page(
    data: bytes,
    *,
    password: str = "",
    page: int,
    dpi: float = 150.0,
    highlights: Sequence[Box] = (),
) -> bytes:
    """One page of a PDF as PNG; see `PageRenderer.png`."""
    with PageRenderer(data, password) as renderer:
        return renderer.png(page, dpi, highlights)


def render_pixels(
    data: bytes,
    *,
    password: str = "",
    page: int,
    dpi: float = 150.0,
    highlights: Sequence[Box] = (),
) -> DrawnPage:
    """One page of a PDF as pixels; see `PageRenderer.render`."""
    with PageRenderer(data, password) as renderer:
        return renderer.render(page, dpi, highlights)


def page_sizes(data: bytes, password: str = "") -> tuple[tuple[float, float], ...]:
    """Width and height of every page, in points; see `PageRenderer.sizes`."""
    with PageRenderer(data, password) as renderer:
        return renderer.sizes()


def _drawn(header: Header, limits: Limits) -> tuple[int, int, float]:
    width = wire.integer(header, "width", 1, 1 << 20)
    height = wire.integer(header, "height", 1, 1 << 20)
    if width * height > limits.max_pixels * 1.01 + 10_000:
        raise wire.WireError("size")
    return width, height, wire.number(header.get("dpi"), 0.0, _MAX_DPI + 1, "dpi")


def _sizes(header: Header, limits: Limits) -> tuple[tuple[float, float], ...]:
    rows = header.get("sizes")
    if header.get("kind") != "sizes" or not isinstance(rows, list):
        raise wire.WireError("sizes")
    if not 1 <= len(rows) <= limits.max_pages:
        raise wire.WireError("sizes")
    sizes = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 2:
            raise wire.WireError("size")
        width, height = (wire.number(side, 0.0, wire.MAX_SIDE, "size") for side in row)
        sizes.append((width, height))
    return tuple(sizes)
