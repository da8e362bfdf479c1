"""Office files and messages that unpack to more than they seem: made here, small on disk."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from itertools import pairwise

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="zip" ContentType="application/zip"/>'
    '<Default Extension="png" ContentType="image/png"/><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)
_BODY = (
    f"<w:document {WORD}><w:body><w:p><w:r><w:t>Harmless</w:t></w:r></w:p></w:body></w:document>"
)
_LAUGHS = (
    '<!DOCTYPE w:document [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise("abcdefghij"))
    + "]>"
)
_QUADRATIC = f'<!DOCTYPE w:document [<!ENTITY a "{"A" * 100_000}">]>'
_OUTSIDE = (
    '<!DOCTYPE w:document [<!ENTITY a SYSTEM "file:///etc/passwd">'
    '<!ENTITY % b SYSTEM "http://127.0.0.1:9/evil.dtd"> %b;]>'
)
_SUBSET = '<!DOCTYPE w:document SYSTEM "file:///etc/passwd">'


def zipped(members: dict[str, str | bytes], *more: tuple[str, bytes]) -> bytes:
    """A zip file of these members, deflated."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, content in (*members.items(), *more):
            made.writestr(name, content)
    return written.getvalue()


def word(document: str | bytes = _BODY, **parts: str | bytes) -> bytes:
    """A Word package; further parts by name, with "__" for "/" and "_" for the last "."."""
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS,
        "word/document.xml": document,
    }
    for name, content in parts.items():
        stem, _, ending = name.replace("__", "/").rpartition("_")
        members[f"{stem}.{ending}"] = content
    return zipped(members)


def _zeros(megabytes: int) -> bytes:
    """A zip file of one member of zeros."""
    return zipped({"zeros": bytes(megabytes << 20)})


def _nested(depth: int) -> bytes:
    """Zip in zip, as a package that would look into itself would never end to unpack."""
    inner = _zeros(16)
    for level in range(depth):
        inner = zipped({f"{level}.zip": inner, f"{level}-again.zip": inner})
    return inner


def _with_entity(prologue: str, name: str = "j", times: int = 1) -> bytes:
    text = f"&{name};" * times
    return word(f"{prologue}<w:document {WORD}><w:body><w:p><w:r><w:t>x{text}</w:t></w:r></w:p>"
                "</w:body></w:document>")  # fmt: skip


def _lying(stated: int) -> bytes:
    """A package whose directory states another size of the main part than it unpacks to."""
    real = _BODY.encode().replace(b"Harmless", b"Harmless" + b" " * (64 << 20))
    data = bytearray(word(real))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            if struct.unpack_from("<I", data, at + offset)[0] == len(real):
                struct.pack_into("<I", data, at + offset, stated)
    return bytes(data)


def _overlapping(members: int) -> bytes:
    """Many names for one compressed stream (D. Fifield, "A better zip bomb", 2019)."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    stream = packed.compress(zeros) + packed.flush()
    crc = zlib.crc32(zeros)
    sizes = struct.pack("<III", crc, len(stream), len(zeros))
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 8, 0, 0) + sizes
    data = local + struct.pack("<HH", 1, 0) + b"0" + stream
    entries = []
    for number in range(members):
        name = b"word/document.xml" if number == 0 else f"{number}".encode()
        entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 0) + sizes
        entries.append(entry + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name)
    directory = b"".join(entries)
    end = struct.pack("<HHHHIIH", 0, 0, members, members, len(directory), len(data), 0)
    return data + directory + b"PK\x05\x06" + end


def _deep_body(depth: int) -> bytes:
    tables = "<w:tbl><w:tr><w:tc>" * depth + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * depth
    return word(f"<w:document {WORD}><w:body>{tables}</w:body></w:document>")


def _message(body: bytes, kind: str = "text/plain") -> bytes:
    return f"From: a@example.org\nSubject: s\nContent-Type: {kind}\n\n".encode() + body


def _parts_in_parts(depth: int) -> bytes:
    opening = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth)
    )
    return b"From: a@example.org\nMIME-Version: 1.0\n" + opening.encode() + b"\nend"


def _messages_in_messages(depth: int) -> bytes:
    return b"From: a@example.org\nContent-Type: message/rfc822\n\n" * depth + b"\nend"


def _attached(data: bytes, name: str) -> bytes:
    body = (
        b"--b\nContent-Type: text/plain\n\nHarmless\n--b\nContent-Type: application/zip\n"
        b"Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="
        + name.encode() + b"\n\n" + base64.encodebytes(data) + b"\n--b--\n"
    )  # fmt: skip
    return b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n' + body


def bombs() -> dict[str, bytes]:
    """By file name."""
    external = _with_entity(_OUTSIDE, "a")
    return {
        "zip-in-word.docx": word(word__embeddings__inner_zip=_nested(8)),
        "zip-in-zip.docx": _nested(8),
        "huge-part.docx": word(_BODY.encode() + b" " * (270 << 20)),
        "many-parts.docx": zipped({f"word/{n}.xml": b"" for n in range(11_000)}),
        "lying-small.docx": _lying(500),
        "lying-large.docx": _lying(0xFFFFFFF0),
        "overlapping.docx": _overlapping(9_000),
        "laughs.docx": _with_entity(_LAUGHS),
        "quadratic.docx": _with_entity(_QUADRATIC, "a", 20_000),
        "outside.docx": external,
        "outside-subset.docx": _with_entity(_SUBSET, "a"),
        "laughs-in-relations.docx": zipped(
            {"[Content_Types].xml": _LAUGHS + _TYPES, "_rels/.rels": _LAUGHS + _RELATIONS,
             "word/document.xml": _BODY}
        ),
        "deep-tables.docx": _deep_body(5_000),
        "bomb.xlsx": zipped({"xl/workbook.xml": bytes(40 << 20), "[Content_Types].xml": _TYPES}),
        "bomb.odt": zipped({"mimetype": "application/vnd.oasis.opendocument.text",
                            "content.xml": bytes(40 << 20)}),
        "bomb.zip": _nested(8),
        "attached-bomb.eml": _attached(_nested(8), "bomb.zip"),
        "parts-in-parts.eml": _parts_in_parts(2_000),
        "messages-in-messages.eml": _messages_in_messages(5_000),
        "many-words.eml": _message(b"x").replace(
            b"Subject: s", b"Subject: " + b"=?utf-8?q?a?= " * 10_000
        ),
        "brackets.eml": _message(b"x").replace(b"a@example.org", b"(" * 50_000 + b"a@example.org"),
        "html-mail.eml": _message(b"<div>" * 20_000, "text/html"),
    }  # fmt: skip
