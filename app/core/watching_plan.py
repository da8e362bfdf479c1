"""What has to happen in the library so that it matches a folder again: a pure function.

Works on names, sizes, times and content hashes alone. Knows no file system, no clock and no
library: the watcher brings what lies on disk, the workspace carries the changes out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    """What became of a file."""

    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Change:
    """One step to take. ``previous_path`` is where a moved file lay before, else empty.

    A file counts as moved also when its copy elsewhere in the folders stays behind. If the
    library then lists no document at ``previous_path``, adding ``path`` is the right answer.
    """

    kind: ChangeKind
    collection: str
    path: str
    previous_path: str = ""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the library has it. ``modified_ns`` is the file's own time, None if not kept."""

    path: str
    size: int
    content_hash: str
    modified_ns: int | None = None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as it lies on disk now; ``modified_ns`` in nanoseconds since 1970."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order to take them, what will be known then, and what must wait.

    ``waiting`` are files whose content could not be read just now.
    """

    changes: tuple[Change, ...]
    known: tuple[KnownFile, ...]
    waiting: tuple[str, ...]


def plan_changes(
    collection: str,
    known: Iterable[KnownFile],
    found: Iterable[FoundFile],
    hash_of: Callable[[str], str | None],
    keep: Collection[str] = (),
) -> Plan:
    """The steps that make a library that holds ``known`` hold ``found``.

    A file is taken for unchanged when its size and time are as before, or else its content. A
    file that is gone was moved if a new file, or a copy that stays, has its content; only files
    of its size are considered. Removals come first and additions last, so that a name that
    passes from one file to another ends with the right content.

    Args:
        hash_of: the content hash of a path as it is now, None when it cannot be read.
        keep: known paths that count as unchanged for now, whatever is found.
    """
    before = {file.path: file for file in known}
    after = {path: file for path, file in before.items() if path in keep}
    changes: dict[ChangeKind, list[Change]] = {kind: [] for kind in ChangeKind}
    waiting: list[str] = []
    arrived: list[KnownFile] = []

    for file in sorted(found, key=lambda file: file.path):
        if file.path in after:
            continue
        old = before.get(file.path)
        if old is not None and (old.size, old.modified_ns) == (file.size, file.modified_ns):
            after[file.path] = old
            continue
        content = hash_of(file.path)
        if content is None:
            waiting.append(file.path)
            if old is not None:
                after[file.path] = old
            continue
        now = KnownFile(file.path, file.size, content, file.modified_ns)
        after[file.path] = now
        if old is None:
            arrived.append(now)
        elif old.content_hash != content:
            changes[ChangeKind.CHANGED].append(Change(ChangeKind.CHANGED, collection, file.path))

    heirs = _by_content(arrived)
    copies = _by_content(file for path, file in after.items() if before.get(path) == file)
    taken: set[str] = set()
    for path in sorted(before.keys() - after.keys()):
        content = before[path].content_hash
        heir = next((name for name in heirs.get(content, ()) if name not in taken), None)
        if heir is not None:
            taken.add(heir)
        else:
            heir = next(iter(copies.get(content, ())), None)
        if heir is None:
            changes[ChangeKind.REMOVED].append(Change(ChangeKind.REMOVED, collection, path))
        else:
            changes[ChangeKind.MOVED].append(Change(ChangeKind.MOVED, collection, heir, path))
    changes[ChangeKind.ADDED] = [
        Change(ChangeKind.ADDED, collection, file.path)
        for file in arrived
        if file.path not in taken
    ]
    return Plan(
        tuple(change for kind in ChangeKind for change in changes[kind]),
        tuple(after.values()),
        tuple(waiting),
    )


def _by_content(files: Iterable[KnownFile]) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for file in files:
        paths.setdefault(file.content_hash, []).append(file.path)
    return paths
