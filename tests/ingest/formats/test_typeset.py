from __future__ import annotations

import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import LimitExceeded
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
from ingest.formats.typeset import HEIGHT, WIDTH, render
from ingest.guest.limits import Limits
from ingest.types import Line, Page, Role

words = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, categories=("L", "N", "P")),
    min_size=1,
    max_size=80,
)
texts = st.lists(words, min_size=1, max_size=30).map(" ".join)
blocks = st.one_of(
    st.builds(Heading, texts, st.integers(1, 6)),
    st.builds(Paragraph, texts, st.booleans()),
    st.builds(ListItem, texts, st.sampled_from(["•", "1.", ""]), st.integers(0, 12)),
    st.builds(Preformatted, texts),
    st.builds(Table, st.lists(st.tuples(texts, texts), min_size=1, max_size=4).map(tuple)),
    st.just(PageBreak()),
)


def laid_out(*parts: Block) -> tuple[tuple[Page, ...], pymupdf.Document]:
    made = render(Draft("text/plain", parts), "a.txt", Limits())
    assert made.pages is not None
    return made.pages, pymupdf.open(stream=made.pdf, filetype="pdf")


def source(block: Block) -> str:
    match block:
        case Table(rows):
            return "".join("".join(row) for row in rows)
        case ListItem(text, marker):
            return marker + text
        case Heading(text) | Paragraph(text) | Preformatted(text):
            return text
        case PageBreak():
            return ""


def bare(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=60, deadline=None)
@given(st.lists(blocks, max_size=5))
def test_every_word_comes_back_in_order_on_its_page(parts: list[Block]) -> None:
    pages, document = laid_out(*parts)
    assert len(pages) == document.page_count
    shown = bare("".join(line.text for page in pages for line in page.lines))
    assert shown == bare("".join(map(source, parts)))
    for page in pages:
        for line in page.lines:
            assert 0 <= line.box.x0 < line.box.x1 <= WIDTH
            assert 0 <= line.box.y0 < line.box.y1 <= HEIGHT


def test_boxes_lie_on_their_words() -> None:
    text = " ".join(f"word{number}" for number in range(120))
    pages, document = laid_out(Heading("Title here", 1), Paragraph(text))
    for line in pages[0].lines:
        middle = (line.box.y0 + line.box.y1) / 2
        clip = pymupdf.Rect(line.box.x0 - 1, middle - 1, line.box.x1 + 1, middle + 1)
        assert document[0].get_text("text", clip=clip).split() == line.text.split()


def test_roles_levels_and_blocks() -> None:
    pages, _ = laid_out(
        Heading("Head", 3),
        Paragraph("one\ntwo"),
        ListItem("item", "2.", 0),
        Table((("A", "B"), ("1", "two\nlines")), header=True),
        Preformatted("  x\n\n    y"),
    )
    found = [(line.text, line.role, line.level, line.block) for line in pages[0].lines]
    assert found == [
        ("Head", Role.HEADING, 3, 0),
        ("one", Role.BODY, 0, 1),
        ("two", Role.BODY, 0, 1),
        ("2. item", Role.LIST, 0, 2),
        ("A\tB", Role.TABLE_HEADER, 0, 3),
        ("1\ttwo lines", Role.TABLE, 0, 3),
        ("  x", Role.BODY, 0, 4),
        ("    y", Role.BODY, 0, 4),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "患者主诉头痛三天，伴有恶心和呕吐。" * 10,
        "المريض يعاني من صداع منذ ثلاثة أيام مع غثيان وقيء وضغط الدم 120/80 ملم زئبق " * 3,
        "रोगी को तीन दिनों से सिरदर्द है और मतली भी है। " * 5,
        "ผู้ป่วยมีอาการปวดศีรษะมาสามวัน" * 10,
        "x" * 500,
    ],
)
def test_scripts_keep_their_text_and_stay_on_the_page(text: str) -> None:
    pages, _ = laid_out(Paragraph(text))
    assert bare("".join(line.text for line in pages[0].lines)) == bare(text)
    assert len(pages[0].lines) > 1
    assert all(line.box.x1 <= WIDTH - 50 for line in pages[0].lines)


def test_long_tables_and_texts_flow_over_pages() -> None:
    rows = tuple((f"row {number}", "x " * 20) for number in range(300))
    pages, _ = laid_out(Table(rows), Paragraph("word " * 20_000), Paragraph("end"))
    lines: list[Line] = [line for page in pages for line in page.lines]
    assert [line.text.split("\t")[0] for line in lines[:300]] == [row[0] for row in rows]
    assert lines[-1].text == "end"
    assert len(pages) > 10


def test_a_cell_taller_than_a_page_is_still_read() -> None:
    pages, _ = laid_out(Table((("a", "long words " * 3000),)))
    shown = " ".join(line.text for page in pages for line in page.lines)
    assert shown.count("long") == 3000


def test_page_breaks_and_empty_documents() -> None:
    pages, document = laid_out(Paragraph("a"), PageBreak(), PageBreak(), Paragraph("b"))
    assert [[line.text for line in page.lines] for page in pages] == [["a"], ["b"]]
    pages, document = laid_out()
    assert document.page_count == 1
    assert pages[0].lines == ()


def test_too_many_pages() -> None:
    draft = Draft("text/plain", tuple(Paragraph("word " * 1000) for _ in range(50)))
    with pytest.raises(LimitExceeded):
        render(draft, "a.txt", Limits(max_pages=5))


def test_fonts_are_embedded_in_part_only() -> None:
    made = render(Draft("text/plain", (Paragraph("患者"),)), "a.txt", Limits())
    assert len(made.pdf) < 100_000
