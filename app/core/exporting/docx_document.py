"""A paper as a Word document, written with python-docx; see `docx_footnotes` for the notes."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import docx
from docx.document import Document
from docx.enum.section import WD_ORIENT
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from app.core.exporting.docx_footnotes import Footnotes
from app.core.exporting.docx_runs import add_inlines
from app.core.exporting.paper import (
    Block,
    Facts,
    Heading,
    Inlines,
    Listing,
    Paper,
    Paragraph,
    Span,
    Table,
)

_WIDTH, _HEIGHT, _MARGIN = 210, 297, 25  # A4, in mm
_NAME_SHARE = 0.2  # of the width, for the names of facts
_LISTING = "Muniment Listing"
_QUIET = "Muniment Quiet"
_CELL = "Muniment Cell"
_WIDE = 4  # columns; a table with more is set smaller
_GREY = RGBColor(0x55, 0x55, 0x55)


def write(paper: Paper) -> bytes:
    """The paper as the bytes of a DOCX file."""
    document = docx.Document()
    _set_up(document, paper)
    notes = Footnotes(document, paper.notes)
    add_inlines(document.add_paragraph(style="Title")._p, (Span(paper.title),), notes.refer)
    for block in paper.blocks:
        _add(document, block, notes)
    notes.attach()
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def _set_up(document: Document, paper: Paper) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(_WIDTH), Mm(_HEIGHT)
    section.left_margin = section.right_margin = Mm(_MARGIN)
    section.top_margin = section.bottom_margin = Mm(_MARGIN)
    if paper.landscape:
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = Mm(_HEIGHT), Mm(_WIDTH)
    document.styles["Normal"].font.size = Pt(10.5)
    document.styles["Title"].font.size = Pt(18)
    listing = document.styles.add_style(_LISTING, WD_STYLE_TYPE.PARAGRAPH)
    listing.base_style = document.styles["Normal"]
    listing.font.name, listing.font.size = "Consolas", Pt(8.5)
    quiet = document.styles.add_style(_QUIET, WD_STYLE_TYPE.PARAGRAPH)
    quiet.base_style = document.styles["Normal"]
    quiet.font.size, quiet.font.color.rgb = Pt(9), _GREY
    cell = document.styles.add_style(_CELL, WD_STYLE_TYPE.PARAGRAPH)
    cell.base_style = document.styles["Normal"]
    cell.font.size = Pt(8)
    properties = document.core_properties
    properties.title = paper.title[:255]
    properties.author = properties.last_modified_by = "Muniment"
    properties.comments = ""
    properties.created = properties.modified = _moment(paper.made)


def _add(document: Document, block: Block, notes: Footnotes) -> None:
    match block:
        case Heading(text, level):
            paragraph = document.add_paragraph(style=f"Heading {min(level, 9)}")
            add_inlines(paragraph._p, (Span(text),), notes.refer)
        case Paragraph(inlines, quiet):
            paragraph = document.add_paragraph(style=_QUIET if quiet else None)
            add_inlines(paragraph._p, inlines, notes.refer)
        case Listing(text):
            for part in text.split("\n\n"):  # Word is slow with paragraphs of many pages
                add_inlines(document.add_paragraph(style=_LISTING)._p, (Span(part),), notes.refer)
        case Facts(rows):
            cells = tuple(((Span(name, bold=True),), _lines(lines)) for name, lines in rows)
            widths = (_NAME_SHARE, 1 - _NAME_SHARE)
            _add_table(document, Table(cells, header=False, widths=widths), notes)
        case Table():
            _add_table(document, block, notes)


def _lines(lines: tuple[str, ...]) -> Inlines:
    return (Span("\n".join(lines)),)


def _add_table(document: Document, table: Table, notes: Footnotes) -> None:
    shares = table.shares()
    if not shares:
        return
    made = document.add_table(rows=len(table.rows), cols=len(shares), style="Table Grid")
    made.autofit = False
    if not table.header:  # else readers take the first row for one
        look = made._tbl.tblPr.find(qn("w:tblLook"))
        look.set(qn("w:firstRow"), "0")
        look.set(qn("w:val"), "0480")
    page_width = document.sections[0].page_width
    text_width = (page_width.mm if page_width else _WIDTH) - 2 * _MARGIN
    style = _CELL if len(shares) > _WIDE else None
    for column, share in zip(made.columns, shares, strict=True):
        column.width = Mm(text_width * share)
    for number, (row, cells) in enumerate(zip(made.rows, table.rows, strict=True)):
        for cell, share in zip(row.cells, shares, strict=True):
            cell.width = Mm(text_width * share)
        for cell, inlines in zip(row.cells, cells, strict=False):
            _fill(cell, inlines, notes, style)
        if table.header and number == 0:
            row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    document.add_paragraph()  # tables that touch become one


def _fill(cell: Any, inlines: Inlines, notes: Footnotes, style: str | None) -> None:
    paragraph = cell.paragraphs[0]
    if style:
        paragraph.style = style
    paragraph.paragraph_format.space_after = Pt(2)
    add_inlines(paragraph._p, inlines, notes.refer)


def _moment(made: str) -> datetime:
    """When it was made; python-docx takes times without a zone, in UTC."""
    try:
        return datetime.fromisoformat(made).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return datetime.now(UTC).replace(tzinfo=None)
