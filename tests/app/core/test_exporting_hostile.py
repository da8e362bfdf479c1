"""Exported files of hostile documents: what they say stays text, and nothing breaks the pages."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pymupdf
import pytest
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.exporting import docx_document, markdown_document, pdf_document
from app.core.exporting.paper import (
    Block,
    Facts,
    Heading,
    Inline,
    Inlines,
    Listing,
    NoteRef,
    Paper,
    Paragraph,
    Span,
    Table,
    clean,
)
from tests.app.core.kept import record
from tests.app.core.read_back import WRITERS, Word, paper, pdf_text, read, squeezed, tokens

HOSTILE = {
    "html": "<script>alert(1)</script> <img src=x onerror=y> &lt;b&gt; </p></body>",
    "links": "[click](http://a.example) ![x](file:///etc/passwd) <http://b.example> www.c.example",
    "markdown": "# no heading\n- no item\n1. none\n> none\n```\ncode\n[^1]: forged\n| a | b |",
    "ansi": "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07here\x1b]8;;\x07 \x9b2J",
    "xml": "nul \x00 bell \x07 \x0b \x0c \ufffe \uffff \ud800 ]]> <!-- -->",
    "direction": "pay \u202e000,1\u202c now \u2066x\u2069 \U000e0041\U000e0042",
    "arabic": "لا يجوز نقل الإيجار دون موافقة المؤجر",
    "hebrew": "אין להעביר את השכירות",
    "cjk": "租金按月支付。賃料は月払いとする。임대료는 매월 지불한다。",
    "tabs": "Rent\t1,000\tEUR\nDeposit\t3,000\tEUR",
    "long word": "x" * 3000,
    "entities": "&amp; &#60;b&#62; &nbsp; \\* \\[a\\](b)",
}  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_documents_say_stays_text(writer: Callable[[Paper], bytes], text: str) -> None:
    made = record(question=text, quotes=[text], text=f"{text} [1]", documents=[text])
    data = writer(paper(made, with_record=True))
    said = read(writer, data)
    if writer is not pdf_document.write:
        wanted = " ".join(clean(text).replace("\t", " | ").split())
        assert squeezed(wanted) in squeezed(said)
    if (writer, text) == (pdf_document.write, HOSTILE["arabic"]):
        said = ""  # MuPDF writes wrong codes for joined letters; what is seen is right
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0041]", said)
    if writer is markdown_document.write:
        allowed = {
            "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text",
            "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close",
            "strong_open", "strong_close", "em_open", "em_close", "fence", "softbreak",
        }  # fmt: skip
        assert {t.type for t in tokens(data.decode())} <= allowed
    if writer is docx_document.write:
        word = Word(data)
        assert not list(word.body.iter(qn("w:hyperlink")))
        assert len(word.notes) == 1
    if writer is pdf_document.write:
        with pymupdf.open(stream=data) as document:
            assert not any(page.get_links() for page in document)
            for page in document:
                for block in page.get_text("blocks"):
                    assert block[2] < page.rect.x1 - 30


@settings(max_examples=10, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_can_be_written_for_word(before: str, after: str) -> None:
    made = record(text=f"{before}[1]{after}", quotes=[after])
    assert Word(docx_document.write(paper(made))).notes.keys() == {1}


ODD = st.text(st.characters() | st.sampled_from("[]()<>*_`#\\!:^1.- \n"), max_size=80)


@settings(max_examples=200, deadline=None)
@given(ODD, ODD)
def test_no_text_becomes_markup(before: str, after: str) -> None:
    made = record(text=f"{before}[1]{after}", quotes=[after])
    text = markdown_document.write(paper(made)).decode()
    kinds = {t.type for t in tokens(text)}
    assert not kinds & {"link_open", "image", "html_inline", "html_block", "code_inline", "hr"}
    assert len(re.findall(r"^\[\^1\]: ", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("name", ["arabic", "hebrew"])
def test_text_from_right_to_left_is_marked_so(name: str) -> None:
    made = record(quotes=[HOSTILE[name]], text=f"{HOSTILE[name]} [1]", documents=[HOSTILE[name]])
    word = Word(docx_document.write(paper(made)))
    assert list(word.body.iter(qn("w:bidi"))) and list(word.body.iter(qn("w:rtl")))


@pytest.mark.parametrize("name", ["arabic", "hebrew", "cjk"])
def test_fonts_of_other_scripts_are_embedded(name: str) -> None:
    data = pdf_document.write(paper(record(text=f"{HOSTILE[name]} [1]", quotes=["q"])))
    with pymupdf.open(stream=data) as document:
        fonts = {(font[1], font[3].partition("+")[2]) for font in document[0].get_fonts()}
    assert len(fonts) > 2 and all(kind not in ("", "n/a") for kind, _ in fonts)
    assert len(data) < 400_000
    if name != "arabic":  # joined letters cannot be read back
        assert squeezed(HOSTILE[name])[:6] in squeezed(pdf_text(data))


def test_notes_that_fit_on_no_page_go_on_at_the_foot_of_the_next() -> None:
    words = [f"{name}{n}" for name in ("alpha", "beta") for n in range(3000)]
    made = record(quotes=[" ".join(words[:3000]), " ".join(words[3000:]), "short"])
    data = pdf_document.write(paper(made))
    text = pdf_text(data)
    found = re.findall(r"(?:alpha|beta)\d+", text)
    assert found == words
    with pymupdf.open(stream=data) as document:
        assert 3 < document.page_count < 20


def test_many_notes_stand_on_the_page_that_refers_to_them() -> None:
    quotes = [f"Quotation {n} " + "of some length " * 8 for n in range(1, 61)]
    text = "\n".join(f"Sentence {n} says something of importance here. [{n}]" for n in range(1, 61))
    data = pdf_document.write(paper(record(quotes=quotes, text=text)))
    with pymupdf.open(stream=data) as document:
        pages = [page.get_text() for page in document]
    assert len(pages) > 2
    for n in range(1, 61):
        (at,) = [page for page in pages if re.search(rf"Sentence {n} says", page)]
        assert re.search(rf"“Quotation {n} of", at), n


def test_a_long_record_goes_over_pages_in_order() -> None:
    made = record()
    long = "\n".join(f"line {n} of a long passage" for n in range(2500))
    first = replace(made.passages[0], passage=replace(made.passages[0].passage, text=long))
    text = pdf_text(pdf_document.write(paper(replace(made, passages=(first,)), with_record=True)))
    assert re.findall(r"line (\d+) of", text) == [str(n) for n in range(2500)]


@pytest.mark.parametrize("seed", [3, 8, 38, 90])
def test_nothing_is_lost_between_the_pages(seed: int) -> None:
    """Blocks and notes of every size, from a word to several pages."""
    randomness = random.Random(seed)
    count = 0

    def words(most: int) -> Span:
        nonlocal count
        start, count = count, count + randomness.choice([1, 4, most // 9 + 1, most])
        return Span(" ".join(f"w{n}w" for n in range(start, count)))

    blocks: list[Block] = []
    notes: list[Inlines] = []
    for _ in range(randomness.randint(10, 25)):
        match randomness.choice("phlftt"):
            case "p":
                inlines: list[Inline] = [words(900)]
                for _ in range(randomness.choice([0, 1, 4])):
                    notes.append((words(2500),))
                    inlines += [NoteRef(len(notes)), words(9)]
                blocks.append(Paragraph(tuple(inlines)))
            case "h":
                blocks.append(Heading(words(20).text, randomness.randint(1, 4)))
            case "l":
                blocks.append(Listing(words(2000).text.replace(" ", "\n")))
            case "f":
                blocks.append(Facts((("name", (words(1200).text, words(9).text)),)))
            case _:
                rows = [tuple((words(700),) for _ in range(3)) for _ in range(5)]
                blocks.append(Table(tuple(rows), header=False))
    data = pdf_document.write(Paper("Title", tuple(blocks), tuple(notes)))
    said = re.sub(r"\s", "", pdf_text(data))
    found = Counter(int(n) for n in re.findall(r"w(\d+)w", said))
    assert found == Counter(range(count))
    with pymupdf.open(stream=data) as document:
        for page in document:
            assert all(block[3] < page.rect.y1 for block in page.get_text("blocks"))
