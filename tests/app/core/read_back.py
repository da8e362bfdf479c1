"""Exported files as other programs read them, for tests."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import docx
import pymupdf
from docx.oxml.ns import qn
from lxml import etree
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.core.exporting import docx_document, markdown_document, pdf_document
from app.core.exporting.answer_paper import paper_of_answer
from app.core.exporting.paper import Paper
from app.core.records import AnswerRecord, Exchange

WRITERS = {
    "docx": docx_document.write,
    "pdf": pdf_document.write,
    "markdown": markdown_document.write,
}


def exchange(made: AnswerRecord, number: int = 3) -> Exchange:
    return Exchange(number, 1, 1, made.made, made)


def paper(made: AnswerRecord, *, with_record: bool = False) -> Paper:
    return paper_of_answer(exchange(made), with_record=with_record)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


class Word:
    """A DOCX file as python-docx and lxml read it."""

    def __init__(self, data: bytes) -> None:
        self.document = docx.Document(io.BytesIO(data))
        self.archive = zipfile.ZipFile(io.BytesIO(data))
        for name in self.archive.namelist():
            if name.endswith((".xml", ".rels")):
                etree.fromstring(self.archive.read(name))
        self.body = etree.fromstring(self.archive.read("word/document.xml"))

    @property
    def notes(self) -> dict[int, str]:
        root = etree.fromstring(self.archive.read("word/footnotes.xml"))
        return {
            int(note.get(qn("w:id"))): "".join(t.text or "" for t in note.iter(qn("w:t"))).strip()
            for note in root
            if note.get(qn("w:type")) is None
        }

    @property
    def text(self) -> str:
        def words(element: etree._Element) -> str:
            parts = {qn("w:tab"): "\t", qn("w:br"): "\n"}
            return "".join(
                (e.text or "") if e.tag == qn("w:t") else parts.get(e.tag, "")
                for e in element.iter()
            )

        return "\n".join(words(p) for p in self.body.iter(qn("w:p")))

    @property
    def references(self) -> list[int]:
        return [int(e.get(qn("w:id"))) for e in self.body.iter(qn("w:footnoteReference"))]


def pdf_text(data: bytes) -> str:
    # Without this flag ligatures come as the letters they stand for.
    flags = pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_PRESERVE_LIGATURES
    with pymupdf.open(stream=data) as document:
        return "\n".join(page.get_text(flags=flags) for page in document)


def tokens(text: str) -> list[Token]:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found: list[Token] = []
    for token in parser.parse(text):
        found += [token, *(token.children or [])]
    return found


def shown(text: str) -> str:
    """The text that a reader of Markdown shows."""
    return "".join(t.content if t.type in ("text", "fence") else " " for t in tokens(text))


def read(writer: Callable[[Paper], bytes], data: bytes) -> str:
    if writer is docx_document.write:
        word = Word(data)
        notes = word.notes.values() if "word/footnotes.xml" in word.archive.namelist() else ()
        return "\n".join([word.text, *notes])
    return pdf_text(data) if writer is pdf_document.write else shown(data.decode())
