"""Readers of text formats. They run in guests, where any error becomes a reason; here, only
errors that were meant count as one."""

from __future__ import annotations

import html.parser
import io
import zipfile

from ingest.errors import ReadError
from ingest.formats import detect, docx, mail, markdown, package, text
from ingest.formats import html as html_reader
from ingest.formats.blocks import (
    Block,
    Draft,
    Heading,
    ListItem,
    PageBreak,
    Paragraph,
    Preformatted,
    Table,
)
from ingest.formats.markup import Markup
from ingest.guest.limits import Limits
from tests.fuzz.target import Target

_NAMES = ("a.pdf", "a.docx", "a.txt", "a.md", "a.html", "a.eml", "a.png", "a.xlsx", "a")
_LIMITS = Limits()
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _drafted(draft: Draft) -> None:
    markup = Markup()
    for block in draft.blocks:
        markup.add(block)
    assert isinstance(draft.title, str)


def _markup(data: bytes) -> None:
    """Whatever a block says, its markup has our elements only, and every atom once."""
    kind, words = data[:1], data[1:].decode("utf-8", "replace")
    cells = tuple(tuple(row.split("\t")) for row in words.split("\n"))
    blocks: dict[bytes, Block] = {
        b"h": Heading(words, 1 + len(words) % 6),
        b"l": ListItem(words, words[:3], len(words) % 12),
        b"p": Preformatted(words),
        b"t": Table(cells, len(words) % 2 == 0),
        b"b": PageBreak(),
    }
    markup = Markup()
    markup.add(blocks.get(kind, Paragraph(words)))
    seen = _Seen()
    seen.feed(markup.html)
    seen.close()
    assert seen.ids == [str(number) for number in range(len(markup.atoms))]
    assert seen.tags <= {"body", "p", "pre", "table", "tr", "td", "th", "span", "br",
                         "h1", "h2", "h3", "h4", "h5", "h6"}, seen.tags  # fmt: skip


class _Seen(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]


def _docx(data: bytes) -> None:
    """``data`` is the main part of a package that is whole otherwise."""
    _drafted(docx.read(_packed(data), "a.docx"))


def _packed(document: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as made:
        for name, content in _PARTS.items():
            made.writestr(name, content)
        made.writestr("word/document.xml", document)
    return written.getvalue()


def _package(data: bytes) -> None:
    name = _NAMES[data[0] % len(_NAMES)] if data else "a"
    kind = detect.detect(data[1:], name)
    if kind is detect.Kind.DOCX:
        package.check(data[1:], name)


_PARTS = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    ),
}


def _docx_seeds() -> list[bytes]:
    body = (
        "<w:p><w:pPr><w:pStyle w:val='Heading1'/><w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/>"
        "</w:numPr></w:pPr><w:r><w:rPr><w:vanish/><w:color w:val='FFFFFF'/><w:sz w:val='2'/>"
        "</w:rPr><w:t>Hidden</w:t><w:tab/><w:br w:type='page'/></w:r></w:p>"
        "<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/><w:vMerge/></w:tcPr>"
        "<w:p><w:r><w:t>Cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        "<w:sdt><w:sdtContent><w:p><w:ins><w:r><w:t>In</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>Out</w:delText></w:r></w:del></w:p></w:sdtContent></w:sdt>"
    )
    return [f"<w:document {_W}><w:body>{body}</w:body></w:document>".encode()]


_MAIL = (
    b"From: =?utf-8?B?QW5uYQ==?= <anna@example.org>\r\nTo: b@example.org\r\n"
    b"Date: Mon, 2 Feb 2026 10:00:00 +0100\r\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
    b"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
    b"quoted-printable\r\n\r\nA=20line=\r\n\r\n--x\r\nContent-Type: application/pdf\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''a%20b.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--x--\r\n"
)
_HTML = (
    b"<!doctype html><html><head><title>T</title><meta name=author content=A><style>.h{display:"
    b"none}p>b,#x:not(.y){color:rgb(1,2,3);font-size:0.5em}</style></head><body><h1>A</h1>"
    b"<p class=h>no</p><ol start=3><li>one<ul><li>two</ul></ol><table><tr><th>a<th>b<tr>"
    b"<td colspan=2>c</table><pre> x </pre><blockquote style='color:#fff;background:#fff'>q"
    b"</blockquote>&amp;&#65;<br></body></html>"
)
_MARKDOWN = (
    b"---\ntitle: T\n---\n# A\n\n* one\n  1. two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    b"> quoted **bold** [link](http://example.org) `code`\n\n```\nx\n```\n<b>raw</b>\n"
)
_TEXT = "TITLE\n=====\n\nWörter, words\n\nName   Dose\nA      5 mg\nB      7 mg\n\fNext".encode()


def _read_mail(data: bytes) -> None:
    _drafted(mail.read(data))


def _read_html(data: bytes) -> None:
    _drafted(html_reader.read(data))


def _read_markdown(data: bytes) -> None:
    _drafted(markdown.read(data))


def _read_text(data: bytes) -> None:
    _drafted(text.read(data))


def _package_seeds() -> list[bytes]:
    whole = _packed(_docx_seeds()[0])
    return [b"\x01" + whole, b"\x00%PDF-1.4\n1 0 obj", b"\x06\x89PNG\r\n\x1a\n", b"\x05" + _MAIL]


_READ = (ReadError,)
TARGETS = {
    "mail": Target(_read_mail, _READ, lambda: [_MAIL]),
    "html": Target(_read_html, _READ, lambda: [_HTML]),
    "markdown": Target(_read_markdown, _READ, lambda: [_MARKDOWN]),
    "text": Target(_read_text, _READ, lambda: [_TEXT, _TEXT.decode().encode("utf-16")]),
    "markup": Target(
        _markup, (), lambda: [b"pa<b>\n\tc", b"ta\tb\n1\t2", b"h<x>", b"l\xe4\xb8\xad"]
    ),
    "docx": Target(_docx, _READ, _docx_seeds),
    "package": Target(_package, _READ, _package_seeds),
}
