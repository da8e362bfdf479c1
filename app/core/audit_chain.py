"""How entries of the audit log are tied together, and how a log is checked. Pure functions.

An entry's mark is HMAC-SHA-256, under a key that only the library's data key gives, of the mark
before it and of each of its fields with its length: so an entry cannot be edited, removed, moved
or put in between without the key, unless all that follow it are made anew. That the end is not
cut off is told by a head: how many entries there are, and the last one's mark.

Sources: HMAC, RFC 2104; HKDF, RFC 5869; hash chains of log entries, Schneier and Kelsey, 1999.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ingest.errors import IngestError
from ingest.records import AuditRow

_HASH = "sha256"
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
# Names and questions are few enough to be guessed, so no hash of them is shorter than needed to
# tell them apart, and none can be computed without the library's key.
_SHORT_HEX = 32


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at an entry, in words."""

    entry: int
    cause: str


@dataclass(frozen=True, slots=True)
class Head:
    """How many entries a log has, and the mark of the last one. Written ``57:ab12…``."""

    count: int
    mark: bytes

    def __str__(self) -> str:
        return f"{self.count}:{self.mark.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that `muniment audit head` printed.

        Raises:
            IngestError: it is none.
        """
        found = _HEAD.fullmatch(text.strip().casefold())
        if found is None:
            raise IngestError(
                f"“{text}”",
                "This is no head of an audit log.",
                "Give it as `muniment audit head` prints it: a number, a colon, 64 digits.",
            )
        return cls(int(found[1]), bytes.fromhex(found[2]))


class AuditKeys:
    """The keys of one library's log, told from its data key (32 bytes)."""

    def __init__(self, data_key: bytes | bytearray) -> None:
        self._chain = _derived(data_key, b"muniment audit chain 1")
        self._head = _derived(data_key, b"muniment audit head 1")
        self._words = _derived(data_key, b"muniment audit words 1")

    @property
    def start(self) -> bytes:
        """What stands for the mark before the first entry."""
        return hmac.digest(self._chain, b"begin", _HASH)

    def mark(self, before: bytes, row: AuditRow) -> bytes:
        """The mark of an entry, from the one before it; the row's own is not looked at."""
        whole = hmac.new(self._chain, before, _HASH)
        for field in (str(row.number), row.time, row.user, row.what, row.detail):
            part = field.encode("utf-8", "surrogateescape")
            whole.update(len(part).to_bytes(8, "little") + part)
        return whole.digest()

    def seal(self, head: Head) -> bytes:
        """Authenticates a head that is kept outside the log."""
        return hmac.digest(self._head, str(head).encode(), _HASH)

    def short_hash(self, text: str) -> str:
        """Tells texts apart without showing them: 32 hexadecimal digits of a keyed hash."""
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._words, data, _HASH).hex()[:_SHORT_HEX]


def problems_of(rows: Iterable[AuditRow], keys: AuditKeys) -> Iterator[Problem]:
    """What is wrong with a log's rows as they are stored, the first wrong entry first.

    A log that was cut off at its end is consistent in itself; `head_problem` finds that.
    """
    expected, before = 1, keys.start
    for row in rows:
        if row.number > expected:
            missing = f"Entry {expected} is missing."
            if row.number > expected + 1:
                missing = f"Entries {expected} to {row.number - 1} are missing."
            yield Problem(expected, missing)
        elif row.number < expected:
            yield Problem(row.number, "It stands twice, or not in its place.")
        if not hmac.compare_digest(keys.mark(before, row), row.mark):
            yield Problem(row.number, _EDITED)
        expected, before = row.number + 1, row.mark


def head_problem(head: Head, row: AuditRow | None, count: int) -> Problem | None:
    """What a head says against a log: ``row`` is its entry of the head's number, if there is one,
    ``count`` the number of its last one."""
    if head.count == 0:
        return None
    if row is None and count < head.count:
        return Problem(
            count + 1,
            f"The log ends after entry {count}; there were {head.count}. What is missing was cut "
            "off, or the library is an older copy.",
        )
    if row is None:
        return Problem(head.count, f"Entry {head.count} is missing.")
    if not hmac.compare_digest(row.mark, head.mark):
        return Problem(head.count, "It is another one than it was: the log was made anew.")
    return None


_EDITED = "It was changed, or does not follow the entry before it."


def _derived(data_key: bytes | bytearray, use: bytes) -> bytes:
    return HKDFExpand(SHA256(), 32, use).derive(data_key)
