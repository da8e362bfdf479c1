"""The extractive answerer quotes; it never writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.answerer import Draft, Task
from app.core.answers import CitationStatus, Mode
from app.core.candidates import without_words
from app.core.extractive import ExtractiveAnswerer
from ingest.embedder import open_embedder
from ingest.glossary import Entry, Glossary
from ingest.types import Box, ChunkLine, Passage


def passage(number: int, *lines: str) -> Passage:
    at, places = 0, []
    for n, text in enumerate(lines):
        places.append(ChunkLine(number, Box(0, 10.0 * n, 90, 10.0 * n + 9), at, at + len(text)))
        at += len(text) + 1
    text = "\n".join(lines)
    return Passage(number, f"{number}.pdf", (number,), text, (), tuple(places), 1.0 / number)


PASSAGES = (
    passage(1, "The dog was walked.", "Metformin was reduced to 500 mg, see [2]."),
    passage(2, "Construed in accordance with the laws of Oregon."),
)


@pytest.fixture(scope="module")
def answerer() -> ExtractiveAnswerer:
    glossary = Glossary([Entry(("which law",), "construed in accordance with the laws")])
    return ExtractiveAnswerer(open_embedder(threads=1), glossary)


def draft(answerer: ExtractiveAnswerer, question: str) -> Draft:
    *_, last = answerer.answer(Task(question, PASSAGES))
    assert isinstance(last, Draft)
    return last


def test_the_best_sentence_is_quoted_on_its_line(answerer: ExtractiveAnswerer) -> None:
    found = draft(answerer, "To what dose was metformin reduced?")
    first = found.citations[0]
    assert first.quote == "Metformin was reduced to 500 mg, see [2]."
    assert first.status is CitationStatus.VERIFIED
    assert [b.box.y0 for b in first.boxes] == [10.0]


def test_the_documents_own_marks_are_no_citations(answerer: ExtractiveAnswerer) -> None:
    text = draft(answerer, "To what dose was metformin reduced?").text
    assert text.startswith("Metformin was reduced to 500 mg, see (2). [1]")


def test_a_heading_is_neither_quoted_nor_marked(answerer: ExtractiveAnswerer) -> None:
    *_, found = answerer.answer(
        Task(
            "What was planned for metformin?",
            [passage(1, "Plan", "Metformin is continued at 1,000 mg twice a day.")],
        )
    )
    assert isinstance(found, Draft)
    assert found.citations[0].quote == "Metformin is continued at 1,000 mg twice a day."
    assert [b.box.y0 for b in found.citations[0].boxes] == [10.0]


def test_a_row_is_shown_cell_by_cell_and_quoted_as_it_stands(answerer: ExtractiveAnswerer) -> None:
    row = "Haemoglobin\tg/l\t\t121 [1]"
    *_, found = answerer.answer(Task("What was the haemoglobin?", [passage(1, "Blood count", row)]))
    assert isinstance(found, Draft)
    assert found.text == "Haemoglobin | g/l | 121 (1) [1]"
    assert found.citations[0].quote == row
    assert found.citations[0].status is CitationStatus.VERIFIED


def test_the_glossary_helps(answerer: ExtractiveAnswerer) -> None:
    assert "Oregon" in draft(answerer, "Which law applies?").text


def test_what_is_not_there_is_not_found(answerer: ExtractiveAnswerer) -> None:
    assert draft(answerer, "Who won the chess tournament in Reykjavik?") == Draft(False, "", ())


def test_a_question_that_names_its_document_is_answered_by_the_clause(
    answerer: ExtractiveAnswerer,
) -> None:
    clauses = (
        "The Customer shall not lend the Software except as the law permits.",
        "This Agreement is governed by the law of England and Wales.",
    )
    licence = replace(passage(1, *clauses), document="software-licence.pdf")
    *_, found = answerer.answer(Task("What law governs the software licence?", [licence]))
    assert isinstance(found, Draft)
    assert found.citations[0].quote == clauses[1]


def test_what_is_left_of_a_question() -> None:
    assert without_words("Who audits the licences?", {"licenc"}) == "Who audits the ?"
    assert without_words("The licence?", {"licenc"}) == "The licence?"


def test_another_year_is_not_found(answerer: ExtractiveAnswerer) -> None:
    report = [passage(1, "Net sales in fiscal 2023 were 5.2 million euros.")]
    *_, found = answerer.answer(Task("What were net sales in fiscal 2023?", report))
    assert isinstance(found, Draft) and found.found
    *_, wrong = answerer.answer(Task("What were net sales in fiscal 2019?", report))
    assert wrong == Draft(False, "", ())


LOTS = [f"Item {n}: the parcel of lot {39490 + n} weighs {n + 30} kilos." for n in range(30)]


def test_the_line_with_the_number_is_the_answer(answerer: ExtractiveAnswerer) -> None:
    *_, found = answerer.answer(
        Task("What does lot 39500 weigh?", [passage(2, *LOTS[20:]), passage(1, *LOTS[:20])])
    )
    assert isinstance(found, Draft)
    assert [citation.quote for citation in found.citations] == [LOTS[10]]


def test_a_number_that_no_passage_has_is_not_found(answerer: ExtractiveAnswerer) -> None:
    *_, found = answerer.answer(Task("What does lot 99999 weigh?", [passage(1, *LOTS)]))
    assert isinstance(found, Draft)
    assert not found.found


def test_a_number_may_stand_elsewhere_in_the_document(answerer: ExtractiveAnswerer) -> None:
    *_, found = answerer.answer(
        Task(
            "When is invoice INV-3031 due?",
            [
                passage(1, "Invoice INV 3031"),
                replace(
                    passage(1, "The invoice is due within thirty days of delivery."), chunk_ids=(7,)
                ),
                passage(2, "Invoice INV 3032 is due within ten days of delivery."),
            ],
        )
    )
    assert isinstance(found, Draft)
    assert found.citations[0].quote.startswith("The invoice is due within thirty")
    assert {c.document_id for c in found.citations} == {1}


def test_each_page_is_quoted_once_and_the_strongest_first(answerer: ExtractiveAnswerer) -> None:
    pages = [
        passage(n, f"The ferry Skarven was repaired in {town}.", "Its crew of nine was paid.")
        for n, town in enumerate(("Bergen", "Tromsø", "Molde", "Bodø", "Narvik", "Oslo"), start=1)
    ]
    *_, found = answerer.answer(Task("Where was the ferry Skarven repaired?", pages))
    assert isinstance(found, Draft)
    assert len(found.citations) == 5 == len({c.document_id for c in found.citations})
    assert all("repaired" in c.quote for c in found.citations)


def test_a_page_that_was_pointed_at_is_quoted_more_than_once(
    answerer: ExtractiveAnswerer,
) -> None:
    towns = [f"The ferry Skarven was repaired in {town}." for town in ("Bergen", "Molde", "Oslo")]
    *_, found = answerer.answer(
        Task("Where was the ferry Skarven repaired?", [passage(1, *towns)], Mode.PLACE)
    )
    assert isinstance(found, Draft)
    assert len(found.citations) == 3


def test_no_passages_no_answer(answerer: ExtractiveAnswerer) -> None:
    (only,) = answerer.answer(Task("Anything?", ()))
    assert only == Draft(False, "", ())
