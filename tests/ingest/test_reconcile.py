"""Two readings of a page are made into one."""

from __future__ import annotations

from ingest.reconcile import reconcile
from ingest.types import Box, Line, Page, TextSource


def page(*texts: str, source: TextSource = TextSource.TEXT) -> Page:
    lines = tuple(
        Line(text, Box(50, 100 + 20 * n, 400, 112 + 20 * n), source=source)
        for n, text in enumerate(texts)
    )
    return Page(1, 600, 800, lines)


def merged(ours: tuple[str, ...], theirs: tuple[str, ...]) -> list[str]:
    result = reconcile(page(*ours, source=TextSource.OCR), page(*theirs))
    assert all(line.source is TextSource.OCR for line in result.lines)
    return [line.text for line in result.lines]


def test_a_word_known_from_the_page_beats_an_unknown_one() -> None:
    ours = ("the crops of tbe field", "earthy matter", "four or five crops")
    theirs = ("the crops of the field", "Karthv matter", "four or live crops")
    assert merged(ours, theirs) == ["the crops of the field", "earthy matter", "four or five crops"]


def test_words_run_together_are_parted_where_the_layer_knows_better() -> None:
    ours = ("four orfive times", "or five")
    theirs = ("four or five times", "or five")
    assert merged(ours, theirs) == ["four or five times", "or five"]


def test_a_digit_amid_letters_yields_to_letters() -> None:
    assert merged(("ARCH + TRAININ6",), ("ARCH TRAINING",)) == ["ARCH + TRAINING"]


def test_a_capital_that_looks_like_its_small_letter_amid_a_sentence() -> None:
    assert merged(("what we Saw. So it is",), ("what we saw. so it is",)) == [
        "what we saw. So it is"
    ]


def test_figures_are_never_taken_from_the_layer() -> None:
    assert merged(("Total 1,250 and 17",), ("Total 7,250 and 77",)) == ["Total 1,250 and 17"]
    assert merged(("in 1864 they",), ("in I864 they",)) == ["in 1864 they"]


def test_other_lines_and_unlike_words_change_nothing() -> None:
    assert merged(("alpha beta", "gamma"), ("delta", "alpha")) == ["alpha beta", "gamma"]


def test_spacing_between_words_stays() -> None:
    assert merged(("tbe\t40", "the"), ("the\t40", "the")) == ["the\t40", "the"]


def test_without_a_layer_or_without_a_reading() -> None:
    read = page("text", source=TextSource.OCR)
    assert reconcile(read, None) is read
    assert reconcile(read, Page(1, 600, 800, ())) == read
    kept = reconcile(Page(1, 600, 800, ()), page("layer"))
    assert [line.text for line in kept.lines] == ["layer"]
    assert kept.unreadable
