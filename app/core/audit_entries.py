"""What the audit log records, by name, and an entry as it is read again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from ingest.records import AuditRow

Detail = str | int | bool | None | list[Any] | dict[str, Any]


class What(StrEnum):
    """The kinds of entries. A name's first word is what it is about."""

    LIBRARY_CREATED = "library.created"
    LIBRARY_UNLOCKED = "library.unlocked"
    LIBRARY_LOCKED = "library.locked"
    UNLOCK_FAILED = "unlock.failed"
    DOCUMENT_ADDED = "document.added"
    DOCUMENT_REPLACED = "document.replaced"
    DOCUMENT_MOVED = "document.moved"
    DOCUMENT_REMOVED = "document.removed"
    COLLECTION_CREATED = "collection.created"
    COLLECTION_RENAMED = "collection.renamed"
    COLLECTION_REMOVED = "collection.removed"
    FOLDER_FOLLOWED = "folder.followed"
    FOLDER_UNFOLLOWED = "folder.unfollowed"
    QUESTION_ASKED = "question.asked"
    SEARCH_MADE = "search.made"
    PAGE_VIEWED = "page.viewed"
    PAGE_TRANSCRIBED = "page.transcribed"
    CONVERSATION_READ = "conversation.read"
    CONVERSATION_SEARCHED = "conversation.searched"
    CONVERSATION_REMOVED = "conversation.removed"
    TABLE_READ = "table.read"
    TABLE_REMOVED = "table.removed"
    EXPORT_WRITTEN = "export.written"
    MODEL_CHANGED = "model.changed"
    POLICY_CHANGED = "policy.changed"
    POLICY_REFUSED = "policy.refused"
    KEYS_CHANGED = "keys.changed"
    BACKUP_MADE = "backup.made"
    BACKUP_RESTORED = "backup.restored"
    LOG_BEGUN = "log.begun"
    LOG_EXPORTED = "log.exported"
    LOG_GAP = "log.gap"
    LOG_BROKEN = "log.broken"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: who did what, when (ISO 8601, UTC), and the numbers and hashes that tell of
    what. ``mark`` ties it to the one before it."""

    number: int
    time: str
    user: str
    what: str
    detail: dict[str, Any]
    mark: bytes

    def told(self) -> str:
        """The detail for people: name and value, one after the other."""
        return ", ".join(
            f"{name} {value if isinstance(value, str) else json.dumps(value)}"
            for name, value in self.detail.items()
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: between two days (UTC), of a kind or of all kinds about something, and those
    that tell of a name or a question, by the hash it has in the log."""

    since: date | None = None
    until: date | None = None
    what: str = ""
    about: str = ""

    def of(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Those of some entries."""
        return filter(self._takes, entries)

    def _takes(self, entry: Entry) -> bool:
        day = entry.time[:10]
        return (
            (self.since is None or day >= self.since.isoformat())
            and (self.until is None or day <= self.until.isoformat())
            and (not self.what or f"{entry.what}.".startswith(f"{self.what}."))
            and (not self.about or self.about in entry.detail.values())
        )


def entry_fields(entry: Entry) -> dict[str, object]:
    """An entry as JSON: ``number``, ``time``, ``user``, ``what``, ``detail`` and ``mark``."""
    return {
        "number": entry.number,
        "time": entry.time,
        "user": entry.user,
        "what": entry.what,
        "detail": entry.detail,
        "mark": entry.mark.hex(),
    }


def entry_of(row: AuditRow) -> Entry:
    """A stored row; of one that was tampered with, whatever can be read."""
    try:
        detail = json.loads(row.detail)
    except (ValueError, RecursionError):
        detail = None
    if not isinstance(detail, dict):
        detail = {"unreadable": row.detail[:200]}
    return Entry(row.number, row.time, row.user, row.what, detail, row.mark)


def detail_text(detail: dict[str, Detail]) -> str:
    """A detail as it is stored: JSON, ASCII, names in order; what is None is left out."""
    kept = {name: value for name, value in detail.items() if value is not None}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))
