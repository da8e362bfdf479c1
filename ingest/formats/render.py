"""From the bytes of any format but PDF to its rendition."""

from __future__ import annotations

from dataclasses import replace

import pymupdf

from ingest.errors import ReadError
from ingest.formats import docx, html, images, mail, markdown, text, typeset
from ingest.formats.blocks import (
    Block,
    Draft,
    Heading,
    ListItem,
    PageBreak,
    Paragraph,
    Preformatted,
    Rendition,
    Table,
)
from ingest.formats.detect import Kind, picture_kind
from ingest.guest.limits import Limits
from ingest.unseen import hidden_warnings, seen

_SMALLEST = 250  # pixels in the shorter side of a picture that may hold text worth reading


def render(data: bytes, kind: Kind, name: str, limits: Limits) -> Rendition:
    """The rendition of a file of any ``kind`` but PDF.

    Raises:
        ReadError: the file cannot be read; the cause says why.
    """
    if kind.is_image:
        return images.render(data, kind, name, limits)
    draft = _seen(_draft(data, kind, name))
    rendition = typeset.render(draft, name, limits)
    return _with_pictures(rendition, draft.pictures, name, limits) if draft.pictures else rendition


def _draft(data: bytes, kind: Kind, name: str) -> Draft:
    match kind:
        case Kind.DOCX:
            return docx.read(data, name)
        case Kind.HTML:
            return html.read(data)
        case Kind.MARKDOWN:
            return markdown.read(data)
        case Kind.EML:
            return mail.read(data)
        case Kind.TEXT:
            return text.read(data)
        case _:
            raise ValueError(f"{kind} has no text reader")


def _seen(draft: Draft) -> Draft:
    """A draft without what cannot be seen in its text, and a warning that tells of it."""
    unseen = list(draft.unseen)

    def shown(text: str) -> str:
        plain, messages = seen(text)
        unseen.extend(messages)
        return plain

    blocks: list[Block] = []
    for block in draft.blocks:
        match block:
            case Table(rows):
                cells = tuple(tuple(shown(cell) for cell in row) for row in rows)
                blocks.append(replace(block, rows=cells))
            case Heading(text) | Paragraph(text) | ListItem(text) | Preformatted(text):
                blocks.append(replace(block, text=shown(text)))
            case PageBreak():
                blocks.append(block)
    warnings = (*draft.warnings, *hidden_warnings(unseen))
    return replace(draft, blocks=tuple(blocks), warnings=warnings)


def _with_pictures(
    rendition: Rendition, pictures: tuple[bytes, ...], name: str, limits: Limits
) -> Rendition:
    """The rendition with a page for each of the document's larger pictures after its text."""
    shown = left_out = 0
    with pymupdf.open(stream=rendition.pdf, filetype="pdf") as document:
        for picture in dict.fromkeys(pictures):
            kind = picture_kind(picture)
            if kind is None or document.page_count >= limits.max_pages:
                left_out += 1
                continue
            try:
                made = images.render(picture, kind, name, limits)
            except ReadError:
                left_out += 1
                continue
            with pymupdf.open(stream=made.pdf, filetype="pdf") as page:
                shown_image = page[0].get_image_info()[0]
                if min(shown_image["width"], shown_image["height"]) >= _SMALLEST:
                    document.insert_pdf(page)
                    shown += 1
        pdf = document.tobytes(garbage=1, deflate=True, no_new_id=True) if shown else rendition.pdf
    notes = []
    if shown:
        notes.append(f"Its pictures ({shown}) were read on pages of their own after the text.")
    if left_out:
        notes.append(f"{left_out} of its pictures could not be read.")
    return replace(rendition, pdf=pdf, warnings=(*rendition.warnings, *notes))
