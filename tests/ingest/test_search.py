"""Rankings are fused, neighbours merged, and the glossary stands beside the question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from app.core.locations import resources_folder
from ingest.embedder import Embedder, open_embedder
from ingest.errors import IngestError
from ingest.glossary import Entry, Glossary
from ingest.index import Hit
from ingest.memory_index import MemoryIndex
from ingest.question import asks_to_see, core_of, identifiers, literals, words_to_find
from ingest.search import Fusion, Searcher, fuse
from ingest.store import NewDocument, Store
from ingest.types import Box, Chunk, ChunkLine, Figure, FigureKind, Page
from ingest.words import content_words, literal_pattern

TEXTS = (
    "Metformin was reduced to 500 mg twice a day.",
    "The reduction follows the kidney function.",
    "The patient walks the dog every morning.",
    "Shall be construed in accordance with the laws of the State of Oregon.",
)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder(threads=1)


@pytest.fixture
def searcher(tmp_path: Path, embedder: Embedder) -> Iterator[Searcher]:
    yield from over(TEXTS, tmp_path, embedder)


@pytest.fixture(scope="module")
def lots(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Searcher]:
    texts = [f"Item {n % 10}: the parcel of lot {8000 + n} weighs {n} kilos." for n in range(300)]
    texts += ["Invoice INV-3031 is paid.", "The total of the goods is 3,975 pounds."]
    yield from over(texts, tmp_path_factory.mktemp("lots"), embedder)


def stored(
    store: Store,
    collection: int,
    chunks: Sequence[Chunk],
    embedder: Embedder,
    figures: Sequence[Figure] = (),
) -> MemoryIndex:
    """The index of a collection whose one document has these chunks and figures."""
    store.put(
        collection,
        NewDocument(
            name="a.pdf", title="", path="/a.pdf", media_type="application/pdf",
            content_hash="a", size=0, modified="", password="", warnings=(),
            pages=[Page(1, 100, 100, ())], chunks=chunks,
            vectors=embedder.embed([chunk.text for chunk in chunks]),
            model=embedder.model, original=b"", rendition=None, figures=figures,
        ),
    )  # fmt: skip
    index = MemoryIndex(dimension=embedder.dimension)
    index.build(collection, store.index_rows(collection))
    return index


def over(texts: Sequence[str], folder: Path, embedder: Embedder) -> Iterator[Searcher]:
    """A searcher over texts that are the chunks of one document."""
    store = Store(folder, bytes(32))
    collection = store.add_collection("one").id
    chunks = [
        Chunk(n, text, text, (), (ChunkLine(1, Box(0, n * 10.0, 90, n * 10.0 + 9), 0, len(text)),))
        for n, text in enumerate(texts)
    ]
    index = stored(store, collection, chunks, embedder)
    glossary = Glossary([Entry(("which law",), "construed in accordance with the laws")])
    yield Searcher(store, index, embedder, glossary)
    store.close()


def test_ranks_and_relative_scores_add_up() -> None:
    first, second = [Hit(1, 1, 0.9), Hit(2, 1, 0.8)], [Hit(2, 1, 7.0), Hit(3, 1, 5.0)]
    fused = fuse([(first, 1.0), (second, 1.0)], Fusion(constant=60, rank_weight=0.5))
    assert [chunk for chunk, _ in fused] == [2, 1, 3]
    assert fused[0][1] == pytest.approx(0.5 * (61 / 62) + 0.5 + 1.0)


def test_a_ranking_of_equal_scores_counts_by_rank() -> None:
    fused = fuse([([Hit(5, 1, 1.0), Hit(4, 1, 1.0)], 1.0)], Fusion())
    assert [chunk for chunk, _ in fused] == [5, 4]
    assert fuse([], Fusion()) == []


def test_the_only_hit_of_a_ranking_counts_whole() -> None:
    vectors = [Hit(n, 1, 0.9 - n / 100) for n in range(9)]
    assert fuse([(vectors, 1.0), ([Hit(20, 1, 6.0)], 1.1)], Fusion())[0][0] == 20


@pytest.mark.parametrize(
    ("query", "held"),
    [
        ("8225", "lot 8225 "),
        ("What does lot 8117 weigh?", "lot 8117 "),
        ("parcel 8008", "lot 8008 "),
        ("Who paid inv3031?", "INV-3031"),
        ("Is INV 3031 paid?", "INV-3031"),
        ("3975 pounds", "3,975"),
        ('what is "total of the goods"', "3,975"),
    ],
)
def test_a_rare_number_or_code_comes_first(lots: Searcher, query: str, held: str) -> None:
    ranked = lots.rank(1, query)
    assert held in lots.search(1, query, k=1)[0].text
    assert [r.held for r in ranked[:2]] == [1, 0]
    assert [r.score for r in ranked] == sorted((r.score for r in ranked), reverse=True)


def test_what_many_hold_is_left_to_the_ranking(lots: Searcher) -> None:
    assert all(r.held == 0 for r in lots.rank(1, 'which is the "parcel of lot"'))


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What does lot 39500 weigh?", ["39500"]),
        ("Is part A-1234-B in case 22/0417 or S7?", ["A-1234-B", "22/0417"]),
        ("What was paid in 2021-2022, FY2023, Q3 and on 12/03/2024?", []),
        ("Are 10,000 dollars, $25000 or 30 days too much for 18-year-olds?", []),
        ("What is on page 6985?", []),
        ("H100 or B200?", ["H100", "B200"]),
    ],
)
def test_identifiers(question: str, found: list[str]) -> None:
    assert identifiers(question) == found


def test_literals() -> None:
    assert literals("lot 12") == ["12"]
    assert literals("How many of the 12 lots were sold in May?") == []
    assert literals('Who said "net of tax"? For example, ["1","2"]') == ["net of tax"]


@pytest.mark.parametrize(
    ("literal", "text", "holds"),
    [
        ("39500", "lot 39500.", True),
        ("39500", "39,500 kilos", True),
        ("39,500", "39500", True),
        ("39500", "139500 395001 39500.5 x39500", False),
        ("INV-3031", "inv 3031", True),
        ("INV-3031", "inv 30312", False),
        ("12.3", "clause 12.3 applies", True),
        ("12.3", "clause 12.31 applies", False),
    ],
)
def test_a_literal_is_found_whole(literal: str, text: str, holds: bool) -> None:
    assert (literal_pattern(literal).search(text) is not None) is holds


def test_neighbours_become_one_passage(searcher: Searcher) -> None:
    passages = searcher.search(1, "metformin reduced for the kidney function", k=2)
    best = passages[0]
    assert best.text == "\n".join(TEXTS[:2]) or best.text.startswith(TEXTS[0])
    assert [best.text[line.start : line.end] for line in best.lines] == best.text.split("\n")
    assert best.chunk_ids == tuple(sorted(best.chunk_ids))
    assert len(passages) == 2
    assert len({c for p in passages for c in p.chunk_ids}) == sum(
        len(p.chunk_ids) for p in passages
    )


def test_scores_fall(searcher: Searcher) -> None:
    scores = [passage.score for passage in searcher.search(1, "dog", k=10)]
    assert scores == sorted(scores, reverse=True)


def test_the_glossary_finds_other_words(searcher: Searcher) -> None:
    assert searcher.rank(1, "Which law applies?")[0].chunk_id == 4


def test_nothing_asked_nothing_found(searcher: Searcher) -> None:
    assert searcher.search(1, " ") == []
    assert searcher.search(9, "anything") == []


def test_the_glossaries_that_come_with_the_program_load() -> None:
    files = sorted((resources_folder() / "glossary").glob("*.toml"))
    assert len(files) >= 3
    glossary = Glossary.load(files)
    assert "construed" in glossary.wording("Which law governs this agreement?")
    assert glossary.wording("Whose umbrella is it?") == ""


def test_a_glossary_knows_the_words_without_which_nothing_is_said() -> None:
    glossary = Glossary([Entry(("audit",), "inspect", ("audit", "books and records"))])
    (audits,) = glossary.telling("May a party audit the other?")
    assert audits.told_in("The Books and Records are open.")
    assert not audits.told_in("The inaudible books of records.")
    assert glossary.telling("Who pays?") == []
    assert Glossary([Entry(("audit",), "inspect")]).telling("Who audits?") == []


def test_a_broken_glossary_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[[entry]]\nasked = ['x']\n")
    with pytest.raises(IngestError, match=r"bad\.toml"):
        Glossary.load([path])


def test_words() -> None:
    assert content_words("What were the running costs of the doses?") == ["run", "cost", "dose"]
    assert content_words("Haftung für Schäden") == content_words("haftung fur schaden")
    assert content_words("Sørensen, Łódź") == content_words("Sorensen, Lodz")
    assert content_words("合同法 2020") == ["合同", "同法", "2020"]
    assert words_to_find("What is the dose of Metformin in FY2023?") == "dose Metformin FY2023 2023"


@pytest.mark.parametrize(
    ("question", "core"),
    [
        ("What was the dose? Answer in mg.", "What was the dose?"),
        ("Is the margin stable? If it is no use, then please state that and explain why.",
         "Is the margin stable?"),
        ("Who signed v1.2 of the lease?", "Who signed v1.2 of the lease?"),
        ("Please list the parties.", "Please list the parties."),
        ("", ""),
    ],
)  # fmt: skip
def test_how_to_answer_is_not_searched(question: str, core: str) -> None:
    assert core_of(question) == core


def test_vectors_are_stored_as_given(embedder: Embedder) -> None:
    vectors = embedder.embed(list(TEXTS))
    assert vectors.dtype == np.float32


class _LikesDogs:
    def score(self, _question: str, texts: list[str]) -> list[float]:
        return [float("dog" in text) for text in texts]


def test_a_reranker_orders_the_best(searcher: Searcher) -> None:
    searcher._reranker = _LikesDogs()  # type: ignore[assignment]
    passages = searcher.search(1, "metformin", k=3)
    assert "dog" in passages[0].text
    scores = [passage.score for passage in passages]
    assert scores == sorted(scores, reverse=True)


def test_guests_leave_the_others_scores_as_they_are() -> None:
    text = [Hit(n, 1, 0.9 - n / 100) for n in range(9)]
    alone = dict(fuse([(text, 1.0)], Fusion(depth=5)))
    first, second, third = (Hit(n, 1, s, True) for n, s in ((70, 0.95), (71, 0.885), (72, 0.1)))
    mixed = [first, *text[:2], second, *text[2:], third]
    beside = dict(fuse([(mixed, 1.0)], Fusion(depth=5)))
    assert {i: beside[i] for i in alone} == alone
    assert beside[70] == beside[0]  # as if it stood first among the text, and no better
    assert beside[1] > beside[71] == pytest.approx(beside[2], abs=0.2)
    assert 72 not in beside
    assert set(dict(fuse([([first], 1.0)], Fusion()))) == {70}


def test_a_figure_counts_more_when_a_question_asks_to_see(
    tmp_path: Path, embedder: Embedder
) -> None:
    store = Store(tmp_path, bytes(32))
    collection = store.add_collection("one").id
    words = "Crossings of the ferry by quarter"
    box = Box(10, 10, 90, 90)
    texts = (f"{words}, as told by the harbour master.", words, "Dues of the harbour in spring.")
    chunks = [
        Chunk(2 * n, text, text, (), (ChunkLine(1, box, 0, len(text)),), 0 if n == 1 else None)
        for n, text in enumerate(texts)
    ]
    figures = [Figure(1, box, FigureKind.CHART, "figure 1", words)]
    index = stored(store, collection, chunks, embedder, figures)
    searcher = Searcher(store, index, embedder)
    plain = {r.chunk_id: r.score for r in searcher.rank(1, "crossings of the ferry")}
    shown = {r.chunk_id: r.score for r in searcher.rank(1, "crossings of the ferry chart")}
    figure = store.document_chunks(1)[1].id
    assert shown[figure] > plain[figure]
    (found,) = [p for p in searcher.search(1, words) if p.figure is not None]
    assert found.figure is not None and found.figure.label == "figure 1"
    assert found.text == words and found.chunk_ids == (figure,)
    store.close()


def test_the_text_of_its_page_speaks_for_a_figure(tmp_path: Path, embedder: Embedder) -> None:
    """Two figures that say the same; beside one stands what the question asks about."""
    store = Store(tmp_path, bytes(32))
    collection = store.add_collection("one").id
    box = Box(10, 10, 90, 90)
    entries = (
        (1, "Dues of the harbour in spring.", None),
        (2, "The ferry crossed eighty times in winter.", None),
        (1, "Crossings of each year", 0),
        (2, "Crossings of each year", 1),
    )
    chunks = [
        Chunk(2 * n, text, text, (), (ChunkLine(page, box, 0, len(text)),), figure)
        for n, (page, text, figure) in enumerate(entries)
    ]
    figures = [Figure(page, box, FigureKind.CHART) for page in (1, 2)]
    index = stored(store, collection, chunks, embedder, figures)
    text, _, first, second = (chunk.id for chunk in store.document_chunks(1))
    question = "Which chart shows how often the ferry crossed in winter?"
    alone, raised = (
        {
            r.chunk_id: r.score
            for r in Searcher(store, index, embedder, fusion=how).rank(1, question)
        }
        for how in (Fusion(page_share=0.0), Fusion(page_share=0.5))
    )
    assert alone[second] == pytest.approx(alone[first], abs=0.02)
    assert raised[second] > raised[first]
    assert raised[text] == alone[text]
    store.close()


@pytest.mark.parametrize(
    ("question", "sees"),
    [
        ("What does Figure 3 show?", True),
        ("Which colour is the curve?", True),
        ("Is there a signature on the last page?", True),
        ("Was zeigt die Abbildung?", True),
        ("What was the figure for net sales?", True),  # cannot be told apart
        ("Sales figures of 2022", False),
        ("Who owns the ferry?", False),
    ],
)
def test_questions_that_ask_to_see(question: str, sees: bool) -> None:
    assert asks_to_see(question) is sees
