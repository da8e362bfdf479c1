"""Chunks hold every line, fit the window and keep their places."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunker import ChunkSizes, chunk_pages
from ingest.normalise import normalise
from ingest.types import Box, Line, Page, Role

SIZES = ChunkSizes(window=40, target=30, context=8)
WIDTH, HEIGHT = 400.0, 600.0


def count(texts: Sequence[str]) -> list[int]:
    """Words and hyphenated parts as tokens; like a real tokenizer, more pieces than words."""
    return [len(text.replace("-", " - ").split()) for text in texts]


def page(number: int, *lines: Line) -> Page:
    return Page(number, WIDTH, HEIGHT, lines)


def line(text: str, role: Role = Role.BODY, block: int = 0, level: int = 0, y: float = 0) -> Line:
    return Line(text, Box(10.0, y, 300.0, y + 10.0), role, block, level)


words = st.text(alphabet="abcdeAB.-é", min_size=1, max_size=12).filter(lambda w: w.strip("-. "))
lines = st.builds(
    lambda parts, role, block, level, y: line(
        " ".join(parts), role, block, level if role is Role.HEADING else 0, y
    ),
    st.lists(words, min_size=1, max_size=60),
    st.sampled_from([Role.BODY, Role.HEADING, Role.LIST, Role.TABLE, Role.TABLE_HEADER]),
    st.integers(0, 5),
    st.integers(1, 3),
    st.floats(0, 580),
)
documents = st.lists(st.lists(lines, max_size=8), min_size=1, max_size=4).map(
    lambda pages: [page(n, *sorted(p, key=lambda x: x.block)) for n, p in enumerate(pages, 1)]
)


@given(documents)
@settings(max_examples=150, deadline=None)
def test_every_line_lies_in_a_chunk_and_fits(pages: list[Page]) -> None:
    chunks = chunk_pages(pages, "A title", count, SIZES)
    covered: dict[tuple[int, Box], str] = {}
    for chunk in chunks:
        assert count([chunk.search_text])[0] <= SIZES.window
        assert chunk.lines
        for part in chunk.lines:
            assert chunk.text[part.start : part.end].strip()
            key = (part.page, part.box)
            covered[key] = covered.get(key, "") + chunk.text[part.start : part.end]
            assert 0 <= part.box.x0 <= part.box.x1 <= WIDTH
            assert 0 <= part.box.y0 <= part.box.y1 <= HEIGHT
    for p in pages:
        for entry in p.lines:
            held = covered.get((p.number, entry.box), "")
            assert set(entry.text.split()) <= set(held.split()) or "".join(
                entry.text.split()
            ) in "".join(held.split())


def test_a_long_row_does_not_take_the_header_along() -> None:
    rows = [line("a b c d e f a b c d", Role.TABLE_HEADER, 1, y=10)]
    rows += [line(" ".join("abc" for _ in range(30)), Role.TABLE, 1, y=10.0 * n) for n in (2, 3, 4)]
    for chunk in chunk_pages([page(1, *rows)], "A title", count, SIZES):
        assert count([chunk.search_text])[0] <= SIZES.window


@given(documents)
@settings(max_examples=50, deadline=None)
def test_chunks_are_in_reading_order_and_numbered(pages: list[Page]) -> None:
    chunks = chunk_pages(pages, "A title", count, SIZES)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    starts = [chunk.lines[-1].page for chunk in chunks]
    assert starts == sorted(starts)


def test_a_title_and_headings_stand_in_the_search_text() -> None:
    (chunk,) = chunk_pages(
        [page(1, line("Dosage", Role.HEADING, 0, 1), line("Two tablets a day.", block=1))],
        "Leaflet",
        count,
        SIZES,
    )
    assert chunk.search_text.startswith("Leaflet > Dosage")
    assert chunk.heading == ("Dosage",)
    assert chunk.text == "Dosage\nTwo tablets a day."


def test_furniture_is_kept_once() -> None:
    header = "Patient Brandvik page {}"
    pages = [
        page(n, line(header.format(n), Role.FURNITURE), line(f"Text {n}.", block=1))
        for n in (1, 2, 3)
    ]
    text = "\n".join(chunk.text for chunk in chunk_pages(pages, "", count, SIZES))
    assert text.count("Patient Brandvik") == 1
    assert all(f"Text {n}." in text for n in (1, 2, 3))


def test_furniture_that_says_something_else_is_kept() -> None:
    pages = [
        page(n, line(f"Invoice {n}", Role.FURNITURE), line(f"Text {n}.", block=1))
        for n in (16, 17, 18)
    ]
    text = "\n".join(chunk.text for chunk in chunk_pages(pages, "", count, SIZES))
    assert all(f"Invoice {n}" in text for n in (16, 17, 18))


def test_bare_page_numbers_are_dropped() -> None:
    (chunk,) = chunk_pages(
        [page(1, line("17", Role.FURNITURE), line("Body text.", block=1))], "", count, SIZES
    )
    assert chunk.text == "Body text."


def test_a_split_table_repeats_its_header() -> None:
    header = line("Year\tSales", Role.TABLE_HEADER, 1)
    rows = [line(f"20{n:02}\t{n} million euro", Role.TABLE, 1, y=10.0 + n) for n in range(30)]
    chunks = chunk_pages([page(1, header, *rows)], "", count, SIZES)
    assert len(chunks) > 1
    assert all(chunk.text.startswith("Year\tSales") for chunk in chunks)


def test_hyphenation_is_joined_for_search_only() -> None:
    (chunk,) = chunk_pages([page(1, line("A hyphen-"), line("ated word."))], "", count, SIZES)
    assert "hyphenated" in chunk.search_text
    assert "hyphen-\nated" in chunk.text
    assert normalise(chunk.text) in chunk.search_text


def test_an_empty_document_has_no_chunks() -> None:
    assert chunk_pages([page(1)], "Empty", count, SIZES) == []
