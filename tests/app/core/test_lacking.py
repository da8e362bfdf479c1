"""What a question names and documents lack."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.lacking import missing, missing_years, rare_words_lacking, years_lacking
from ingest.embedder import Embedder, open_embedder
from tests.app.core.test_extractive import passage


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder(threads=1)


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What were sales in 2023?", []),
        ("What were sales in 2024 and FY2022?", []),
        ("What were sales in 2019?", ["2019"]),
        ("What costs 2019.5 or 12019 euros?", []),
    ],
)
def test_years_that_no_passage_has(question: str, missing: list[str]) -> None:
    report = replace(passage(1, "Sales of 2023 and of March '24", "\t5\t6"), document="2022.pdf")
    assert missing_years(question, [report]) == missing


def test_what_no_passage_tells_of() -> None:
    texts = [passage(1, "The sum of 3,975 pounds for part A-1234 of 2023.")]
    assert missing("Was part A 1234 sold for 3975 in 2023?", texts) == []
    assert missing("Was part B-1234 sold for 4975 in 2024?", texts) == ["2024", "B-1234", "4975"]
    assert missing("Was it more than $9000, or 40 per cent of 50,000?", texts) == []


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("Sales of 31.12.24", False),
        ("Sales of 2023-24", False),
        ("Sales of FY24 and H1", False),
        ("Sales rose by 0.24 to 3/24 of all", True),
        ("Sales of 20,24 units", True),
    ],
)
def test_short_years(text: str, lacks: bool) -> None:
    assert bool(missing_years("What were sales in 2024?", [passage(1, text)])) is lacks


def test_a_share_of_the_years() -> None:
    report = [passage(1, "Sales of 2021 and 2022")]
    assert years_lacking("Sales in 2021 and 2019?", report) == 0.5
    assert years_lacking("Sales?", report) == 0.0
    assert years_lacking('Sales in 2021? Answer like ["2019"].', report) == 0.0


def test_rare_words(embedder: Embedder) -> None:
    trial = [passage(1, "Emicizumab was given to fifteen patients.")]
    count = embedder.count_tokens

    def lacking(question: str) -> list[str]:
        return rare_words_lacking(question, trial, count)

    assert lacking("What dose of paclitaxel was given?") == ["paclitaxel"]
    assert lacking("What dose of emicizumab was given?") == []
    assert lacking("What dose of emicizumap was given?") == []  # written wrongly
    assert lacking("Which colours has the chart on the page?") == []  # of the form
    assert lacking("What are patients expecting, renewing, tasting?") == []  # common words
