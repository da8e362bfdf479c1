"""The audit log of a library: who did what and when, in the vault, chained and only added to.

`Audit` is what the workspace and others record with. An entry is stored in the same transaction as
what it tells of, where that is stored (``with store.together()``), else before anything is shown.
It names documents, collections and files by number and keyed hash; by their names, and questions by
their text, only where the policy says so, since what is in the log stays when a document goes.

Who has the library's key and may write its folder can make a whole log anew; only a head that was
kept elsewhere (`Audit.head`, ``verify(expect=…)``) tells that. `app.core.audit_chain` has the
cryptography, `app.core.audit_files` what lies beside the vault. docs/audit.md says it to people.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.core import policy
from app.core.audit_chain import AuditKeys, Head, Problem, head_problem, problems_of
from app.core.audit_entries import Detail, Entry, What, detail_text, entry_of
from app.core.audit_files import (
    FailedUnlock,
    HeadFile,
    drop_pending,
    note_failed_unlock,
    take_pending,
)
from app.core.audit_user import user_name
from ingest.errors import StoreError, StoreFull, StoreReadOnly
from ingest.records import AuditRow
from ingest.store import Document, Store

_POLICY_SEEN = "audit_policy"
# A page that is drawn again, as after zooming, is still the same look at it.
_SAME_VIEW_SECONDS = 300.0
_MOST_VIEWS = 5_000
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking found: how many entries there are, the head now, and what is wrong."""

    entries: int
    head: Head
    problems: tuple[Problem, ...]


class Audit:
    """The log of one open library. Safe to use from several threads."""

    def __init__(self, folder: Path, data_key: bytes | bytearray, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._keys = AuditKeys(data_key)
        self._head_file = HeadFile(folder, self._keys)
        self._user = user_name()
        self._lock = threading.Lock()
        self._missed = 0
        self._views: dict[tuple[int, int], float] = {}

    # What is recorded

    def record(self, what: What, /, **detail: Detail) -> None:
        """Adds an entry, in the transaction that this thread is in, or in one of its own.

        A library that cannot be written, or a full disk, does not keep a person from reading,
        unless the policy requires the record: then it is refused. How many entries are lacking
        is told by the next one that can be written.

        Raises:
            PolicyForbids: it cannot be recorded, and the policy requires that it is.
            StoreError: it is part of a transaction, which fails with it.
        """
        try:
            with self._store.together():
                if self._missed:  # set to 0 once this is stored
                    self._add(What.LOG_GAP, {"entries": self._missed})
                self._add(what, detail)
        except (StoreReadOnly, StoreFull) as error:
            self._miss(error)
            if self._store.in_transaction:
                raise

    def named(self, name: str, key: str = "name") -> dict[str, Detail]:
        """The detail that tells of a name: a keyed hash, and the name if the policy says so."""
        told: dict[str, Detail] = {f"{key}_hash": self._keys.short_hash(name)}
        return told | {key: name} if policy.current().audit_names else told

    def asked(self, question: str) -> dict[str, Detail]:
        """The detail that tells of a question, or of words looked for, as the policy says."""
        kept = policy.current().audit_question
        told: dict[str, Detail] = {}
        if kept != "none":
            told["question_hash"] = self._keys.short_hash(question)
        if kept == "text":
            told["question"] = question
        return told

    def document(self, what: What, document: Document) -> None:
        """Something was done with a document as a whole."""
        named = self.named(document.name)
        self.record(what, document=document.id, collection=document.collection_id, **named)

    def model_changed(
        self,
        kind: str,
        path: Path | None,
        fingerprint: str | None = None,
        *,
        for_now: bool = False,
    ) -> None:
        """Another model is in use, or none; ``for_now`` until the library is closed."""
        name = None if path is None else path.name
        more = {"for_now": True} if for_now else {}
        self.record(What.MODEL_CHANGED, kind=kind, model=name, fingerprint=fingerprint, **more)

    def viewed(self, document_id: int, page: int) -> None:
        """A page is about to be shown; drawn again soon after, it is no other view."""
        now, place = time.monotonic(), (document_id, page)
        with self._lock:
            last = self._views.pop(place, None)
            self._views[place] = now
            while len(self._views) > _MOST_VIEWS:
                del self._views[next(iter(self._views))]
        if last is None or now - last > _SAME_VIEW_SECONDS:
            self.record(What.PAGE_VIEWED, document=document_id, page=page)

    @contextmanager
    def refusals(self, of: str) -> Iterator[None]:
        """Records what the policy refuses inside, before the error goes on."""
        try:
            yield
        except policy.PolicyForbids:
            self.record(What.POLICY_REFUSED, of=of)
            raise

    def keys_changed(self, action: str, protector: str) -> None:
        """A protector was added, replaced or removed, or another passphrase chosen."""
        self.record(What.KEYS_CHANGED, action=action, protector=protector)

    def backed_up(self, target: Path) -> None:
        """A copy of the library is about to be made."""
        self.record(What.BACKUP_MADE, **self.named(str(target), "file"))

    def restored(self, source: Path) -> None:
        """The library was made from a copy: its log goes on from the copy's end."""
        last = self._store.last_audit_row()
        detail = self.named(str(source), "file") | {"entries": last.number if last else 0}
        self.record(What.BACKUP_RESTORED, **detail)

    def keep_head(self) -> None:
        """Writes the head beside the vault, which every entry does as far as it can.

        Raises:
            OSError: it cannot be written.
        """
        self._head_file.write(self.head)

    # From unlocking to locking

    def unlocked(self, protector: str, *, created: bool) -> None:
        """The library was opened with a protector: what happened meanwhile is taken in.

        Raises:
            PolicyForbids: it cannot be recorded, and the policy requires that it is.
            PolicyError: the policy cannot be read.
        """
        problem = self._head_problem()
        first = self._store.last_audit_row() is None
        pending = take_pending(self._folder)
        seen, rules = self._policy_seen(), policy.changed_settings(policy.current())
        if first:
            # Before there is an entry: killed in between, no head would seem to be missing.
            with suppress(OSError):
                self.keep_head()

        try:
            with self._store.together():
                if problem is not None:
                    self._add(What.LOG_BROKEN, {"at": problem.entry, "cause": problem.cause})
                if first:
                    self._add(What.LIBRARY_CREATED if created else What.LOG_BEGUN, {})
                for attempt in pending.attempts:
                    self._add(What.UNLOCK_FAILED, _unverified(attempt))
                if pending.more or pending.unreadable:
                    counts: dict[str, Detail] = {
                        "more": pending.more,
                        "unreadable": pending.unreadable,
                    }
                    self._add(What.UNLOCK_FAILED, counts | {"unverified": True})
                if seen != rules:
                    self._add(What.POLICY_CHANGED, {"before": seen, "after": rules})
                    self._store.set_setting(_POLICY_SEEN, json.dumps(rules))
                self._add(What.LIBRARY_UNLOCKED, {"protector": protector})
        except (StoreReadOnly, StoreFull) as error:
            self._miss(error)
        else:
            drop_pending(self._folder)

    def locked(self) -> None:
        """The library is about to be closed; that is never refused."""
        with suppress(StoreError, policy.PolicyError, policy.PolicyForbids):
            self.record(What.LIBRARY_LOCKED)

    # What is read of it

    def entries(self) -> Iterator[Entry]:
        """All entries in order."""
        return map(entry_of, self._store.audit_rows())

    def hash_of(self, text: str) -> str:
        """The keyed hash under which a name or a question stands in the log."""
        return self._keys.short_hash(text)

    @property
    def head(self) -> Head:
        """How many entries there are now, and the last one's mark."""
        last = self._store.last_audit_row()
        return Head(last.number, last.mark) if last else Head(0, self._keys.start)

    def verify(self, expect: Head | None = None) -> Verdict:
        """Checks every entry, the head beside the vault, and a head that was kept elsewhere.

        An entry that says that the log was found broken is a problem too.
        """
        head = self.head
        problems = []
        for problem in problems_of(self._store.audit_rows(), self._keys):
            problems.append(problem)
            if len(problems) >= _MOST_PROBLEMS:
                break
        told = [
            Problem(e.number, f"It tells of an earlier finding. {e.detail.get('cause', '')}")
            for e in self.entries()
            if e.what == What.LOG_BROKEN
        ]
        found = [self._head_problem()]
        if expect is not None:
            at = self._store.audit_row(expect.count)
            found.append(head_problem(expect, at, head.count))
        problems += [*told, *(problem for problem in found if problem is not None)]
        return Verdict(head.count, head, tuple(sorted(problems, key=lambda p: p.entry)))

    # How it is kept

    def _add(self, what: What, detail: dict[str, Detail]) -> None:
        def make(last: AuditRow | None) -> AuditRow:
            number, before = (last.number + 1, last.mark) if last else (1, self._keys.start)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            row = AuditRow(number, now, self._user, what.value, detail_text(detail), b"")
            return row._replace(mark=self._keys.mark(before, row))

        self._store.add_audit_row(make, self._keep_head)

    def _keep_head(self) -> None:
        self._missed = 0
        # The entry is stored; a head that lags behind, as on a full disk, hides nothing of it.
        with suppress(OSError):
            self.keep_head()

    def _head_problem(self) -> Problem | None:
        last = self._store.last_audit_row()
        head = self._head_file.read()
        if isinstance(head, Head):
            at = self._store.audit_row(head.count)
            return head_problem(head, at, last.number if last else 0)
        return Problem(last.number, head) if last else None

    def _policy_seen(self) -> dict[str, Detail]:
        kept = self._store.setting(_POLICY_SEEN)
        found: dict[str, Detail] = json.loads(kept) if kept else {}
        return found

    def _miss(self, error: StoreError) -> None:
        """Something could not be recorded, so it must not be done, or the gap is to be told."""
        if policy.current().audit_required:
            raise policy.PolicyForbids(
                error.subject,
                "The policy of this computer requires that everything is recorded, and nothing "
                f"can be recorded now. {error.cause}",
                error.remedy,
            ) from error
        self._missed += 1


def unlock_failed(folder: Path, protector: str, error: StoreError) -> None:
    """Notes that a library could not be unlocked, for its next unlock to take in."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    attempt = FailedUnlock(now, user_name(), protector, type(error).__name__)
    note_failed_unlock(folder, attempt)


@contextmanager
def opened(folder: Path, data_key: bytes | bytearray, cipher: str = "chacha20") -> Iterator[Audit]:
    """The log of a library that is not open otherwise: for what changes its keys or restores it.

    Raises:
        StoreError: see `ingest.database.Database`.
    """
    store = Store(folder, data_key, cipher=cipher)
    try:
        yield Audit(folder, data_key, store)
    finally:
        store.close()


def _unverified(attempt: FailedUnlock) -> dict[str, Detail]:
    return {
        "at": attempt.time,
        "by": attempt.user,
        "protector": attempt.protector,
        "error": attempt.error,
        "unverified": True,
    }
