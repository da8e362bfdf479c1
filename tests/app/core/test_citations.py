"""A quotation leads to its lines, or is not called verified."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.answers import CitationStatus
from app.core.citations import boxes_between, cite, locate
from ingest.types import Box, ChunkLine, PageBox, Passage

TEXT = "The dose is 50 mg.\nIt is the ﬁrst hyphen-\nated line.\nNext page."


def passage(text: str = TEXT) -> Passage:
    lines, at = [], 0
    for n, words in enumerate(text.split("\n")):
        page = 4 if n < 3 else 5
        lines.append(ChunkLine(page, Box(10, 20.0 * n, 90, 20.0 * n + 12), at, at + len(words)))
        at += len(words) + 1
    return Passage(1, "a.pdf", (1,), text, (), tuple(lines), 1.0)


def test_a_verbatim_quotation_is_verified_on_its_line() -> None:
    citation = cite(1, passage(), "The dose is 50 mg.")
    assert citation.status is CitationStatus.VERIFIED
    assert citation.page == 4
    assert citation.boxes == (PageBox(4, Box(10, 0, 90, 12)),)


def test_ligatures_and_hyphens_do_not_matter() -> None:
    citation = cite(1, passage(), "It is the first hyphenated line.")
    assert citation.status is CitationStatus.VERIFIED
    assert [b.box.y0 for b in citation.boxes] == [20.0, 40.0]


def test_a_quotation_may_cross_a_page() -> None:
    citation = cite(1, passage(), "ated line.\nNext page.")
    assert [b.page for b in citation.boxes] == [4, 5]


def test_another_number_is_not_verified() -> None:
    citation = cite(1, passage(), "The dose is 500 mg.")
    assert citation.status is CitationStatus.UNVERIFIED
    assert citation.boxes == ()


def test_nothing_is_no_quotation() -> None:
    assert locate("", TEXT) is None
    assert locate(" \n", TEXT.replace("\n", "")) is None


@given(st.text(min_size=1, max_size=80), st.data())
def test_every_stretch_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = locate(text[start:end], text)
    assert found is not None
    assert text[found[0] : found[1]] == text[start:end]


def test_boxes_are_those_of_the_lines_touched() -> None:
    lines = passage().lines
    assert boxes_between(lines, 0, 1) == (PageBox(4, lines[0].box),)
    assert boxes_between(lines, lines[1].start, lines[2].end) == (
        PageBox(4, lines[1].box),
        PageBox(4, lines[2].box),
    )
