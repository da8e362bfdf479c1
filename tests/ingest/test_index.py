"""Both search indexes keep one contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.index import SearchIndex
from ingest.memory_index import MemoryIndex
from tests.ingest.index_contract import FIGURES, FIRST, ONE, IndexContract, unit


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
