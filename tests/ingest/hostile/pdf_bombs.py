"""PDFs that unpack, recurse or point in circles. Made here by hand, object by object."""

from __future__ import annotations

import struct
import zlib


def pdf(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    data = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        data
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
        + (
            b"trailer\n<</Size %d /Root 1 0 R %s>>\nstartxref\n%d\n%%%%EOF\n"
            % (len(objects) + 1, trailer, len(data))
        )
    )


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<<%s /Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def page(
    contents: bytes = b"", resources: bytes = b"", *more: bytes, catalog: bytes = b"",
    on_page: bytes = b"",
) -> bytes:  # fmt: skip
    """A PDF with one page: object 3; its contents are object 4, a font object 5, more from 6."""
    text = contents or b"BT /F1 12 Tf 72 700 Td (Harmless) Tj ET"
    written = text if text.startswith(b"<<") else stream(text)
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R %s>>" % catalog,
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
            b"/Resources<</Font<</F1 5 0 R>> %s>> %s>>" % (resources, on_page),
            written,
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            *more,
        ]
    )


def deflated(megabytes: int, times: int, byte: bytes = b" ") -> bytes:
    """So many megabytes, compressed so many times over."""
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(byte * (1 << 20)) for _ in range(megabytes)) + packer.flush()
    for _ in range(times - 1):
        data = zlib.compress(data, 9)
    return data


def _filtered(data: bytes, filters: bytes, entries: bytes = b"") -> bytes:
    return stream(data, b"/Filter[%s] %s" % (filters, entries))


def _image(width: int, height: int, data: bytes, name: bytes, entries: bytes = b"") -> bytes:
    """A page that draws one picture."""
    facts = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 1" % (width, height)
    facts += b"/ColorSpace/DeviceGray %s" % entries
    return page(
        b"q 595 0 0 842 0 0 cm /I Do Q BT /F1 12 Tf 72 700 Td (Harmless) Tj ET",
        b"/XObject<</I 6 0 R>>",
        _filtered(data, name, facts),
    )


def _jpx(width: int, height: int) -> bytes:
    """A JPEG 2000 code stream that states a size and stops."""
    size = struct.pack(">HHIIIIIIIIH", 41, 0, width, height, 0, 0, width, height, 0, 0, 1)
    return b"\xff\x4f\xff\x51" + size + b"\x07\x01\x01" + b"\xff\x90\x00\x0a" + bytes(40)


def _jbig2(width: int, height: int) -> bytes:
    """A JBIG2 page of a size, as it stands in a PDF."""
    page_information = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    return struct.pack(">IBBBI", 0, 0x30, 0, 1, len(page_information)) + page_information


def _nested_pages(depth: int) -> bytes:
    objects = [b"<</Type/Catalog/Pages 2 0 R>>"]
    for number in range(2, depth + 2):
        objects.append(b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 1))
    objects.append(b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 100 100]>>" % (depth + 1))
    return pdf(objects)


def _form(contents: bytes, resources: bytes = b"") -> bytes:
    entries = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<<%s>>" % resources
    return stream(contents, entries)


def _forms_by_ten(depth: int) -> bytes:
    """Each form draws the next ten times."""
    forms = [
        _form(b"/X Do " * 10, b"/XObject<</X %d 0 R>>" % (number + 1))
        for number in range(6, 6 + depth)
    ]
    last = _form(b"0 0 10 10 re f")
    return page(b"/X Do", b"/XObject<</X 6 0 R>>", *forms, last)


def _type3_in_itself() -> bytes:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]"
        b"/CharProcs<</a 7 0 R>>"
        b"/Encoding<</Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[1]"
        b"/Resources<</Font<</T 6 0 R>>>>>>"
    )
    glyph = stream(b"1 0 0 0 1 1 d1 BT /T 1 Tf (aaaaaaaaaa) Tj ET")
    return page(b"BT /T 12 Tf 72 700 Td (aaaa) Tj ET", b"/Font<</T 6 0 R>>", font, glyph)


def _object_stream(megabytes: int) -> bytes:
    """The catalogue lies in an object stream that unpacks to far more."""
    head = b"1 0 "
    body = head + b"<</Type/Catalog/Pages 2 0 R>>" + b" " * (megabytes << 20)
    packed = zlib.compress(body, 1)
    return pdf(
        [
            b"null",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>",
            stream(packed, b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode"),
        ]
    )


def bombs() -> dict[str, bytes]:
    """By file name."""
    flate = b"/FlateDecode "
    tail = b"BT /F1 12 Tf 72 700 Td (Harmless) Tj ET"
    loop = b"<</Title(a)/Next 6 0 R/First 6 0 R/Parent 6 0 R>>"
    return {
        "flate.pdf": page(_filtered(deflated(300, 1), flate)),
        "flate-thrice.pdf": page(_filtered(deflated(300, 3), flate * 3)),
        "filters.pdf": page(_filtered(deflated(20, 1), flate + b"/ASCIIHexDecode " * 500)),
        "operators.pdf": page(_filtered(deflated(10, 1, b"q "), flate)),
        "lines.pdf": page(_filtered(deflated(1, 1, b"0 0 m 9 9 l S "), flate)),
        "glyphs.pdf": page(
            _filtered(
                zlib.compress(b"BT /F1 1 Tf 1 0 0 1 72 700 Tm " + b"(aaaaaaaaaa) Tj " * 300_000),
                flate,
            )
        ),
        "object-stream.pdf": _object_stream(100),
        "image-1-bit.pdf": _image(20_000, 20_000, deflated(48, 1, b"\0"), flate),
        "image-lying.pdf": _image(100_000, 100_000, zlib.compress(b"x"), flate),
        "jpx.pdf": _image(60_000, 60_000, _jpx(60_000, 60_000), b"/JPXDecode"),
        "jpx-largest.pdf": _image(1, 1, _jpx(0xFFFFFFFF, 0xFFFFFFFF), b"/JPXDecode"),
        "jbig2.pdf": _image(60_000, 60_000, _jbig2(60_000, 60_000), b"/JBIG2Decode"),
        "jbig2-largest.pdf": _image(9, 9, _jbig2(0xFFFFFFFE, 0xFFFFFFFE), b"/JBIG2Decode"),
        "fax.pdf": _image(
            60_000, 60_000, b"\x00" * 100, b"/CCITTFaxDecode",
            b"/DecodeParms<</K -1/Columns 60000/Rows 60000>>",
        ),
        "lzw.pdf": page(_filtered(b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01" * 1_000, b"/LZWDecode")),
        "page-tree.pdf": _nested_pages(20_000),
        "kids-loop.pdf": pdf([b"<</Type/Catalog/Pages 2 0 R>>",
                              b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"]),
        "count-lie.pdf": pdf([b"<</Type/Catalog/Pages 2 0 R>>",
                              b"<</Type/Pages/Kids[3 0 R]/Count 2000000000>>",
                              b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"]),
        "forms.pdf": _forms_by_ten(12),
        "form-in-itself.pdf": page(b"/X Do " + tail, b"/XObject<</X 6 0 R>>",
                                   _form(b"/X Do", b"/XObject<</X 6 0 R>>")),
        "pattern-in-itself.pdf": page(
            b"/Pattern cs /P scn 0 0 500 500 re f " + tail, b"/Pattern<</P 6 0 R>>",
            stream(b"/Pattern cs /P scn 0 0 9 9 re f",
                   b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 0.001"
                   b"/YStep 0.001/Resources<</Pattern<</P 6 0 R>>>>")),
        "type3-in-itself.pdf": _type3_in_itself(),
        "outline-loop.pdf": page(b"", b"", loop, catalog=b"/Outlines 6 0 R"),
        "names-loop.pdf": page(b"", b"", b"<</Kids[6 0 R 6 0 R]>>",
                               catalog=b"/Names<</EmbeddedFiles 6 0 R/JavaScript 6 0 R>>"),
        "fields-loop.pdf": page(b"", b"", b"<</FT/Tx/T(a)/Kids[6 0 R]/Parent 6 0 R>>",
                                catalog=b"/AcroForm<</Fields[6 0 R]>>", on_page=b"/Annots[6 0 R]"),
        "contents-loop.pdf": page(b"<<>>").replace(b"/Contents 4 0 R", b"/Contents[3 0 R 4 0 R]"),
        "length-loop.pdf": page(b"<</Length 4 0 R>>\nstream\nx\nendstream"),
        "deep-array.pdf": page(b"", b"/Deep " + b"[" * 100_000 + b"]" * 100_000),
        "deep-content.pdf": page(b"[" * 100_000 + b" " + tail),
        "prev-loop.pdf": pdf([b"<</Type/Catalog/Pages 2 0 R>>",
                              b"<</Type/Pages/Kids[]/Count 0>>"], b"/Prev 20 /XRefStm 20"),
        "enormous-page.pdf": page().replace(b"[0 0 595 842]", b"[0 0 14400000 14400000]"),
        "many-pages.pdf": pdf(
            [b"<</Type/Catalog/Pages 2 0 R>>",
             b"<</Type/Pages/Kids[%s]/Count 60000>>" % (b"3 0 R " * 60_000),
             b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"]),
    }  # fmt: skip
