"""Collections that follow folders: batches of changes, now and after a restart.

The operating system's notices (watchfiles) are taken only as a hint that it is worth looking;
what changed is found by comparing the folders with what is known. So nothing is missed that
happened while the program was closed, on a network share that sends no notices, or in the
middle of a burst. A file is left alone until its size and time have stood still.

Knows no library: `app.core.watching_plan` decides, the workspace carries out. Links are not
followed, so there are no loops and nothing outside the folder gets in.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.watching_plan import (
    Change,
    ChangeKind,
    FoundFile,
    KnownFile,
    Plan,
    plan_changes,
)

__all__ = [
    "Change",
    "ChangeKind",
    "FolderWatcher",
    "FoundFile",
    "KnownFile",
    "Plan",
    "Scan",
    "content_hash",
    "is_ignored",
    "plan_changes",
    "scan",
]

SETTLE_SECONDS = 1.5
RESCAN_SECONDS = 60.0
_TICK_MILLISECONDS = 250
_POLL_SECONDS = 10
_PARTIAL_SUFFIXES = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".swp")
_PARTIAL_PREFIXES = (".", "~$", "~")
_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini"})

logger = logging.getLogger(__name__)


def is_ignored(name: str) -> bool:
    """True for hidden files, downloads in progress and the traces of other programs."""
    folded = name.casefold()
    return (
        folded.startswith(_PARTIAL_PREFIXES)
        or folded.endswith(_PARTIAL_SUFFIXES)
        or folded.endswith("~")
        or folded in _SYSTEM_NAMES
    )


def content_hash(path: str) -> str | None:
    """SHA-256 of the file in hexadecimal; None when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Scan:
    """What lies in some folders, and which of them (or below them) could not be looked into."""

    found: tuple[FoundFile, ...]
    unreachable: tuple[str, ...]


def scan(folders: Sequence[str], suffixes: Collection[str] | None = None) -> Scan:
    """All regular files below ``folders`` that are neither ignored nor links.

    Args:
        suffixes: take only these (lower case, with the dot); None takes all.
    """
    found: dict[str, FoundFile] = {}
    unreachable: list[str] = []
    roots = [os.path.realpath(folder) for folder in folders]
    waiting = list(roots)
    seen: set[str] = set()
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_ignored(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif file := _regular_file(entry, suffixes):
                        found[file.path] = file
        except FileNotFoundError:
            if folder in roots:  # below a root, it has just been removed
                unreachable.append(folder)
        except OSError:
            unreachable.append(folder)
    return Scan(tuple(found.values()), tuple(sorted(unreachable)))


def _regular_file(entry: os.DirEntry[str], suffixes: Collection[str] | None) -> FoundFile | None:
    if suffixes is not None and Path(entry.name).suffix.lower() not in suffixes:
        return None
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FoundFile(entry.path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Restless:
    """A file that changes: its size and time (None: it is gone), and since when it is so."""

    state: tuple[int, int] | None
    since: float


class FolderWatcher:
    """Tells what to do so that each collection follows its folders.

    A folder that cannot be read, or that is suddenly empty on another device (an unplugged
    disk leaves an empty mount point), takes no document away; a warning is logged. For the
    same reason a folder that is found empty at the start takes nothing away until something
    lies in it.

    Args:
        folders: for each collection, the folders it follows.
        known: for each collection, the files the library has, with resolved paths; those
            outside the collection's folders are never touched.
        suffixes: follow only such files (lower case, with the dot); None follows all.
        hash_of: must compute what the library calls a document's content hash.
        settle: seconds for which a file must stand still, and a missing one stay missing.
        rescan: seconds between looks when no notice comes.
    """

    def __init__(
        self,
        folders: Mapping[str, Sequence[Path]],
        known: Mapping[str, Sequence[KnownFile]],
        *,
        suffixes: Collection[str] | None = None,
        hash_of: Callable[[str], str | None] = content_hash,
        settle: float = SETTLE_SECONDS,
        rescan: float = RESCAN_SECONDS,
    ) -> None:
        self._folders = {
            name: tuple(os.path.realpath(folder) for folder in group)
            for name, group in folders.items()
        }
        self._suffixes = suffixes
        self._hash_of = hash_of
        self._settle = settle
        self._rescan = rescan
        self._known = {
            name: {file.path: file for file in known.get(name, ()) if _is_below(file.path, group)}
            for name, group in self._folders.items()
        }
        self._restless: dict[tuple[str, str], _Restless] = {}
        self._devices: dict[str, int] = {}
        self._reported: set[str] = set()

    def changes(self, stop: threading.Event) -> Iterator[list[Change]]:
        """Yields batches until ``stop`` is set; the first compares with what was known.

        What was yielded counts as done: a change that the caller could not carry out is found
        again when a new watcher is made with what the library knows then.
        """
        roots = [root for group in self._folders.values() for root in group]
        look_at = time.monotonic()
        for noticed in notices(roots, stop):
            now = time.monotonic()
            if noticed:
                look_at = min(look_at, now + self._settle / 4)
            if now < look_at:
                continue
            batch = self.look(now)
            look_at = now + (self._settle / 2 if self._restless else self._rescan)
            if batch:
                yield batch

    def look(self, now: float) -> list[Change]:
        """Compares once. ``now`` is `time.monotonic`; what has not settled waits."""
        batch: list[Change] = []
        restless: dict[tuple[str, str], _Restless] = {}
        unreachable: set[str] = set()
        for collection, roots in self._folders.items():
            known = self._known[collection]
            looked = scan(roots, self._suffixes)
            lost = {*looked.unreachable, *self._emptied(roots, looked, known)}
            unreachable |= lost
            settled, keep, moving = self._sift(collection, looked, lost, now)
            plan = plan_changes(collection, known.values(), settled, self._hash_of, keep)
            moving |= {path: _Restless(None, now) for path in plan.waiting}
            restless |= {(collection, path): state for path, state in moving.items()}
            self._known[collection] = {file.path: file for file in plan.known}
            batch += plan.changes
        self._restless = restless
        self._report(unreachable)
        return batch

    def _sift(
        self, collection: str, looked: Scan, lost: Collection[str], now: float
    ) -> tuple[list[FoundFile], set[str], dict[str, _Restless]]:
        """What has settled, which known paths must be kept as they are, and what moves still."""
        known = self._known[collection]
        found = {file.path: file for file in looked.found}
        keep: set[str] = set()
        moving: dict[str, _Restless] = {}
        missing_sizes: set[int] = set()
        for path in known.keys() - found.keys():
            if _is_below(path, lost):
                keep.add(path)
                continue
            since = self._since(collection, path, None, now)
            if now - since < self._settle:
                keep.add(path)
                moving[path] = _Restless(None, since)
                missing_sizes.add(known[path].size)
        settled: list[FoundFile] = []
        for path, file in found.items():
            old = known.get(path)
            state = (file.size, file.modified_ns)
            if old and state == (old.size, old.modified_ns):
                settled.append(file)
                continue
            since = self._since(collection, path, state, now)
            # A new file may be a missing one under its new name: both are judged together.
            may_be_moved = old is None and file.size in missing_sizes
            still = now - since >= self._settle or _stood_still(file, self._settle)
            if still and not may_be_moved:
                settled.append(file)
                continue
            moving[path] = _Restless(state, since)
            if old:
                keep.add(path)
        return settled, keep, moving

    def _since(
        self, collection: str, path: str, state: tuple[int, int] | None, now: float
    ) -> float:
        before = self._restless.get((collection, path))
        return before.since if before and before.state == state else now

    def _emptied(
        self, roots: Sequence[str], looked: Scan, known: Mapping[str, KnownFile]
    ) -> list[str]:
        """The roots that lost everything at once, in a way that an unplugged disk would."""
        emptied: list[str] = []
        for root in roots:
            if root in looked.unreachable:
                continue
            try:
                device = Path(root).stat().st_dev
            except OSError:
                emptied.append(root)
                continue
            empty = not any(_is_below(file.path, (root,)) for file in looked.found)
            expected = any(_is_below(path, (root,)) for path in known)
            if empty and expected and self._devices.get(root) != device:
                emptied.append(root)
            else:
                self._devices[root] = device
        return emptied

    def _report(self, unreachable: set[str]) -> None:
        for folder in sorted(unreachable - self._reported):
            logger.warning(
                "The watched folder %s is out of reach or was emptied. Its documents stay in "
                "the library; it is followed again when its files are back.",
                folder,
            )
        self._reported = unreachable


def notices(roots: Sequence[str], stop: threading.Event) -> Iterator[bool]:
    """Yields about four times a second: True when something happened below ``roots``.

    Folders that are missing are picked up when they appear.
    """
    import watchfiles

    while not stop.is_set():
        identities = _identities(roots)
        if not identities:
            yield False
            stop.wait(_TICK_MILLISECONDS / 1000)
            continue
        try:
            for hints in watchfiles.watch(
                *identities,
                watch_filter=None,
                step=50,
                debounce=_TICK_MILLISECONDS,
                rust_timeout=_TICK_MILLISECONDS,
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                yield bool(hints)
                if _identities(roots) != identities:
                    yield True
                    break
        except FileNotFoundError:
            continue  # a folder vanished between the check and the watch
        except OSError as error:
            logger.warning(
                "This system gives no notice of changed files (%s). The watched folders are "
                "looked through every %d seconds instead.",
                error.strerror or error,
                _POLL_SECONDS,
            )
            while not stop.is_set():
                yield True
                stop.wait(_POLL_SECONDS)


def _identities(roots: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Device and inode of each root that is a folder now."""
    identities: dict[str, tuple[int, int]] = {}
    for root in roots:
        try:
            status = Path(root).stat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode):
            identities[root] = (status.st_dev, status.st_ino)
    return identities


def _is_below(path: str, folders: Collection[str]) -> bool:
    return any(path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def _stood_still(file: FoundFile, seconds: float) -> bool:
    """True when neither content nor name of the file changed for so long."""
    try:
        status = Path(file.path).lstat()
    except OSError:
        return False
    return time.time() - max(status.st_mtime, status.st_ctime) > seconds
