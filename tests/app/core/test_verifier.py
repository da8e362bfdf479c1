"""What is shown as verified stands on the page; what was changed never is."""

from __future__ import annotations

from collections import Counter

import pytest

from app.core.answers import CitationStatus, Crop, CropReason
from app.core.verifier import Verifier
from ingest.types import Box, ChunkLine, Passage
from tests.app.core.verifier_cases import Case, cases

CASES = cases()


def passage(
    number: int, *lines: str, document: str = "Record", chunk: int = 0, page: int = 1
) -> Passage:
    """A passage of these lines, ten points apart."""
    text, places = "", []
    for n, line in enumerate(lines):
        start = len(text) + 1 if text else 0
        text = f"{text}\n{line}" if text else line
        places.append(ChunkLine(page, Box(0, 10 * n, 100, 10 * n + 10), start, start + len(line)))
    return Passage(number, document, (chunk or number * 100,), text, (), tuple(places), 1.0)


def status_of(case: Case) -> CitationStatus:
    return Verifier(case.passages).check(case.sentence).status


def test_no_changed_statement_is_verified() -> None:
    assert len(CASES) >= 500
    wrong = [c for c in CASES if not c.true and not c.kind.startswith(("scanned", "wrong"))]
    assert len(wrong) > 250
    shown = [c for c in wrong if status_of(c) is CitationStatus.VERIFIED]
    assert not shown, [(c.kind, c.sentence, c.passages[1].text) for c in shown]


def test_changes_of_what_must_not_change_are_not_even_repaired() -> None:
    kinds = {"a digit", "a date", "a unit", "a negation dropped", "a negation added", "a name"}
    kinds |= {"scanned, a digit", "clipped number"}
    shown = [c for c in CASES if c.kind in kinds and status_of(c) is not CitationStatus.UNVERIFIED]
    assert not shown, [(c.kind, c.sentence, c.passages[1].text) for c in shown]


def test_true_quotations_are_verified() -> None:
    true = [c for c in CASES if c.true]
    missed = [c for c in true if status_of(c) is not CitationStatus.VERIFIED]
    assert len(missed) <= 0.02 * len(true), [
        (c.kind, c.sentence, c.passages[1].text) for c in missed
    ]


def test_what_ocr_spoilt_is_found_and_what_it_may_not_excuse_is_not() -> None:
    found = Counter(status_of(c) for c in CASES if c.kind == "scanned")
    assert found[CitationStatus.UNVERIFIED] <= 0.15 * sum(found.values()), found


def test_a_quotation_from_another_passage_is_shown_where_it_stands() -> None:
    for case in [c for c in CASES if c.kind == "wrong passage"]:
        checked = Verifier(case.passages).check(case.sentence)
        assert checked.status is not CitationStatus.VERIFIED
        if checked.status is CitationStatus.REPAIRED:
            (citation,) = checked.citations
            assert citation.document == "document 1"
            assert citation.boxes


PASSAGES = {
    1: passage(
        1,
        "The patient does not take aspirin 81 mg daily.",
        "Metformin is continued at 2.5 mg twice a day by Dr. Smith.",
        "Haemoglobin fell from 13.2 to 11.4 g/dl.",
    ),
    2: passage(
        2,
        "The Tenant shall pay rent of $5,000 a month, unless",
        "the Landlord waives it. This Agreement is governed by the laws of the State of Delaware.",
        document="Lease",
    ),
    3: passage(
        3, "Revenue was $1,200 million in 2023 and $1,100 million in", document="Report", chunk=10
    ),
    4: passage(3, "2022, as the market grew.", document="Report", chunk=11, page=2),
}
V, R, U = CitationStatus.VERIFIED, CitationStatus.REPAIRED, CitationStatus.UNVERIFIED


@pytest.mark.parametrize(
    ("sentence", "status", "quote"),
    [
        ("“Haemoglobin fell from 13.2 to 11.4” [1].", V, "Haemoglobin fell from 13.2 to 11.4"),
        ("He takes metformin 2.5 mg twice a day [1].", R,
         "Metformin is continued at 2.5 mg twice a day by Dr. Smith."),
        ("He takes metformin 25 mg twice a day [1].", U, ""),
        ("He takes “aspirin 81 mg daily” [1].", U, ""),
        ("He does not take “aspirin 81 mg daily” [1].", V, "aspirin 81 mg daily"),
        ("The dose is “5 mg twice a day” [1].", U, ""),
        ("Rent is due: “The Tenant shall pay rent of $5,000 a month” [2].", R,
         "The Tenant shall pay rent of $5,000 a month, unless\nthe Landlord waives it."),
        ("The law of Delaware governs [2].", R,
         "This Agreement is governed by the laws of the State of Delaware."),
        ("The law of Texas governs [2].", U, ""),
        ("Haemoglobin rose from 13.2 to 11.4 g/dl [1].", U, ""),
        ("Revenue was $1,200 [3].", U, ""),
        ("Dr. Jones continued “Metformin” [1].", U, ""),
        ("Okonkwo continued “Metformin” [1].", U, ""),
        ("Medication: “Metformin is continued at 2.5 mg twice a day” [1].", V,
         "Metformin is continued at 2.5 mg twice a day"),
        ("There is no source for this.", U, None),
    ],
)  # fmt: skip
def test_single_sentences(sentence: str, status: CitationStatus, quote: str | None) -> None:
    checked = Verifier(PASSAGES).check(sentence)
    assert checked.status is status, checked
    if quote is None:
        assert not checked.citations
    elif quote:
        assert [c.quote for c in checked.citations] == [quote]
        assert checked.citations[0].boxes
    else:
        assert all(not c.boxes and c.status is U for c in checked.citations)


def test_what_is_missing_is_named() -> None:
    assert Verifier(PASSAGES).check("He takes metformin 25 mg daily [1].").missing == (
        "25 mg daily",
    )


def test_a_quotation_runs_on_over_the_page() -> None:
    said = (
        "“Revenue was $1,200 million in 2023 and $1,100 million in 2022, as the market grew” [3]."
    )
    checked = Verifier(PASSAGES).check(said, 5)
    assert checked.status is V
    (citation,) = checked.citations
    assert (citation.n, [b.page for b in citation.boxes]) == (5, [1, 2])


def test_citations_are_numbered_on_and_made_up_ones_go() -> None:
    said = "“Metformin is continued at 2.5 mg twice a day” [1][9] and “laws of the State” [2, 1]."
    checked = Verifier(PASSAGES).check(said, 3)
    assert "[3]" in checked.text and "[4][3]" in checked.text and "[9]" not in checked.text
    assert checked.removed == 1
    assert [c.n for c in checked.citations] == [3, 4]


def test_a_repaired_quotation_is_shown_in_the_documents_words() -> None:
    checked = Verifier(PASSAGES).check("“Metformin was continued at 2.5 mg twice a day” [1].")
    assert checked.status is R
    assert checked.text == "“Metformin is continued at 2.5 mg twice a day” [1]."


def test_what_a_model_saw_is_shown_but_never_verified() -> None:
    crop = Crop(1, 1, Box(5, 5, 50, 50), CropReason.FIGURE)
    checked = Verifier(PASSAGES, crops={1: crop}).check("The stamp says “Paid in full” [1].")
    (citation,) = checked.citations
    assert citation.status is U and citation.pictured
    assert [b.box for b in citation.boxes] == [crop.box]
