"""What every search index has to do; `test_index.py` runs it over both backends."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.index import SearchIndex
from ingest.store import IndexRows
from ingest.words import content_words

ONE, TWO = 1, 2


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def rows(*entries: tuple[int, int, str, np.ndarray], figures: bool = False) -> IndexRows:
    chunk_ids, document_ids, texts, vectors = zip(*entries, strict=True)
    words = [" ".join(content_words(text)) for text in texts]
    return IndexRows(
        list(chunk_ids), list(document_ids), words, np.stack(vectors), [figures] * len(words)
    )


FIRST = rows(
    (1, 10, "metformin was reduced to 500 mg", unit(1, 0, 0)),
    (2, 10, "the haemoglobin was low", unit(0, 1, 0)),
    (3, 11, "metformin metformin continued", unit(0.9, 0.1, 0)),
)


FIGURES = rows(
    (7, 10, "figure 1 metformin over time", unit(0.8, 0.2, 0)),
    (8, 11, "figure 2 haemoglobin over time", unit(0, 0.9, 0.1)),
    figures=True,
)


def both(*parts: IndexRows) -> IndexRows:
    """One batch of several."""
    ids, documents, words, figures = (
        [value for part in parts for value in part[column]] for column in (0, 1, 2, 4)
    )
    return IndexRows(ids, documents, words, np.concatenate([p.vectors for p in parts]), figures)


class IndexContract:
    """Inherit, and give a fixture ``index`` of dimension 3."""

    def test_nearest_is_exact_and_ordered(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        hits = index.nearest(ONE, unit(1, 0, 0), 2)
        assert [hit.chunk_id for hit in hits] == [1, 3]
        assert hits[0].score == pytest.approx(1.0, abs=1e-5)
        assert hits[1].score == pytest.approx(float(unit(0.9, 0.1, 0)[0]), abs=1e-5)

    def test_full_text_finds_words_in_other_forms(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        assert {hit.chunk_id for hit in index.matching(ONE, "reducing metformin", 5)} == {1, 3}
        assert index.matching(ONE, "unheard", 5) == []

    @pytest.mark.parametrize("words", ["", "  ", "?!", '"unbalanced', "a AND (b", "x:y*^~", "'"])
    def test_any_question_is_only_words(self, index: SearchIndex, words: str) -> None:
        index.build(ONE, [FIRST])
        assert isinstance(index.matching(ONE, words, 5), list)

    def test_collections_never_mix(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        index.build(TWO, [rows((9, 20, "metformin elsewhere", unit(1, 0, 0)))])
        assert {h.chunk_id for h in index.nearest(TWO, unit(1, 0, 0), 10)} == {9}
        assert {h.chunk_id for h in index.matching(TWO, "metformin", 10)} == {9}
        assert 9 not in {h.chunk_id for h in index.nearest(ONE, unit(1, 0, 0), 10)}

    def test_documents_narrow_the_search(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        assert [h.chunk_id for h in index.nearest(ONE, unit(1, 0, 0), 5, [11])] == [3]
        assert [h.chunk_id for h in index.matching(ONE, "metformin", 5, [11])] == [3]
        assert index.nearest(ONE, unit(1, 0, 0), 5, []) == []

    def test_added_rows_are_found_at_once(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        index.add(ONE, [rows((4, 12, "apixaban was started", unit(0, 0, 1)))])
        assert index.nearest(ONE, unit(0, 0, 1), 1)[0].chunk_id == 4
        assert [h.chunk_id for h in index.matching(ONE, "apixaban", 5)] == [4]
        index.optimize(ONE)
        assert [h.chunk_id for h in index.matching(ONE, "apixaban", 5)] == [4]

    def test_removed_rows_are_gone(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        index.remove_documents(ONE, [10])
        assert [h.chunk_id for h in index.nearest(ONE, unit(1, 0, 0), 5)] == [3]
        assert [h.chunk_id for h in index.matching(ONE, "metformin haemoglobin", 5)] == [3]
        index.remove_chunks(ONE, [3])
        assert index.chunk_ids(ONE) == set()

    def test_an_unknown_or_empty_collection_finds_nothing(self, index: SearchIndex) -> None:
        assert index.nearest(5, unit(1, 0, 0), 3) == []
        assert index.matching(5, "metformin", 3) == []
        index.build(5, [])
        assert index.nearest(5, unit(1, 0, 0), 3) == []
        assert index.matching(5, "metformin", 3) == []

    def test_building_again_starts_anew(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        index.build(ONE, [rows((7, 30, "only this", unit(0, 1, 0)))])
        assert index.chunk_ids(ONE) == {7}

    def test_a_removed_collection_is_gone(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        index.remove_collection(ONE)
        assert index.matching(ONE, "metformin", 3) == []
        assert index.chunk_ids(ONE) == set()

    def test_figures_are_found_beside_text_and_marked(self, index: SearchIndex) -> None:
        index.build(ONE, [both(FIRST, FIGURES)])
        nearest = index.nearest(ONE, unit(1, 0, 0), 3)
        assert [hit.chunk_id for hit in nearest] == [1, 3, 7]
        assert [hit.figure for hit in nearest] == [False, False, True]
        matching = {hit.chunk_id: hit.figure for hit in index.matching(ONE, "metformin", 5)}
        assert matching == {1: False, 3: False, 7: True}
        holding = index.holding(ONE, content_words("figure time"), 5)
        assert {hit.chunk_id for hit in holding} == {7, 8}
        assert [h.chunk_id for h in index.matching(ONE, "haemoglobin", 5, [11])] == [8]
        assert index.chunk_ids(ONE) == {1, 2, 3, 7, 8}

    def test_figures_leave_the_scores_of_the_text_alone(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        index.build(TWO, [FIRST, FIGURES])
        alone = index.matching(ONE, "metformin reduced", 5, beside="haemoglobin")
        beside = index.matching(TWO, "metformin reduced", 5, beside="haemoglobin")
        assert [hit for hit in beside if not hit.figure] == alone

    def test_a_word_counts_in_a_figure_as_in_the_text(self, index: SearchIndex) -> None:
        """Most figures say "time", one says "apixaban"; in the text it is the other way round."""
        text = [(n, 10, "apixaban was started", unit(1, 0, 0)) for n in range(1, 40)]
        text.append((40, 10, "the time of the start", unit(1, 0, 0)))
        drawn = [(n, 10, "the time of the start", unit(1, 0, 0)) for n in range(51, 60)]
        drawn += [(n, 10, "a map of the town", unit(1, 0, 0)) for n in range(61, 66)]
        drawn.append((60, 10, "apixaban was started", unit(1, 0, 0)))
        index.build(ONE, [rows(*text), rows(*drawn, figures=True)])
        score = {hit.chunk_id: hit.score for hit in index.matching(ONE, "time apixaban", 50)}
        assert score[51] > 4 * score[60]
        assert score[60] == pytest.approx(score[1], rel=0.5)
        assert score[51] == pytest.approx(score[40], rel=0.5)

    def test_figures_come_and_go_with_their_documents(self, index: SearchIndex) -> None:
        index.build(ONE, [FIRST])
        index.add(ONE, [FIGURES])
        assert {h.chunk_id for h in index.matching(ONE, "time", 5)} == {7, 8}
        index.optimize(ONE)
        assert {h.chunk_id for h in index.matching(ONE, "time", 5)} == {7, 8}
        index.remove_documents(ONE, [10])
        assert [h.chunk_id for h in index.nearest(ONE, unit(0, 1, 0), 5)] == [8, 3]
        index.remove_chunks(ONE, [8])
        assert index.matching(ONE, "time", 5) == []
        index.add(ONE, [FIGURES])
        index.remove_collection(ONE)
        assert index.chunk_ids(ONE) == set()
