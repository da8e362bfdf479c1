"""From the bytes of any format but PDF to its rendition."""

from __future__ import annotations

from ingest.formats import docx, html, images, mail, markdown, text, typeset
from ingest.formats.blocks import Draft, Rendition
from ingest.formats.detect import Kind
from ingest.guest.limits import Limits


def render(data: bytes, kind: Kind, name: str, limits: Limits) -> Rendition:
    """The rendition of a file of any ``kind`` but PDF.

    Raises:
        ReadError: the file cannot be read; the cause says why.
    """
    if kind.is_image:
        return images.render(data, kind, name, limits)
    return typeset.render(_draft(data, kind, name), name, limits)


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
