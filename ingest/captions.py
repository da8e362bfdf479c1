"""Captions of figures and the places in the text that point to them ("see Figure 3").

Knows lines and wording in a few languages; knows nothing of graphics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.clusters import bounds
from ingest.normalise import normalise
from ingest.types import Box, Line, Role

_FIGURE = (
    r"figures?|figs?\.?|charts?|graphs?|diagrams?|exhibits?|maps?|photos?|photographs?|plates?|"
    r"schemes?|images?|illustrations?|abbildungen|abbildung|abb\.?|grafik|diagramm|bild|foto|"
    r"figura|gráfico|illustrazione"
)
_TABLE = r"tables?|tab\.|tabelle|tabla|tableau|tabella"
_NUMBER = r"[A-Z]?\d{1,3}(?:[.\-–]\d{1,3})*[a-z]?|[A-Z](?=[.:])|[IVX]{1,5}(?![a-zA-Z])"
_CAPTION = re.compile(
    rf"(?P<word>(?i:{_FIGURE}|{_TABLE}))\s*(?P<number>{_NUMBER})"
    rf"(?:\s*[.:|–—-](?:\s|$)|\s+[(“\"'A-ZÀ-Þ]|\s*$)"
)
_MENTION = re.compile(rf"\b(?P<word>(?i:{_FIGURE}|{_TABLE}))\s*(?P<number>{_NUMBER})(?![\w%])")
_LINES = 14
_TABLE_WORD = re.compile(_TABLE, re.I)

_TITLE_GAP = 22.0  # points from a chart to the lines that head it
_TITLE_LINES = 5
_TITLE_LENGTH = 110


@dataclass(frozen=True, slots=True)
class Caption:
    """The lines of a caption; ``label`` is what the text calls it, in one form ("figure 3")."""

    label: str
    is_figure: bool
    lines: tuple[Line, ...]

    @property
    def box(self) -> Box:
        """Around all of its lines."""
        return bounds([line.box for line in self.lines])


def label_of(word: str, number: str) -> str:
    """One form for "Fig. 3", "FIGURE 3" and "Figures 3"; of "Figure 3a" the figure as well.

    >>> label_of("Figs.", "3a"), label_of("Abb.", "2.1")
    ('figure 3', 'abbildung 2.1')
    """
    word = word.casefold().rstrip(".")
    word = {"fig": "figure", "figs": "figure", "abb": "abbildung", "tab": "table",
            "abbildungen": "abbildung", "photograph": "photo"}.get(word, word)  # fmt: skip
    if word.endswith("s"):
        word = word[:-1]
    number = re.sub(r"(?<=\d)[a-z]$", "", number).replace("–", "-")
    return f"{word} {number}"


def captions_of(lines: Sequence[Line]) -> list[Caption]:
    """The captions among a page's lines, each with the lines of its paragraph."""
    found: list[Caption] = []
    for place, line in enumerate(lines):
        opens = place == 0 or lines[place - 1].block != line.block
        if line.role in (Role.FURNITURE, Role.TABLE) or not (opens or line.role is Role.CAPTION):
            continue
        match = _CAPTION.match(line.text.lstrip())
        if match is None or (found and line in found[-1].lines):
            continue
        part = [line]
        for following in lines[place + 1 : place + _LINES]:
            if following.block != line.block or following.role is Role.TABLE:
                break
            if _CAPTION.match(following.text.lstrip()) and following.role is Role.CAPTION:
                break
            part.append(following)
        if match.end() == len(line.text.strip()) and len(part) == 1:
            part += _next_paragraph(lines, place)
        is_figure = _TABLE_WORD.fullmatch(match["word"]) is None
        found.append(Caption(label_of(match["word"], match["number"]), is_figure, tuple(part)))
    return found


def _next_paragraph(lines: Sequence[Line], place: int) -> list[Line]:
    """The title under a label that stands alone."""
    label = lines[place]
    part: list[Line] = []
    for line in lines[place + 1 : place + 4]:
        height = label.box.y1 - label.box.y0
        above = part[-1] if part else label
        near = -height < line.box.y0 - above.box.y1 < height
        if not near or line.role in (Role.TABLE, Role.FURNITURE) or len(line.text) > 140:
            break
        part.append(line)
    return part


def mentions(lines: Sequence[Line]) -> Iterator[tuple[str, str, Box]]:
    """Each place where the text names a figure or table: its label, the words around it (the
    line with its neighbours in the paragraph), and the line's box."""
    for place, line in enumerate(lines):
        if line.role is Role.FURNITURE or "\t" in line.text:
            continue
        for match in _MENTION.finditer(line.text):
            around = [
                other.text
                for other in lines[max(place - 1, 0) : place + 2]
                if other.block == line.block
            ]
            yield label_of(match["word"], match["number"]), normalise("\n".join(around)), line.box


def title_above(box: Box, lines: Sequence[Line], exclude: Sequence[Line]) -> tuple[Line, ...]:
    """The lines right above a graphic, no wider than it, that head it: not paragraphs of prose."""
    taken: list[Line] = []
    top = box.y0
    wide = box.x1 - box.x0
    candidates = [
        line
        for line in lines
        if line not in exclude
        and line.role not in (Role.FURNITURE, Role.TABLE)
        and line.box.y1 <= box.y0 + 4
        and line.box.x0 > box.x0 - 0.15 * wide - 12
        and line.box.x1 < box.x1 + 0.15 * wide + 12
    ]
    for line in sorted(candidates, key=lambda line: -line.box.y1):
        gap = top - line.box.y1
        if gap > (_TITLE_GAP if not taken else 0.9 * (line.box.y1 - line.box.y0)):
            break
        if len(line.text) > _TITLE_LENGTH or len(taken) == _TITLE_LINES:
            return ()  # a paragraph that ends above it
        taken.append(line)
        top = min(top, line.box.y0)
    taken.reverse()
    if taken and taken[-1].text.rstrip()[-1:] in ".;,:" and taken[0].role is not Role.HEADING:
        return ()
    return tuple(taken)
