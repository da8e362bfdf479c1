"""Exported files, opened and read back: every footnote, and what the answer rests on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pymupdf
import pytest
from docx.oxml.ns import qn
from lxml import etree

from app.core.answers import Mode, Scope
from app.core.events import Answered
from app.core.exporting import docx_document, markdown_document, pdf_document
from app.core.exporting.answer_paper import paper_of_answer, paper_of_conversation
from app.core.exporting.citing import clipboard, pages_text
from app.core.exporting.paper import NoteRef, Paper, Paragraph, Span, Table
from app.core.records import ConversationInfo, Exchange
from ingest.types import Box
from tests.app.core.kept import MADE, record
from tests.app.core.read_back import (
    WRITERS,
    Word,
    exchange,
    paper,
    pdf_text,
    read,
    shown,
    squeezed,
    tokens,
)

# What is in a file


def test_word_has_real_footnotes() -> None:
    word = Word(docx_document.write(paper(record())))
    assert word.notes == {
        1: "record.pdf, page 2: “Metformin was reduced to 500 mg” (verified).",
        2: "record.pdf, page 3: “because of the kidneys” (repaired).",
    }
    assert word.references == [1, 2]
    assert "Statement 1 of the answer." in word.text
    assert "It will be raised again. [not supported: nothing cited holds “again”]" in word.text
    part = word.document.part
    (relation,) = (r for r in part.rels.values() if r.reltype.endswith("/footnotes"))
    assert str(relation.target_part.partname) == "/word/footnotes.xml"
    assert relation.target_part.content_type.endswith("wordprocessingml.footnotes+xml")
    named = {s.style_id for s in word.document.styles}
    for name in ("word/document.xml", "word/footnotes.xml"):
        root = etree.fromstring(word.archive.read(name))
        used = {e.get(qn("w:val")) for tag in ("w:pStyle", "w:rStyle") for e in root.iter(qn(tag))}
        assert used <= named
    settings_ = etree.fromstring(word.archive.read("word/settings.xml"))
    names = [etree.QName(e).localname for e in settings_]
    assert names.index("footnotePr") < names.index("compat")
    properties = word.document.core_properties
    assert (properties.title, properties.author) == ("Why was metformin reduced?", "Muniment")


def test_a_note_referred_to_again_keeps_its_number_in_word() -> None:
    made = record(text="First [2]. Then [1]. Again [2].")
    word = Word(docx_document.write(paper(made)))
    assert [n.split("“")[1] for n in word.notes.values()] == [
        "because of the kidneys” (repaired).",
        "Metformin was reduced to 500 mg” (verified).",
    ]
    assert word.references == [1, 2]
    codes = [e.text.split() for e in word.body.iter(qn("w:instrText"))]
    marks = [e.get(qn("w:name")) for e in word.body.iter(qn("w:bookmarkStart"))]
    assert codes == [["NOTEREF", marks[0], "\\h"]]
    assert "Again1" in word.text


def test_markdown_has_footnotes() -> None:
    text = markdown_document.write(paper(record())).decode()
    assert text.startswith("# Why was metformin reduced?\n")
    assert "Statement 1 of the answer[^1]. Statement 2" in text
    assert "\n[^1]: **record.pdf**, page 2: “Metformin was reduced to 500 mg” (verified).\n" in text
    assert "\n[^2]: **record.pdf**, page 3: “because of the kidneys” (repaired).\n" in text
    assert "*\\[not supported: nothing cited holds “again”\\]*" in text


def test_pdf_has_its_footnotes_at_the_foot_of_the_page() -> None:
    data = pdf_document.write(paper(record()))
    text = pdf_text(data)
    assert "record.pdf, page 2: “Metformin was reduced to 500 mg” (verified)." in text
    assert "It will be raised again. [not supported" in text
    with pymupdf.open(stream=data) as document:
        page = document[0]
        (place,) = page.search_for("because of the kidneys")
        assert place.y0 > 700 > page.search_for("Statement 2")[0].y1
        assert document.metadata["title"] == "Why was metformin reduced?"
        fonts = page.get_fonts(full=True)
        assert fonts and all(font[1] not in ("", "n/a") for font in fonts), fonts
        assert not page.get_links()


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_the_head_says_what_the_answer_rests_on(writer: Callable[[Paper], bytes]) -> None:
    made = replace(record(), answer=replace(record().answer, removed=2))
    changed = replace(exchange(made), changed=("record.pdf",))
    text = read(writer, writer(paper_of_answer(changed)))
    for part in (
        "Matter",
        "2026-03-04 09:30 UTC",
        "gemma-4-e2b, weights int4, keys and values k4v3, fingerprint a1b2c3",
        "1 document, 5 pages",
        "1 verified, 1 repaired, 1 unverified",
        "2 citations of the model, taken out",
        "record.pdf, page 4: The page is too faint.",
        "record.pdf holds hidden text.",
        "Changed since this answer: record.pdf.",
    ):
        assert squeezed(part) in squeezed(text), part


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_the_appendix_holds_what_it_takes_to_write_it_again(
    writer: Callable[[Paper], bytes],
) -> None:
    made = replace(
        record(), query="metformin dose", scope=Scope(1, 2, Box(72.0, 90.5, 300.0, 240.0)),
        earlier=(1, 2), answer=replace(record().answer, withheld="It was stopped in May."),
    )  # fmt: skip
    text = squeezed(read(writer, writer(paper(made, with_record=True))))
    for part in (
        "metformin dose", "a1b2c3", "int4", "k4v3", "avx512", "d4e5f6", "Temperature 0", "Seed 7",
        "Most tokens 512", "1200 tokens read", "After the answers 1, 2",
        "region 72.0, 90.5, 300.0, 240.0", "Passage 1: record.pdf, page 2",
        "Passage 1: Metformin was reduced to 500 mg", "content hash 0", "chunks 11",
        "before anything was compared", "again. <raw>", "It was stopped in May.",
    ):  # fmt: skip
        assert squeezed(part).replace("Temperature0", "Temperature") in text.replace(
            "Temperature:0", "Temperature"
        ).replace("Seed:7", "Seed7").replace("tokens:512", "tokens512").replace(
            "answers:1", "answers1"
        ), part
    assert "a1b2c3" not in squeezed(clipboard(made.answer))


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_conversation_numbers_its_notes_through(writer: Callable[[Paper], bytes]) -> None:
    first, second = record("Why?", ["alpha words"]), record("And when?", ["beta words"])
    gone = Exchange(5, 1, 3, MADE, None)
    info = ConversationInfo(1, "Matter", "Of metformin", MADE, MADE, 3)
    data = writer(paper_of_conversation(info, [exchange(first), exchange(second, 4), gone]))
    text = read(writer, data)
    for part in ("Of metformin", "Why?", "And when?", "was removed from the library"):
        assert squeezed(part) in squeezed(text)
    if writer is docx_document.write:
        assert [n.split("“")[1][:5] for n in Word(data).notes.values()] == ["alpha", "beta "]
    if writer is markdown_document.write:
        assert re.findall(r"^\[\^(\d)\]: .*“(\w+)", data.decode(), re.MULTILINE) == [
            ("1", "alpha"),
            ("2", "beta"),
        ]


def test_a_place_and_an_answer_without_a_model_are_named() -> None:
    made = record()
    answer = replace(
        made.answer, answerer="extractive", scope=Scope(1, 2), mode=Mode.PLACE, statements=()
    )
    text = shown(markdown_document.write(paper(replace(made, answer=answer))).decode())
    assert "No model: the documents' own sentences" in text
    assert "page 2 of record.pdf only" in text
    assert "not compared with the pages one by one" in text


def test_not_found_is_exported_with_what_was_searched() -> None:
    made = record()
    answer = replace(
        made.answer, found=False, text="Not found in these documents.", citations=(), statements=()
    )
    for writer in WRITERS.values():
        text = read(writer, writer(paper(replace(made, answer=answer))))
        assert "Not found in these documents." in text and "5 pages" in text
        assert "Verified:" not in text


def test_states_of_citations_are_told() -> None:
    made = record(quotes=["one", "two", "three"])
    unverified = replace(made.answer.citations[2], missing=("500 mg", "not"), pictured=True)
    answer = replace(made.answer, citations=(*made.answer.citations[:2], unverified))
    notes = Word(docx_document.write(paper(replace(made, answer=answer)))).notes
    assert notes[3] == (
        "record.pdf, page 4: claimed: “three” (unverified; the page lacks “500 mg”, “not”; a model "
        "saw the place as a picture, which its text cannot confirm)."
    )


# Tables, for other exports


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_tables_with_notes_in_their_cells(writer: Callable[[Paper], bytes]) -> None:
    rows = (
        ((Span("Contract"),), (Span("Law"),)),
        ((Span("lease|x.pdf"),), (Span("Norway"), NoteRef(1))),
        ((Span("licence.pdf"),), (Span("Sweden <b>"), NoteRef(2))),
        ((Span("short row"),),),
    )
    notes = ((Span("lease, page 2"),), (Span("licence, page 7"),))
    made = Paper("Laws", (Table(rows, widths=(1.0, 3.0)), Paragraph((Span("End."),))), notes)
    data = writer(made)
    text = read(writer, data)
    for part in ("lease|x.pdf", "Sweden <b>", "short row", "licence, page 7", "End."):
        assert part in text
    if writer is docx_document.write:
        (table,) = Word(data).document.tables
        assert [len(row.cells) for row in table.rows] == [2, 2, 2, 2]
        assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
    if writer is markdown_document.write:
        assert sum(t.type == "td_open" for t in tokens(data.decode())) == 6


def test_the_head_of_a_long_table_stands_on_each_of_its_pages() -> None:
    rows = tuple(
        ((Span(f"row {n}"),), (Span(f"value {n}"), NoteRef(n)) if n else (Span("Columnhead"),))
        for n in range(120)
    )
    notes = tuple((Span(f"note {n}, page 1"),) for n in range(1, 120))
    data = pdf_document.write(Paper("Long", (Table(rows), Paragraph((Span("End."),))), notes))
    with pymupdf.open(stream=data) as document:
        texts = [page.get_text() for page in document]
    assert len(texts) > 3 and all(text.count("Columnhead") == 1 for text in texts)
    for n in range(1, 120):
        (at,) = [text for text in texts if f"value {n}{n}\n" in text]
        assert f"note {n}, page 1" in at


# Copied text


def test_copied_text_keeps_its_footnotes() -> None:
    assert clipboard(record().answer) == (
        "Statement 1 of the answer [1]. Statement 2 of the answer [2]. It will be raised again. "
        "[not supported: nothing cited holds “again”]\n"
        "\n"
        "[1] record.pdf, page 2: “Metformin was reduced to 500 mg” (verified).\n"
        "[2] record.pdf, page 3: “because of the kidneys” (repaired)."
    )


def test_citations_that_the_text_does_not_name_are_not_lost() -> None:
    answer: Answered = record(text="Only one [1].").answer
    assert "Also cited: [2]" in clipboard(answer)
    assert len(Word(docx_document.write(paper(replace(record(), answer=answer)))).notes) == 2


def test_pages_are_listed_in_runs() -> None:
    assert pages_text([3]) == "page 3"
    assert pages_text([1, 2, 3, 7, 9, 10]) == "pages 1–3, 7, 9–10"
    assert pages_text([]) == "no page"


def test_copying_loads_nothing_heavy() -> None:
    code = (
        "import sys; import app.core.exporting.citing; "
        "print([n for n in ('numpy', 'pymupdf', 'docx', 'apsw', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
