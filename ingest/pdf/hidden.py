"""Which pieces of a page's text a person cannot see on it.

Two steps, so that ordinary pages cost next to nothing. What is suspicious is told from the colours
and boxes of what the page paints: text that is painted invisibly, tiny, of nearly the colour of
the paper or of a shape about it, over an image, or under something painted later. Only then is
the page drawn, with its text and without: a piece that changes no pixel is hidden.

Invisible text over (or text under) something that has ink where the text lies is the text layer
of a scan, and no secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from ingest.pdf.paints import Boxes, Colour, Paints, Shape, Sides, boxes_of
from ingest.pdf.pictures import Drawing, Picture, Pixels, difference, has_ink

_PAINTED = 16 | 32  # of a span's char_flags: filled or stroked
_CLIPS = 64
_FAINT = 13  # of 255: less alpha than this is as good as none
_TINY = 2.0  # points
_NARROW = 0.03  # of a letter's height for each character
_NEAR = 30  # of 255 in red, green and blue: so near is suspicious
_SEEN = 24  # of 255 in red, green or blue: so much a pixel must change
_MARKED = 0.003  # of the pixels of a piece of text: so many must change
_CLEAR = 0.03  # of them: so many leave no doubt, even in a small picture
_INK = 40  # of 255: a clip's content differs from what is about it by this
_COVERS = 0.7  # of a piece of text
_ZOOM = 20.0  # pixels for a letter's height
_MOST_ZOOM = 6.0
_SMALL_ZOOM = 0.5
_INK_ZOOM = 2.0
_AHEAD = 50  # texts among which the next piece is looked for
_SAME = 0.98  # of the ground of a piece of text: nothing that has its colour shows there
_SCAN = 0.6  # of a page that images cover
_MOST_PAIRS = 2_000_000
_PAPER = (1.0, 1.0, 1.0)
_BLENDS = ("mask", "group")
_PICTURES = ("image", "stencil", "shade", "veil", *_BLENDS)


class Seen(Enum):
    """How a piece of text relates to the picture of its page."""

    SHOWN = 0
    LAYER = 1  # the picture shows letters of its own there: a scan
    HIDDEN = 2


@dataclass(frozen=True, slots=True)
class Pieces:
    """The spans of a page as MuPDF tells them, without blank ones; boxes before rotation."""

    spans: Sequence[dict[str, Any]]

    def colour(self, n: int) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255."""
        value = self.spans[n]["color"]
        return value >> 16 & 255, value >> 8 & 255, value & 255

    def clips(self, n: int) -> bool:
        """Whether the letters only limit where other things are painted."""
        return _clips(self.spans[n])

    def are_most(self, numbers: Iterable[int]) -> bool:
        """Whether these make up more than half of the text."""
        letters = [len(span["text"]) for span in self.spans]
        return sum(letters[n] for n in numbers) * 2 > sum(letters)

    def unpainted(self) -> set[int]:
        """Those that leave no mark, whatever lies about them."""
        return {
            n
            for n, span in enumerate(self.spans)
            if not _clips(span) and (not span["char_flags"] & _PAINTED or span["alpha"] < _FAINT)
        }

    def tiny(self) -> set[int]:
        """Those that are too small or too narrow to be read."""
        return {
            n
            for n, span in enumerate(self.spans)
            if span["size"] < _TINY or (len(span["text"]) > 8 and _is_narrow(span))
        }


def _clips(span: dict[str, Any]) -> bool:
    return bool(span["char_flags"] & _CLIPS) and span["alpha"] < _FAINT


def _is_narrow(span: dict[str, Any]) -> bool:
    x0, y0, x1, y1 = span["bbox"]
    return bool(max(x1 - x0, y1 - y0) < _NARROW * span["size"] * len(span["text"].strip()))


def find_hidden(page: pymupdf.Page, pieces: Pieces, paints: Paints | None) -> dict[int, Seen]:
    """The pieces that are not simply shown, by number. Raises what PyMuPDF raises.

    Without ``paints`` the page is not drawn: only what hides by itself is found, and whatever is
    painted invisibly counts as the layer of a scan where it is most of the text.
    """
    if not pieces.spans:
        return {}
    if paints is None:
        return _at_a_glance(pieces)
    unpainted = pieces.unpainted()
    seen = dict.fromkeys(pieces.tiny() - unpainted, Seen.HIDDEN)
    doubts = _doubtful(pieces, paints) if paints.whole else _all_of(pieces)
    settled = unpainted | seen.keys()
    drawn = (doubts.under.keys() | doubts.blended) - settled
    grounds = doubts.grounds - settled - drawn
    if not (unpainted or drawn or grounds):
        return seen
    places = _Places(page, pieces, doubts)
    layer = unpainted
    if unpainted and not _is_scan(page, pieces, paints, unpainted):
        layer = places.inked(unpainted)
    alike, same = places.on_ground(grounds)
    if same and any(font[2] == "Type3" for font in page.get_fonts()):
        alike, same = alike | same, set()  # such letters may have colours of their own
    hidden = same | places.unseen(drawn | alike)
    layer |= places.inked(hidden & doubts.under.keys())
    seen |= dict.fromkeys(unpainted | hidden, Seen.HIDDEN)
    return seen | dict.fromkeys(layer, Seen.LAYER)


def _at_a_glance(pieces: Pieces) -> dict[int, Seen]:
    unpainted = pieces.unpainted()
    found = Seen.LAYER if pieces.are_most(unpainted) else Seen.HIDDEN
    seen = dict.fromkeys(pieces.tiny(), Seen.HIDDEN)
    return seen | dict.fromkeys(unpainted, found)


@dataclass(slots=True)
class _Doubts:
    """Pieces that may be hidden: those of the colour of their ground, those under something, with
    the colours of opaque shapes over them, and those that are blended with their ground."""

    grounds: set[int]
    under: dict[int, list[Colour]]
    blended: set[int]


def _doubtful(pieces: Pieces, paints: Paints) -> _Doubts:
    """What boxes and colours alone say."""
    colours = {span["color"] for span in pieces.spans}
    light = {colour for colour in colours if _distance(colour, _PAPER) < _NEAR}
    grounds = {n for n, span in enumerate(pieces.spans) if pieces.clips(n)}
    if light:
        grounds |= {n for n, span in enumerate(pieces.spans) if span["color"] in light}
    doubts = _Doubts(grounds, {}, set())
    first = paints.texts[0][0] if paints.texts else 0
    fills: list[Shape] = []
    alike: dict[Any, bool] = {}
    for shape in paints.shapes:
        number, kind, (x0, y0, x1, y1), colour, _ = shape
        if x1 - x0 <= 4 or y1 - y0 <= 3:
            continue
        if colour is None:
            if kind in _PICTURES:
                fills.append(shape)
        elif number > first:
            fills.append(shape)
        else:
            if colour not in alike:
                alike[colour] = any(_distance(c, colour) < _NEAR for c in colours - light)
            if alike[colour]:
                fills.append(shape)
    if not fills:
        return doubts
    boxes = boxes_of([span["bbox"] for span in pieces.spans])
    if len(fills) * len(boxes) > _MOST_PAIRS:
        return _all_of(pieces)
    later = []
    for n, column, share in _covering(boxes, boxes_of([shape.box for shape in fills])):
        shape = fills[column]
        if shape.kind in _BLENDS:
            doubts.blended.add(n)
        elif shape.colour is None or _distance(pieces.spans[n]["color"], shape.colour) < _NEAR:
            grounds.add(n)
        if share > _COVERS and shape.number > first:
            later.append((n, shape))
    if later:
        painted = _painted_at([span["bbox"] for span in pieces.spans], paints)
        for n, shape in later:
            first, fitting = painted[n]
            if first < shape.number:
                covers = doubts.under.setdefault(n, [])
                if shape.colour is not None and fitting < shape.number:
                    covers.append(shape.colour)
    return doubts


def _all_of(pieces: Pieces) -> _Doubts:
    return _Doubts(set(), {n: [] for n in range(len(pieces.spans))}, set())


def _painted_at(boxes: Sequence[Sides], paints: Paints) -> list[tuple[int, int]]:
    """For each piece a place in the order of painting that it was painted at or after, and the
    place of the text that fits it best.

    Pieces come in the order in which they are painted, so each is looked for from the text of the
    one before. The first that may hold it is taken: rather too early than too late.
    """
    texts = paints.texts
    at = 0
    found = []
    for x0, y0, x1, y1 in boxes:
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        best, least = -1, 0.0
        for ahead in range(at, min(at + _AHEAD, len(texts))):
            left, top, right, bottom = texts[ahead][1]
            if left - 1 <= x <= right + 1 and top - 1 <= y <= bottom + 1:
                misfit = abs(left - x0) + abs(right - x1)
                if best < 0:
                    at = ahead
                if best < 0 or misfit < least - 1:
                    best, least = ahead, misfit
        first = texts[at][0] if texts else 0
        found.append((first, texts[best][0] if best >= 0 else first))
    return found


def _distance(colour: int, other: Colour) -> float:
    """The largest difference in red, green or blue, of 255; ``other`` is from 0 to 1."""
    red, green, blue = other
    return max(
        abs((colour >> 16 & 255) - 255 * red),
        abs((colour >> 8 & 255) - 255 * green),
        abs((colour & 255) - 255 * blue),
    )


def _covering(boxes: Boxes, fills: Boxes) -> list[tuple[int, int, float]]:
    """Which box is covered to a half and more by which fill, and to what share, 0 to 1."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2  # half of a box holds its middle
    x, y = middles[:, :1], middles[:, 1:]
    hits = (x >= fills[:, 0]) & (x <= fills[:, 2]) & (y >= fills[:, 1]) & (y <= fills[:, 3])
    rows, columns = np.nonzero(hits)
    a, b = boxes[rows], fills[columns]
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    whole = np.maximum(a[:, 2:] - a[:, :2], 1e-3)
    shares = (np.maximum(sides, 0) / whole).prod(axis=1)
    near = shares > 0.5
    return list(
        zip(rows[near].tolist(), columns[near].tolist(), shares[near].tolist(), strict=True)
    )


def _is_scan(page: pymupdf.Page, pieces: Pieces, paints: Paints, unpainted: set[int]) -> bool:
    """Whether images cover the page, and most of the text is an invisible layer."""
    if not pieces.are_most(unpainted):
        return False
    images = boxes_of([s.box for s in paints.shapes if s.kind in ("image", "stencil")])
    covered = float((images[:, 2:] - images[:, :2]).prod(axis=1).sum())
    whole: float = page.rect.width * page.rect.height
    return covered > _SCAN * whole


class _Places:
    """The pieces' places on the page as it is drawn."""

    def __init__(self, page: pymupdf.Page, pieces: Pieces, doubts: _Doubts) -> None:
        self._pieces = pieces
        self._under, self._blended = doubts.under, doubts.blended
        self._drawing = Drawing(page)
        self._size = (page.rect.width, page.rect.height)
        boxes = [span["bbox"] for span in pieces.spans]
        if page.rotation:
            matrix = page.rotation_matrix
            boxes = [tuple(pymupdf.Rect(box) * matrix) for box in boxes]
        self._boxes: list[Sides] = boxes

    def on_ground(self, numbers: set[int]) -> tuple[set[int], set[int]]:
        """Those whose ground, the page without its text, is mostly of nearly their colour, and
        those whose ground is of nothing but their colour."""
        alike: set[int] = set()
        same: set[int] = set()
        if not numbers:
            return alike, same
        ground = self._drawing.picture(self._around(numbers), _SMALL_ZOOM, text=False)
        for n in numbers:
            apart = _apart(ground.part(self._boxes[n]), np.array(self._pieces.colour(n)))
            if self._pieces.clips(n) or not apart.size or (apart > 2 * _SEEN).mean() < 0.5:
                sure = apart.size and not self._pieces.clips(n) and (apart < _SEEN).mean() > _SAME
                (same if sure else alike).add(n)
        return alike, same

    def unseen(self, numbers: set[int]) -> set[int]:
        """Those that are missed nowhere when the page is drawn without its text."""
        if numbers:
            numbers = self._unchanged(numbers, _SMALL_ZOOM, _CLEAR)
        if numbers:
            smallest = max(min(self._pieces.spans[n]["size"] for n in numbers), 1.0)
            numbers = self._unchanged(numbers, min(_ZOOM / smallest, _MOST_ZOOM), _MARKED)
        return numbers

    def _unchanged(self, numbers: set[int], zoom: float, least: float) -> set[int]:
        around = self._around(numbers)
        bare = self._drawing.picture(around, zoom, text=False)
        whole = self._drawing.picture(around, zoom, text=True)
        shared = self._shared(sorted(numbers))
        return {n for n in numbers if self._marked(n, whole, bare, n in shared) < least}

    def _marked(self, n: int, whole: Picture, bare: Picture, shared: bool) -> float:
        """The share of a piece's box that it marks. Where other text shares its place, only what
        takes on its colour counts, and nothing where an opaque shape lies over it."""
        shown, ground = whole.part(self._boxes[n]), bare.part(self._boxes[n])
        if not shown.size:
            return 0.0
        if self._pieces.clips(n):
            return float(has_ink(shown, _INK, _MARKED))
        marked = difference(shown, ground) > _SEEN
        if shared:
            colour = np.array(self._pieces.colour(n), np.uint8)
            marked &= _apart(shown, colour) < _apart(ground, colour)
            if n not in self._blended and any(
                (_apart(ground, np.array(cover) * 255) < _SEEN).mean() > 0.98
                for cover in self._under.get(n, ())
            ):
                return 0.0
        return float(marked.mean())

    def _shared(self, numbers: Sequence[int]) -> set[int]:
        """Those whose place other text shares; lines that stand close share but their margins."""
        boxes = boxes_of(self._boxes)
        found = set()
        for n in numbers:
            x0, y0, x1, y1 = boxes[n]
            inset = 0.25 * (y1 - y0)
            beside = (boxes[:, 0] < x1) & (boxes[:, 2] > x0)
            beside &= (boxes[:, 1] < y1 - inset) & (boxes[:, 3] > y0 + inset)
            if np.count_nonzero(beside) > 1:
                found.add(n)
        return found

    def inked(self, numbers: set[int]) -> set[int]:
        """Those under which the page without its text has ink."""
        if not numbers:
            return set()
        bare = self._drawing.picture(self._around(numbers), _INK_ZOOM, text=False)
        return {n for n in numbers if has_ink(bare.part(self._boxes[n]))}

    def _around(self, numbers: set[int]) -> Sides:
        boxes = boxes_of([self._boxes[n] for n in numbers])
        x0, y0 = np.maximum(boxes[:, :2].min(axis=0), 0).tolist()
        x1, y1 = np.minimum(boxes[:, 2:].max(axis=0), self._size).tolist()
        return x0, y0, max(x0, x1), max(y0, y1)


def _apart(pixels: Pixels, colour: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    """How far pixels are from a colour, 0 to 255: shape (height, width)."""
    apart: npt.NDArray[np.int16] = np.abs(pixels - colour.astype(np.int16)).max(axis=2, initial=0)
    return apart
