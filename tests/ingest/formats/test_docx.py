from __future__ import annotations

import contextlib
import io
import zipfile

import docx
import pymupdf
import pytest
from docx.oxml.ns import qn
from docx.oxml.parser import parse_xml
from PIL import Image

from ingest.errors import DamagedFile, LimitExceeded
from ingest.formats.blocks import Heading, ListItem, PageBreak, Paragraph, Table
from ingest.formats.detect import Kind
from ingest.formats.docx import read
from ingest.formats.numbering import roman, spell
from ingest.formats.render import render
from ingest.guest.limits import Limits

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def saved(document: docx.document.Document) -> bytes:
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


def test_what_word_shows_in_order() -> None:
    document = docx.Document()
    document.core_properties.title = "Agreement"
    document.core_properties.author = "Me"
    document.sections[0].header.paragraphs[0].text = "running header"
    document.add_heading("Agreement", 0)
    document.add_heading("Scope", 1)
    document.add_paragraph("Some words.")
    for item in ("first", "second"):
        document.add_paragraph(item, style="List Number")
    document.add_paragraph("point", style="List Bullet")
    table = document.add_table(rows=2, cols=2, style="Table Grid")
    for cell, words in zip(table._cells, ("A", "B", "1", "2"), strict=True):
        cell.text = words
    for cell in table.rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True
        cell.paragraphs[0].runs[0]._r.get_or_add_rPr()
    document.add_page_break()
    document.add_paragraph("after")
    draft = read(saved(document), "a.docx")
    assert (draft.title, draft.author) == ("Agreement", "Me")
    assert draft.blocks == (
        Heading("Agreement", 1),
        Heading("Scope", 1),
        Paragraph("Some words."),
        ListItem("first", "1.", 0),
        ListItem("second", "2.", 0),
        ListItem("point", "•", 0),
        Table((("A", "B"), ("1", "2")), header=True),
        PageBreak(),
        Paragraph("after"),
    )


def test_tracked_changes_controls_boxes_and_merged_cells() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("kept ")
    for markup in (
        f"<w:ins {W}><w:r><w:t>inserted</w:t></w:r></w:ins>",
        f"<w:del {W}><w:r><w:delText>deleted</w:delText></w:r></w:del>",
    ):
        paragraph._p.append(parse_xml(markup))
    control = parse_xml(
        f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>in a control</w:t><w:br/><w:t>x</w:t></w:r></w:p>"
        "</w:sdtContent></w:sdt>"
    )
    document.element.body.insert_element_before(control, "w:sectPr")
    box = document.add_paragraph("beside")
    box._p.append(
        parse_xml(
            f"<w:r {W}><w:pict><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p>"
            "</w:txbxContent></w:pict></w:r>"
        )
    )
    table = document.add_table(rows=2, cols=3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
    table.cell(0, 2).merge(table.cell(1, 2)).text = "tall"
    table.cell(1, 0).text = "x"
    blocks = read(saved(document), "a.docx").blocks
    assert Paragraph("kept inserted") in blocks
    assert Paragraph("in a control\nx") in blocks
    assert Paragraph("beside") in blocks
    assert Paragraph("in a box") in blocks
    assert blocks[-1] == Table((("wide", "", "tall"), ("x", "", "")))


def test_clause_numbers_of_several_levels() -> None:
    document = docx.Document()
    numbering = document.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{pattern}"/></w:lvl>'
        for depth, (form, pattern) in enumerate(
            [("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)")]
        )
    )
    abstract = parse_xml(f'<w:abstractNum {W} w:abstractNumId="77">{levels}</w:abstractNum>')
    numbering.insert(0, abstract)
    numbering.append(parse_xml(f'<w:num {W} w:numId="77"><w:abstractNumId w:val="77"/></w:num>'))
    for depth, words in ((0, "A"), (1, "B"), (2, "C"), (2, "D"), (1, "E"), (0, "F"), (1, "G")):
        properties = document.add_paragraph(words)._p.get_or_add_pPr().get_or_add_numPr()
        properties.get_or_add_ilvl().set(qn("w:val"), str(depth))
        properties.get_or_add_numId().set(qn("w:val"), "77")
    items = [block for block in read(saved(document), "a").blocks if isinstance(block, ListItem)]
    markers = [item.marker for item in items]
    assert markers == ["1.", "1.1", "(a)", "(b)", "1.2", "2.", "2.1"]


def test_number_formats() -> None:
    assert [roman(number) for number in (1, 4, 1994, 0)] == ["I", "IV", "MCMXCIV", "0"]
    assert spell(28, "upperLetter") == "BB"
    assert spell(3, "lowerRoman") == "iii"
    assert spell(3, "decimalZero") == "03"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    data = io.BytesIO(saved(docx.Document()))
    with (
        zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as package,
        package.open("word/media/bomb", "w", force_zip64=True) as member,
    ):
        for _ in range(257):
            member.write(bytes(1 << 20))
    with pytest.raises(LimitExceeded):
        read(data.getvalue(), "bomb.docx")


@pytest.mark.parametrize("part", ["word/document.xml", "[Content_Types].xml"])
def test_broken_parts_are_damage(part: str) -> None:
    whole = zipfile.ZipFile(io.BytesIO(saved(docx.Document())))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as broken:
        for member in whole.namelist():
            broken.writestr(member, b"<w:broken" if member == part else whole.read(member))
    with pytest.raises(DamagedFile):
        read(data.getvalue(), "a.docx")


def test_entities_are_not_expanded() -> None:
    whole = zipfile.ZipFile(io.BytesIO(saved(docx.Document())))
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(12))
    markup = (
        f"<!DOCTYPE x [{laughs}]><w:document {W}><w:body><w:p><w:r><w:t>&l11;</w:t></w:r></w:p>"
        "</w:body></w:document>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as bomb:
        for member in whole.namelist():
            bomb.writestr(member, markup if member == "word/document.xml" else whole.read(member))
    with contextlib.suppress(DamagedFile):
        assert len(str(read(data.getvalue(), "a.docx").blocks)) < 10_000


def test_larger_pictures_get_pages_of_their_own() -> None:
    document = docx.Document()
    document.add_paragraph("Words.")
    for size in (8, 400, 500):
        picture = io.BytesIO()
        Image.new("RGB", (size, size), (size % 256, 0, 0)).save(picture, "PNG")
        document.add_picture(picture)
    made = render(saved(document), Kind.DOCX, "a.docx", Limits())
    assert [line.text for page in made.pages for line in page.lines] == ["Words."]
    assert pymupdf.open(stream=made.pdf, filetype="pdf").page_count == 3
    assert "(2)" in made.warnings[0]
