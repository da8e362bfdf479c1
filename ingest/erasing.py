"""Cleaning the vault after something was removed, so that nothing of it is left on any page.

Removing deletes the rows, zeroes them (``secure_delete``) and destroys their keys, all in one
transaction. What may remain is bytes that SQLite has copied before, when a page was split, which
zeroing a row does not reach; free pages inside the file; and the log. This goes over them:

1. The keys that are left are written onto fresh pages. From here on, what remains of a document or
   of an answer cannot be opened any more, even by who knows the library's key.
2. A vault of up to `WHOLE_BYTES` is written anew (``VACUUM``); it takes as much memory, and the log
   as much disk, for a moment. In a larger one the free pages, which are zeroed, are given back,
   some at a time.
3. The log is emptied.

A mark that is set with the removal goes last, so that what was interrupted is done again.
"""

from __future__ import annotations

from collections.abc import Callable

import psutil

from ingest.database import Database
from ingest.errors import StoreFull
from ingest.sealing import rewrite_keys
from ingest.store_writing import REMAINS

WHOLE_BYTES = 256 << 20
_STEP = 1_000  # pages given back in one transaction; adding and answering go on between two


def has_remains(database: Database) -> bool:
    """Whether something was removed that was not cleaned up after."""
    return _mark(database) is not None


def erase_remains(database: Database, stop: Callable[[], bool]) -> bool:
    """Cleans up; ``stop`` is asked between the steps. Whether nothing remains.

    Raises:
        StoreReadOnly: the vault cannot be written.
        StoreFull: there is no room for the log; the next time goes on.
    """
    mark = _mark(database)
    if mark is None:
        return True
    try:
        with database.writing() as connection:
            rewrite_keys(connection)
        if stop():
            return False
        size = database.path.stat().st_size
        if (size <= WHOLE_BYTES or _is_older(database, size)) and not database.vacuum(stop):
            return False
        while database.gives_back_pages and database.free_pages:
            if stop():
                return False
            with database.writing() as connection:
                connection.execute(f"PRAGMA incremental_vacuum({_STEP})").fetchall()
        if not database.empty_log():
            return False
        with database.writing() as connection:
            # Not where something else was removed meanwhile.
            connection.execute("DELETE FROM setting WHERE name = ? AND value = ?", (REMAINS, mark))
        return database.empty_log() and not has_remains(database)
    except StoreFull as error:
        raise StoreFull(
            error.subject,
            "What was removed cannot be opened any more, but the disk has no room to give back "
            "its space.",
            "Free some space; it is done when the library is next opened.",
        ) from error


def _is_older(database: Database, size: int) -> bool:
    """Whether a large vault cannot be shortened bit by bit yet, and there is memory to change it.

    Those from before format 6 cannot. Without memory, its free pages stay inside, zeroed, to be
    used again.
    """
    return not database.gives_back_pages and psutil.virtual_memory().available > 2 * size


def _mark(database: Database) -> str | None:
    with database.reading() as connection:
        rows = connection.execute("SELECT value FROM setting WHERE name = ?", (REMAINS,)).fetchall()
    return str(rows[0][0]) if rows else None
