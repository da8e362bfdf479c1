"""The audit log's two small files beside the vault: its head, and failed unlocks.

``audit.head`` says how long the log is, sealed with a key of the library, so that cutting entries
off the vault's table is noticed. ``audit.pending`` holds attempts to unlock that failed: the vault
is closed then and no key is known, so that whoever may write the folder can forge or remove them.
Both are readable and tell nothing of what the library holds.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core.audit_chain import AuditKeys, Head
from app.core.private_file import write_whole

HEAD_FILE = "audit.head"
PENDING_FILE = "audit.pending"
_TAKEN_FILE = "audit.pending.taken"
_VERSION = 1
_MOST_BYTES = 1 << 10
# Beyond the first, failed attempts are only counted, a byte each; beyond the second not any more.
_LISTED_BYTES, _COUNTED_BYTES = 32 << 10, 64 << 10
_LONGEST = 120


class HeadFile:
    """The head that lies beside the vault."""

    def __init__(self, folder: Path, keys: AuditKeys) -> None:
        self.path = folder / HEAD_FILE
        self._keys = keys

    def write(self, head: Head) -> None:
        """Writes it, whole or not at all.

        Raises:
            OSError: it cannot be written; the older one stays.
        """
        record = {
            "version": _VERSION,
            "count": head.count,
            "mark": head.mark.hex(),
            "seal": self._keys.seal(head).hex(),
        }
        write_whole(self.path, (json.dumps(record) + "\n").encode())

    def read(self) -> Head | str:
        """It, or what is wrong with it in a sentence."""
        try:
            with self.path.open("rb") as file:
                record = json.loads(file.read(_MOST_BYTES))
            if record["version"] != _VERSION:
                return f"{HEAD_FILE} is of another version."
            head = Head.parse(f"{record['count']}:{record['mark']}")
            seal = bytes.fromhex(record["seal"])
        except FileNotFoundError:
            return f"{HEAD_FILE} is missing."
        except OSError as error:
            return f"{HEAD_FILE} cannot be read: {error.strerror}."
        except Exception:  # noqa: BLE001 - whatever is in it, it is not what was written
            return f"{HEAD_FILE} is damaged."
        if not hmac.compare_digest(seal, self._keys.seal(head)):
            return f"{HEAD_FILE} was not written by this library."
        return head


@dataclass(frozen=True, slots=True)
class FailedUnlock:
    """One attempt: when, by which user of the operating system, with what, and why it failed."""

    time: str
    user: str
    protector: str
    error: str


@dataclass(frozen=True, slots=True)
class Pending:
    """What was found of failed unlocks; ``more`` were only counted, ``unreadable`` lines are not
    what this program writes."""

    attempts: tuple[FailedUnlock, ...] = ()
    more: int = 0
    unreadable: int = 0


def note_failed_unlock(folder: Path, attempt: FailedUnlock) -> None:
    """Notes it for the next unlock. Where nothing can be written, nothing is: the unlock has
    failed, and its own error is what the person has to hear."""
    line = json.dumps(asdict(attempt)) + "\n"
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(folder / PENDING_FILE, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size < _LISTED_BYTES:
                os.write(descriptor, line.encode())  # at once, so that none cuts into another
            elif size < _COUNTED_BYTES:
                os.write(descriptor, b".")
        finally:
            os.close(descriptor)


def take_pending(folder: Path) -> Pending:
    """What waits to be taken in. It lies there until `drop_pending`, also through a crash."""
    pending, taken = folder / PENDING_FILE, folder / _TAKEN_FILE
    if not taken.exists():
        try:
            pending.replace(taken)  # what fails from now on begins another file
        except OSError:
            return Pending()
    try:
        with taken.open("rb") as file:
            data = file.read(_COUNTED_BYTES + 2 * _MOST_BYTES)
    except OSError:
        return Pending(unreadable=1)
    attempts, more, unreadable = [], 0, 0
    for line in data.splitlines():
        if counted := len(line) - len(line.lstrip(b".")):
            more += counted
            line = line[counted:]
        if not line.strip():
            continue
        attempt = _attempt(line)
        if attempt is None:
            unreadable += 1
        else:
            attempts.append(attempt)
    return Pending(tuple(attempts), more, unreadable)


def drop_pending(folder: Path) -> None:
    """What was taken is in the log now."""
    with contextlib.suppress(OSError):
        (folder / _TAKEN_FILE).unlink()


def _attempt(line: bytes) -> FailedUnlock | None:
    try:
        record = json.loads(line)
        fields = [record[name] for name in ("time", "user", "protector", "error")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(isinstance(field, str) and len(field) <= _LONGEST for field in fields):
        return None
    return FailedUnlock(*fields)
