"""Runs of a Word document that are not seen: marked as hidden, tiny, or white on white.

Properties come from the run, its style, and its paragraph's style. White text hides only where
nothing in the document may lie under it: no shade, no highlight, no table with a style, no
picture behind the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_OFF = ("0", "false", "off", "none")
_TINY = 4  # half-points
_WHITE = re.compile(r"f[c-f]f[c-f]f[c-f]", re.I)


class Sight:
    """Says of runs whether they are hidden, and keeps their text in ``unseen``."""

    def __init__(self, styles: dict[str, Any], *, grounds: bool) -> None:
        self.unseen: list[str] = []
        self._styles = styles
        self._grounds = grounds
        self._joins = False

    @classmethod
    def of(cls, document: Any) -> Sight:
        """That of a document; a background or a picture behind its text makes white text seen."""
        body = document.element
        anchors = body.iter(f"{_WP}anchor")
        behind = any(anchor.get("behindDoc") in ("1", "true") for anchor in anchors)
        background = body.find(f"{W}background") is not None
        styles = {style.style_id: style.element for style in document.styles}
        return cls(styles, grounds=behind or background)

    def begin(self) -> None:
        """A new paragraph: what it hides is a text of its own."""
        self._joins = False

    def hides(self, paragraph: Any, run: Any) -> bool:
        """Whether a run of ``paragraph`` is hidden."""
        sources = list(self._properties(paragraph, run))
        if not sources:
            return False
        hidden = (
            self._is_vanished(sources)
            or self._is_tiny(sources)
            or (self._is_white(sources, run) and not self._is_shaded(paragraph))
        )
        text = "".join(part.text or "" for part in run.iter(f"{W}t"))
        if hidden and text:
            if self._joins:
                self.unseen[-1] += text
            else:
                self.unseen.append(text)
            self._joins = True
        return hidden

    def _properties(self, paragraph: Any, run: Any) -> Iterator[Any]:
        """The property elements that count for a run, the nearest first."""
        own = run.find(f"{W}rPr")
        if own is not None:
            yield own
            yield from self._chain(own.find(f"{W}rStyle"))
        yield from self._chain(paragraph.find(f"{W}pPr/{W}pStyle"))

    def _chain(self, reference: Any) -> Iterator[Any]:
        for style in self._ancestry(reference):
            properties = style.find(f"{W}rPr")
            if properties is not None:
                yield properties

    def _ancestry(self, reference: Any) -> Iterator[Any]:
        for _ in range(20):
            style = None if reference is None else self._styles.get(reference.get(f"{W}val"))
            if style is None:
                return
            yield style
            reference = style.find(f"{W}basedOn")

    def _is_vanished(self, sources: list[Any]) -> bool:
        found = _first(sources, "vanish")
        return found is not None and found.get(f"{W}val") not in _OFF

    def _is_tiny(self, sources: list[Any]) -> bool:
        size = _first(sources, "sz")
        value = "" if size is None else size.get(f"{W}val") or ""
        return value.isdecimal() and len(value) < 9 and int(value) < _TINY

    def _is_white(self, sources: list[Any], run: Any) -> bool:
        colour = _first(sources, "color")
        if colour is None or not _WHITE.fullmatch(colour.get(f"{W}val") or ""):
            return False
        if self._grounds or _first(sources, "highlight") is not None:
            return False
        if any(source.find(f"{W}shd") is not None for source in sources):
            return False
        return not any(_may_be_dark(up) for up in run.iterancestors())

    def _is_shaded(self, paragraph: Any) -> bool:
        styles = self._ancestry(paragraph.find(f"{W}pPr/{W}pStyle"))
        return any(style.find(f"{W}pPr/{W}shd") is not None for style in styles)


def _first(sources: list[Any], name: str) -> Any:
    return next(
        (found for source in sources if (found := source.find(f"{W}{name}")) is not None), None
    )


def _may_be_dark(element: Any) -> bool:
    """Whether an element about a run may paint its ground: a shaded paragraph, cell or table, one
    with a style, or a text box, whose filling is not looked up."""
    if element.tag == f"{W}txbxContent":
        return True
    for name in ("pPr", "tcPr", "tblPr", "sdtPr"):
        properties = element.find(f"{W}{name}")
        if properties is not None and properties.find(f"{W}shd") is not None:
            return True
    style = element.find(f"{W}tblPr/{W}tblStyle")
    return style is not None and style.get(f"{W}val") not in ("TableNormal", "TableGrid")
