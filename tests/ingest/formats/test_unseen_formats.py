"""What HTML, Word files and mail hide is left out; what only looks like it stays."""

from __future__ import annotations

import io
from typing import Any

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import RGBColor

from ingest.formats import docx as word
from ingest.formats import html
from ingest.formats.blocks import Draft, Paragraph, Table
from ingest.formats.detect import Kind
from ingest.formats.docx_sight import Sight
from ingest.formats.render import render
from ingest.guest.limits import Limits

SECRET = "Nobody reads these five words"


def said(draft: Draft) -> str:
    return "\n".join(
        "\n".join("\n".join(row) for row in block.rows)
        if isinstance(block, Table)
        else getattr(block, "text", "")
        for block in draft.blocks
    )


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY : NONE ; color: red",
        "visibility: hidden",
        "font-size:0",
        "font-size: 0px; color:black",
        "font-size:.05em",
        "opacity:0",
        "color:white",
        "color: #FFF",
        "color:rgb(255, 255, 255)",
        "color:transparent",
        "color:#fdfdfd; background:#ffffff",
        "text-indent:-9999px",
        "position:absolute; left:-10000px",
        "clip:rect(0,0,0,0)",
    ],
)
def test_styles_that_hide(style: str) -> None:
    draft = html.draft(f"<p>Seen</p><p style='{style}'>{SECRET}</p>")
    assert said(draft) == "Seen"
    assert draft.unseen == (SECRET,)


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='color:white;background:#204080'>{}</p>",
        "<div style='background-color:navy'><p style='color:#fff'>{}</p></div>",
        "<table bgcolor='#000000'><tr><td><font color='white'>{}</font></td></tr></table>",
        "<body style='background-image:url(x.png)'><p style='color:white'>{}</p></body>",
        "<style>body{{background:#111}}</style><p style='color:white'>{}</p>",
        "<div style='font-size:0'><span style='font-size:14px'>{}</span></div>",
        "<div style='color:white'><span style='color:#333'>{}</span></div>",
        "<p style='font-size:9px;opacity:0.5;color:#777'>{}</p>",
        "<p style='font-size:0.8em;left:-20px;line-height:0'>{}</p>",
        "<style>@media print {{ .note {{ display:none }} }}</style><p class='note'>{}</p>",
        "<style>.menu .note{{display:none}}</style><p class='note'>{}</p>",
        "<p style='color:whitesmoke-ish;display:nonesuch'>{}</p>",
    ],
)
def test_styles_that_do_not(markup: str) -> None:
    draft = html.draft(markup.format(SECRET))
    assert SECRET in said(draft)
    assert draft.unseen == ()


def test_a_style_sheet_keeps_back_without_a_word() -> None:
    """Menus and texts for screen readers are folded away on every page."""
    sheet = "<style>.menu,#x{display:none} p.tiny{font-size:0}</style>"
    folded = html.draft(f"{sheet}<p>Seen</p><p class='a menu'>{SECRET}</p><p id=x>{SECRET}</p>")
    assert said(folded) == "Seen" and folded.unseen == ()
    tiny = html.draft(f"{sheet}<p>Seen</p><p class=tiny>{SECRET}</p>")
    assert said(tiny) == "Seen" and tiny.unseen == (SECRET,)


def test_hidden_parts_of_lists_tables_and_headings() -> None:
    draft = html.draft(
        f"<h1>Title<b hidden>{SECRET}</b></h1><ul><li>one<i style='opacity:0'>{SECRET} 2</i></li>"
        f"<li style='display:none'>{SECRET} 3</li></ul><table><tr><td>a</td><td hidden>{SECRET} 4"
        "</td></tr><tr><td>b</td><td>c</td></tr></table>"
    )
    assert SECRET not in said(draft)
    assert sorted(draft.unseen) == [SECRET, *(f"{SECRET} {n}" for n in (2, 3, 4))]


def test_the_rendition_tells_of_it() -> None:
    page = f"<p>Seen</p><p style='color:white'>{SECRET}</p><p hidden>Two words</p>"
    made = render(page.encode(), Kind.HTML, "a.html", Limits())
    assert made.warnings == (f"It holds text that cannot be seen: “{SECRET}”",)


def run(document: docx.document.Document, style: str = "") -> Any:
    return document.add_paragraph("Seen. ", style=style or None).add_run(SECRET)


def read(document: docx.document.Document) -> Draft:
    data = io.BytesIO()
    document.save(data)
    return word.read(data.getvalue(), "a.docx")


def shade(properties: Any) -> None:
    element = OxmlElement("w:shd")
    element.set(qn("w:fill"), "203060")
    properties.append(element)


def test_word_hides_runs_by_style_too() -> None:
    document = docx.Document()
    style = document.styles.add_style("Ghost", docx.enum.style.WD_STYLE_TYPE.CHARACTER)
    style.font.hidden = True
    run(document).style = style
    run(document).font.color.rgb = RGBColor(254, 255, 255)
    draft = read(document)
    assert draft.blocks == (Paragraph("Seen."), Paragraph("Seen."))
    assert draft.unseen == (SECRET, SECRET)


def test_white_on_a_ground_stays_in_word() -> None:
    document = docx.Document()
    shaded = run(document)
    shade(shaded._r.get_or_add_rPr())
    table = document.add_table(rows=1, cols=2)
    cells = [table.rows[0].cells[n].paragraphs[0].add_run(SECRET) for n in (0, 1)]
    for cell in table.rows[0].cells:
        shade(cell._tc.get_or_add_tcPr())
    styled = document.add_table(rows=1, cols=2, style="Light Grid Accent 1")
    cells.append(styled.rows[0].cells[0].paragraphs[0].add_run(SECRET))
    lit = run(document)
    lit.font.highlight_color = docx.enum.text.WD_COLOR_INDEX.BLACK
    for white in (shaded, lit, *cells):
        white.font.color.rgb = RGBColor(255, 255, 255)
    off = run(document)
    off.font.hidden = False
    draft = read(document)
    assert draft.unseen == ()
    assert said(draft).count(SECRET) == 6


def test_a_run_in_pieces_is_one_text() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Seen")
    for piece in SECRET.split():
        paragraph.add_run(f" {piece}").font.hidden = True
    draft = read(document)
    assert [text.strip() for text in draft.unseen] == [SECRET]
    assert Sight.of(document).unseen == []
