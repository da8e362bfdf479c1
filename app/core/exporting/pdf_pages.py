"""Pages of a PDF that are filled part by part, with notes at their foot.

A part stands on one page together with its notes where both fit; notes that do not fit go on at
the foot of the next page. MuPDF's ``Story.place`` only measures until ``draw`` is called, which
is what makes this possible. Knows no papers.
"""

from __future__ import annotations

import html
import io
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import pymupdf

_SHEET = pymupdf.Rect(0, 0, 595, 842)  # A4 in points
_MARGIN = 64.0
_TOP, _BOTTOM = 60.0, 782.0
_FOOT = pymupdf.Rect(_MARGIN, 796, _SHEET.x1 - _MARGIN, 820)
WIDTH = _SHEET.x1 - 2 * _MARGIN
_GAP = 5.0  # between parts
_NOTES_GAP = 12.0  # above the notes; the rule stands in it
_LEAST = 36.0  # less room than this is left empty
_MOST_NOTES = 0.5  # of a page, for notes that do not fit on it
_LINE = 6.0  # less height than any line has
_MOST_HEADER = 0.25  # of a page
_TALL = 1_000_000.0
_TITLE = 80  # characters of the title at the foot of a page
_STYLE = """
body { font-family: sans-serif; font-size: 10pt; line-height: 1.3; margin: 0; }
p, div, h1, h2, h3, h4, h5, h6, td { margin: 0; overflow-wrap: break-word; }
h1, h2, h3, h4, h5, h6 { font-weight: bold; }
h1 { font-size: 17pt; } h2 { font-size: 13pt; margin-top: 8pt; } h3 { font-size: 11pt; }
h4, h5, h6 { font-size: 10pt; }
sup { font-size: 6.5pt; }
table { border-collapse: collapse; }
td { border: 0.5pt solid #888888; padding: 2pt 4pt; text-align: left; vertical-align: top; }
td[dir=rtl] { text-align: right; }
.quiet { font-size: 8.5pt; color: #555555; }
.note { font-size: 8.5pt; line-height: 1.2; margin-bottom: 2pt; }
.listing { font-family: monospace; font-size: 8pt; line-height: 1.2; white-space: pre-wrap; }
.foot { font-size: 8pt; color: #555555; }
"""


@dataclass(slots=True)
class _Note:
    """A note, or what is left of it, and the height that it takes."""

    story: pymupdf.Story
    height: float


class Pages:
    """Writes pages to ``output``.

    ``rules`` are page (from 0) and height of the rules above notes, to be drawn at the end.
    While ``header`` is set, every page that is begun starts with it, unless it is too tall.
    """

    def __init__(self, output: io.BytesIO, title: str) -> None:
        self._writer = pymupdf.DocumentWriter(output)
        self._title = title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
        self._device: object | None = None
        self._number = -1
        self._y = self._start = _TOP
        self._after_table = False
        self.header = ""
        self._notes: deque[_Note] = deque()  # those of this page, or left from the one before
        self._over = False  # more of them than the page can take
        self.rules: list[tuple[int, float]] = []

    def add(
        self,
        markup: str,
        notes: Sequence[str] = (),
        *,
        keep: bool = False,
        apart: Sequence[str] = (),
    ) -> None:
        """Places a part below what is there, its notes at the foot; ``keep`` with what follows.

        A part with ``apart`` cannot be broken (a row of a table): those stand in its place where
        it fits on no page.
        """
        self._begin()
        self._space(markup)
        story, waiting = _story(markup), [_measured(note) for note in notes]
        height = _height(story) if waiting or keep or apart else 0.0
        if height:
            needed = height + sum(note.height for note in waiting)
            needed += _NOTES_GAP if waiting and not self._notes else 0.0
            needed += _LEAST if keep else 0.0
            if needed > self._room() and not self._fresh:
                self._turn()
                self._begin()
            self._over |= bool(waiting) and needed > self._room()
        self._notes.extend(waiting)
        whole = not apart or height <= self._room()
        for part in [story] if whole else map(_story, apart):
            self._flow(part)

    def finish(self) -> None:
        """Ends the last page, and begins others as long as notes are left."""
        self._begin()
        self._turn()
        while self._notes:
            self._begin()
            self._turn()
        self._writer.close()

    @staticmethod
    def rule(height: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where a rule of ``rules`` starts and ends."""
        return (_MARGIN, height), (_MARGIN + WIDTH / 3, height)

    @property
    def _fresh(self) -> bool:
        return self._device is None or self._y == self._start

    def _space(self, markup: str) -> None:
        """The gap before the next part; rows of a table touch."""
        is_table = markup.startswith("<table")
        if not self._fresh and not (is_table and self._after_table):
            self._y += _GAP
        self._after_table = is_table

    def _room(self) -> float:
        """The height that is left for text on this page."""
        notes = sum(note.height for note in self._notes) + _NOTES_GAP * bool(self._notes)
        if self._over:
            notes = min(notes, _MOST_NOTES * (_BOTTOM - _TOP))
        return _BOTTOM - notes - self._y

    def _flow(self, story: pymupdf.Story) -> None:
        more = True
        while more:
            self._begin()
            if self._room() < _LEAST and not self._fresh and _height(story) > self._room():
                self._turn()
                continue
            room = max(self._room(), _LEAST)
            place = pymupdf.Rect(_MARGIN, self._y, _MARGIN + WIDTH, self._y + room)
            more, filled = story.place(place)
            if more and _without_a_line(filled) and not self._fresh:
                self._turn()
                continue
            if more and _without_a_line(filled):  # not even one line fits on a page
                place.y1 = self._y + _TALL
                more, filled = story.place(place)
            story.draw(self._device)
            self._y = max(self._y, pymupdf.Rect(filled).y1)
            if more:
                self._turn()

    def _begin(self) -> None:
        if self._device is None:
            self._device = self._writer.begin_page(_SHEET)
            self._number += 1
            self._y = _TOP
            if self.header:
                header = _story(self.header)
                height = _height(header)
                if height < _MOST_HEADER * (_BOTTOM - _TOP):
                    self._y += height
                    header.place(pymupdf.Rect(_MARGIN, _TOP, _MARGIN + WIDTH, self._y + 1))
                    header.draw(self._device)
            self._start = self._y

    def _turn(self) -> None:
        """Ends the page: its notes, its number."""
        self._draw_notes()
        self._over = bool(self._notes)
        foot = _story(f'<p class="foot">{html.escape(self._title)} · {self._number + 1}</p>')
        foot.place(_FOOT)
        foot.draw(self._device)
        self._writer.end_page()
        self._device = None

    def _draw_notes(self) -> None:
        if not self._notes:
            return
        room = _BOTTOM - max(self._y + _NOTES_GAP, _TOP)
        height = min(room, sum(note.height for note in self._notes))
        y = top = _BOTTOM - height
        if height < 10.0:  # not one line: all of them on the next page
            return
        while self._notes and y < _BOTTOM - 1.0:
            note = self._notes[0]
            more, filled = note.story.place(pymupdf.Rect(_MARGIN, y, _MARGIN + WIDTH, _BOTTOM + 1))
            box = pymupdf.Rect(filled)
            if more and _without_a_line(filled):
                if not self._fresh or y > top:
                    break
                more, filled = note.story.place(pymupdf.Rect(_MARGIN, y, _MARGIN + WIDTH, _TALL))
                box = pymupdf.Rect(filled)
            if y == top:
                self.rules.append((self._number, y - _NOTES_GAP / 2))
            note.story.draw(self._device)
            y = box.y1
            if more:
                note.height = _height(note.story)
                break
            self._notes.popleft()


def _without_a_line(filled: object) -> bool:
    """Whether nothing but a margin was placed. Drawn, it would swallow what is drawn next."""
    box = pymupdf.Rect(filled)
    return bool(box.is_empty) or box.height < _LINE


def _story(markup: str) -> pymupdf.Story:
    return pymupdf.Story(markup, user_css=_STYLE, em=10)


def _measured(markup: str) -> _Note:
    story = _story(markup)
    return _Note(story, _height(story))


def _height(story: pymupdf.Story) -> float:
    """The height of what is not drawn yet."""
    _, filled = story.place(pymupdf.Rect(0, 0, WIDTH, _TALL))
    return float(pymupdf.Rect(filled).y1)
