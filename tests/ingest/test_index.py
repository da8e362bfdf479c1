"""Both search indexes keep one contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.index import SearchIndex
from ingest.memory_index import MemoryIndex
from tests.ingest.index_contract import FIGURES, FIRST, ONE, TWO, IndexContract, rows, unit
from tests.ingest.remains import found, on_disk


class TestMemoryIndex(IndexContract):
    @pytest.fixture
    def index(self) -> SearchIndex:
        return MemoryIndex(dimension=3)


class TestIndexAtAPath(IndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> SearchIndex:
        return SearchIndex(str(tmp_path / "index"), dimension=3)

    def test_it_is_there_after_a_restart(self, tmp_path: Path) -> None:
        SearchIndex(str(tmp_path / "index"), dimension=3).build(ONE, [FIRST, FIGURES])
        again = SearchIndex(str(tmp_path / "index"), dimension=3)
        assert again.chunk_ids(ONE) == {1, 2, 3, 7, 8}
        assert {hit.chunk_id for hit in again.matching(ONE, "time", 5)} == {7, 8}
        assert again.nearest(ONE, unit(1, 0, 0), 1)[0].chunk_id == 1

    def test_what_was_removed_is_in_no_file(self, tmp_path: Path) -> None:
        index = SearchIndex(str(tmp_path / "index"), dimension=3)
        planted = rows(*[(n, 1000 + n, f"planted word{n}", unit(n, 1, 2)) for n in range(100, 200)])
        index.build(ONE, [FIRST, planted])
        index.build(TWO, [rows((9, 20, "elsewhere planted", unit(1, 0, 0)))])
        needles = [b"word150", unit(150, 1, 2).tobytes()]
        assert found(needles, on_disk(tmp_path)) == needles
        index.remove_documents(ONE, [1150])
        index.optimize(ONE)
        assert found(needles, on_disk(tmp_path)) == needles, "LanceDB leaves it there by itself"
        index.erase([ONE])
        assert found([*needles, b"elsewhere"], on_disk(tmp_path)) == []
        assert index.chunk_ids(ONE) == {1, 2, 3, *range(100, 200)} - {150}
        assert index.chunk_ids(TWO) == set()
        assert [hit.chunk_id for hit in index.matching(ONE, "word151", 5)] == [151]
        assert index.matching(ONE, "word150", 5) == []
        index.erase([])
        assert found([b"word151", b"metformin"], on_disk(tmp_path)) == []
