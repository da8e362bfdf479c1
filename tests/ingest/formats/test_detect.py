from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import DamagedFile, ReadError, UnsupportedFile
from ingest.formats.detect import Kind, detect


def package(*members: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    return data.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
MAIL = b"Received: from a by b\r\n\tfor c\r\nFrom: a@b\r\nMIME-Version: 1.0\r\n\r\nText\r\n"


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7\n...", "a.pdf", Kind.PDF),
        (b"junk before\n%PDF-1.4", "a.bin", Kind.PDF),
        (b"1 0 obj\n<< >>\nendobj", "a.pdf", Kind.PDF),
        (b"\x89PNG\r\n\x1a\n....", "a.pdf", Kind.PNG),
        (b"\xff\xd8\xff\xe0....", "a", Kind.JPEG),
        (b"II*\x00....", "a.tif", Kind.TIFF),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a.webp", Kind.WEBP),
        (package("[Content_Types].xml", "word/document.xml"), "a.docx", Kind.DOCX),
        (b"<!DOCTYPE html><html>", "a.pdf", Kind.HTML),
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<html>", "a.txt", Kind.HTML),
        (b"# Title\n", "a.md", Kind.MARKDOWN),
        (MAIL, "noname", Kind.EML),
        (b"Note: this\nFrom: me\n", "a.txt", Kind.TEXT),
        (b"plain words", "noname", Kind.TEXT),
        ("Grüße".encode("utf-16-le") * 20, "a.txt", Kind.TEXT),
        (b"BMW is a maker of cars", "a.txt", Kind.TEXT),
    ],
)
def test_kinds_are_told_by_content(data: bytes, name: str, kind: Kind) -> None:
    assert detect(data, name) is kind


@pytest.mark.parametrize(
    ("data", "name", "cause"),
    [
        (b"{\\rtf1 x}", "a.rtf", "RTF"),
        (OLE + "WordDocument".encode("utf-16-le"), "a.doc", "old Word"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", "password"),
        (package("xl/workbook.xml"), "a.xlsx", "Excel"),
        (package("content.xml"), "a.odt", "OpenDocument"),
        (package("readme"), "a.zip", "archive"),
        (b"GIF89a\x00\x01", "a.gif", "GIF"),
        (b"\x00\x00\x00\x18ftypheic", "a.heic", "HEIC"),
        (b"\x7fELF\x02", "a.pdf", "program"),
        (bytes(range(256)) * 20, "a.pdf", "PDF"),
        (bytes(range(256)) * 20, "noname", "no format"),
    ],
)
def test_the_rest_is_refused_with_a_reason(data: bytes, name: str, cause: str) -> None:
    with pytest.raises(UnsupportedFile, match=cause) as caught:
        detect(data, name)
    assert caught.value.remedy


@pytest.mark.parametrize("data", [b"", b"words", b"PK\x03\x04 broken", bytes(range(256)) * 20])
def test_a_name_of_another_type_is_believed_where_no_document_speaks_against_it(
    data: bytes,
) -> None:
    with pytest.raises(UnsupportedFile, match="Excel workbook") as caught:
        detect(data, "book.xlsx")
    assert "not supported" in caught.value.cause
    assert "PDF, PNG" in caught.value.remedy
    assert detect(b"%PDF-1.7\n...", "book.xlsx") is Kind.PDF


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"", "a.pdf"), (b"PK\x03\x04 broken", "a.docx"), (b"only words", "a.pdf")],
)
def test_damage_is_named(data: bytes, name: str) -> None:
    with pytest.raises(DamagedFile):
        detect(data, name)


@given(st.binary(max_size=200), st.sampled_from(["a.pdf", "a.docx", "a.txt", "a", "a.eml"]))
def test_any_bytes_have_a_kind_or_a_reason(data: bytes, name: str) -> None:
    try:
        assert isinstance(detect(data, name), Kind)
    except ReadError as error:
        assert error.cause
        assert error.remedy
