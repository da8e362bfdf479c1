"""Pages as pictures, for people: a guest opens the PDF and draws what it is asked for.

Coordinates are points of the visible page. Knows nothing of windows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

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


class PageRenderer:
    """Draws many pages of one PDF. The guest starts when needed, and again after it died.

    Use as a context manager, or call `close`. Safe to use from several threads, one at a time.
    """

    def __init__(
        self,
        data: bytes,
        password: str = "",
        *,
        name: str = "the document",
        limits: Limits | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        self._data = data
        self._password = password
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
        header, body = self._draw(page, dpi, highlights, png=False)
        width, height, drawn_dpi = _drawn(header, self._limits)
        if len(body) != width * height * 3:
            raise self._nonsense()
        return DrawnPage(width, height, drawn_dpi, body)

    def png(self, page: int, dpi: float, highlights: Sequence[Box] = ()) -> bytes:
        """The same as a PNG file."""
        _, body = self._draw(page, dpi, highlights, png=True)
        if not body.startswith(_PNG):
            raise self._nonsense()
        return body

    def close(self) -> None:
        """Ends the guest."""
        with self._lock:
            self._drop()

    def __enter__(self) -> PageRenderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _draw(
        self, page: int, dpi: float, highlights: Sequence[Box], *, png: bool
    ) -> tuple[Header, bytes]:
        request: Header = {
            "page": page,
            "dpi": min(max(float(dpi), _MIN_DPI), _MAX_DPI),
            "highlights": [[float(side) for side in box] for box in highlights[:_MAX_HIGHLIGHTS]],
            "png": png,
        }
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
                "passwords": [self._password] if self._password else [],
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
