"""Runs of text in a DOCX file: words, tabs and line breaks, with their form and direction."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from app.core.exporting.paper import Inlines, NoteRef, right_to_left

# What may follow these in a paragraph's properties, in the order of the schema.
_AFTER_BIDI = (
    "w:adjustRightInd w:snapToGrid w:spacing w:ind w:contextualSpacing w:mirrorIndents "
    "w:suppressOverlap w:jc w:textDirection w:textAlignment w:textboxTightWrap w:outlineLvl "
    "w:divId w:cnfStyle w:rPr w:sectPr w:pPrChange"
).split()


def run(text: str, *, bold: bool = False, italic: bool = False, style: str = "") -> Any:
    """A run; ``text`` as `paper.clean` leaves it."""
    made = OxmlElement("w:r")
    properties = OxmlElement("w:rPr")
    if style:
        properties.append(OxmlElement("w:rStyle", {qn("w:val"): style}))
    # The second of each is for scripts that Word calls complex.
    for wanted, names in ((bold, ("w:b", "w:bCs")), (italic, ("w:i", "w:iCs"))):
        if wanted:
            for name in names:
                properties.append(OxmlElement(name))
    if right_to_left(text):
        properties.append(OxmlElement("w:rtl"))
    if len(properties):
        made.append(properties)
    for piece in re.split("([\t\n])", text):
        if piece == "\t":
            made.append(OxmlElement("w:tab"))
        elif piece == "\n":
            made.append(OxmlElement("w:br"))
        elif piece:
            words = OxmlElement("w:t", {qn("xml:space"): "preserve"})
            words.text = piece
            made.append(words)
    return made


def add_inlines(paragraph: Any, inlines: Inlines, refer: Callable[[Any, int], None]) -> None:
    """Appends spans and references to a paragraph's element, and gives it their direction."""
    for part in inlines:
        if isinstance(part, NoteRef):
            refer(paragraph, part.n)
        elif part.text:
            paragraph.append(run(part.text, bold=part.bold, italic=part.italic))
    words = "".join(part.text for part in inlines if not isinstance(part, NoteRef))
    if right_to_left(words):
        paragraph.get_or_add_pPr().insert_element_before(OxmlElement("w:bidi"), *_AFTER_BIDI)
