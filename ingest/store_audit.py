"""The audit log's rows: added at the end, read in order, never changed.

The part of `ingest.store.Store` that keeps what was done. What an entry says and how its mark is
made is `app.core.audit`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingest.database import Database
from ingest.records import AuditRow

# As bytes, whatever they are: a row that was tampered with has to be read to be told of.
_TEXTS = ("time", "user", "what", "detail")
_FIELDS = ", ".join(f"CAST({name} AS BLOB)" for name in (*_TEXTS, "mark"))
_ROW = f"SELECT number, {_FIELDS} FROM audit"
_BATCH = 2_000


class AuditStore:
    """Adds and reads entries."""

    _database: Database

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is stored in one transaction, or nothing of it is.

        Raises:
            StoreReadOnly, StoreFull, StoreError.
        """
        with self._database.writing():
            yield

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside of `together`."""
        return self._database.in_transaction

    def add_audit_row(
        self, make: Callable[[AuditRow | None], AuditRow], then: Callable[[], None]
    ) -> AuditRow:
        """Adds what ``make`` makes of the last entry; ``then`` is called when it is stored.

        Raises:
            StoreReadOnly, StoreFull, StoreError.
        """
        with self._database.writing() as connection:
            row = make(self.last_audit_row())
            connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", row)
            self._database.when_committed(then)
        return row

    def last_audit_row(self) -> AuditRow | None:
        """The newest entry; None when there is none."""
        rows = self._audit_rows(f"{_ROW} ORDER BY number DESC LIMIT 1")
        return rows[0] if rows else None

    def audit_row(self, number: int) -> AuditRow | None:
        """One entry; None when there is none of that number."""
        rows = self._audit_rows(f"{_ROW} WHERE number = ?", (number,))
        return rows[0] if rows else None

    def audit_rows(self) -> Iterator[AuditRow]:
        """All entries in the order of their numbers."""
        rows = self._audit_rows(f"{_ROW} ORDER BY number LIMIT ?", (_BATCH,))
        while rows:
            yield from rows
            query = f"{_ROW} WHERE number > ? ORDER BY number LIMIT ?"
            rows = self._audit_rows(query, (rows[-1].number, _BATCH))

    def _audit_rows(self, query: str, values: tuple[int, ...] = ()) -> list[AuditRow]:
        with self._database.reading() as connection:
            return [_row(*row) for row in connection.execute(query, values)]


def _row(number: int, *fields: bytes | None) -> AuditRow:
    *texts, mark = (field or b"" for field in fields)
    time, user, what, detail = (text.decode("utf-8", "surrogateescape") for text in texts)
    return AuditRow(number, time, user, what, detail, mark)
