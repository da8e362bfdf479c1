"""Libraries as earlier versions of the program made them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest import database
from ingest.schema import MIGRATIONS
from ingest.store import Store


@contextmanager
def older(folder: Path, key: bytes, version: int) -> Iterator[Store]:
    """A new library of an earlier format, to be filled; it is closed at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:version])
        patch.setattr(database, "VERSION", version)
        store = Store(folder, key)
        assert store._read("PRAGMA user_version") == [(version,)]
        yield store
        store.close()
