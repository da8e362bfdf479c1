"""From the places of words to lines: which words share a line, its box, and what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.formats.blocks import Block, Heading, ListItem, Preformatted, Table
from ingest.formats.markup import Entry, Markup
from ingest.types import Box, Role

_SAME_LINE = 3.0  # points between the tops of words that share a line, at most


@dataclass(slots=True)
class Place:
    """Where an atom, or a line of them, stands: a page counted from 0, and a box in points."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float

    def extend(self, page: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """Grows to hold another box of the same page; what lies on a later page is left out."""
        if page == self.page:
            self.x0, self.y0 = min(self.x0, x0), min(self.y0, y0)
            self.x1, self.y1 = max(self.x1, x1), max(self.y1, y1)


@dataclass(frozen=True, slots=True)
class Placed:
    """A line; ``first`` is true for the first of its block."""

    page: int
    text: str
    box: Box
    role: Role
    level: int
    first: bool


def lines(markup: Markup, places: dict[int, Place]) -> Iterator[Placed]:
    """The lines of all blocks in order. White space keeps its width in preformatted text only."""
    for entry in markup.entries:
        level = entry.block.level if isinstance(entry.block, Heading) else 0
        first = True
        for role, text, place in _lines(entry, markup, places):
            box = Box(place.x0, place.y0, place.x1, place.y1)
            yield Placed(place.page, text, box, role, level, first)
            first = False


def _lines(
    entry: Entry, markup: Markup, places: dict[int, Place]
) -> Iterator[tuple[Role, str, Place]]:
    if isinstance(entry.block, Table):
        yield from _rows(entry.block, entry, markup, places)
        return
    keeps_space = isinstance(entry.block, Preformatted)
    text: list[str] = []
    line: Place | None = None
    for number in range(entry.first, entry.end):
        atom, place = markup.atoms[number], places.get(number)
        if place is None:
            text.append(atom.before + atom.text)  # a sign without width, such as a lone mark
            continue
        ended = "\n" in atom.before or (
            line is not None and (place.page != line.page or place.y0 - line.y1 > -_SAME_LINE)
        )
        if line is None or ended:
            if line is not None:
                yield _role(entry.block), "".join(text), line
                text = []
            line = Place(place.page, place.x0, place.y0, place.x1, place.y1)
            indent = atom.before.rpartition("\n")[2] if keeps_space else ""
            text.append(indent + atom.text)
        else:
            line.extend(place.page, place.x0, place.y0, place.x1, place.y1)
            text.append(atom.before + atom.text)
    if line is not None:
        yield _role(entry.block), "".join(text), line


def _rows(
    table: Table, entry: Entry, markup: Markup, places: dict[int, Place]
) -> Iterator[tuple[Role, str, Place]]:
    boxes: dict[int, Place] = {}
    for number in range(entry.first, entry.end):
        place, row = places.get(number), markup.atoms[number].row
        if place is None:
            continue
        if row in boxes:
            boxes[row].extend(place.page, place.x0, place.y0, place.x1, place.y1)
        else:
            boxes[row] = Place(place.page, place.x0, place.y0, place.x1, place.y1)
    for row, cells in enumerate(table.rows):
        if row in boxes:
            role = Role.TABLE_HEADER if table.header and row == 0 else Role.TABLE
            text = "\t".join(" ".join(cell.split()) for cell in cells)
            yield role, text, boxes[row]


def _role(block: Block) -> Role:
    match block:
        case Heading():
            return Role.HEADING
        case ListItem():
            return Role.LIST
        case _:
            return Role.BODY
