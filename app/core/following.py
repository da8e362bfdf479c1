"""Carries out what followed folders ask for: adds, replaces, moves and removes documents.

`app.core.watching` finds out what changed; the workspace does it. Works while the program runs
and catches up after it was closed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.core import policy
from app.core.events import Event, FileSkipped
from app.core.files import SUFFIXES
from app.core.watching import Change, ChangeKind, FolderWatcher, KnownFile
from app.core.workspace import Workspace
from ingest.types import DICTATION


class Following:
    """The followed folders of all collections of a library."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stop = threading.Event()
        self._before: set[str] = set()
        self._told: set[str] = set()
        self._forbidden: list[FileSkipped] = []

    def stop(self) -> None:
        """Ends `events` soon; safe from any thread."""
        self._stop.set()

    def events(self, *, once: bool = False) -> Iterator[Event]:
        """Follows until stopped; with ``once``, catches up with the folders and ends."""
        watcher = self._watcher()
        yield from self._forbidden
        if not once:
            for batch in watcher.changes(self._stop):
                yield from self._carry_out(batch)
            return
        settled = 0
        # A first look only notes what is there; files must stand still before they are taken.
        while settled < 3 and not self._stop.is_set():
            batch = watcher.look(time.monotonic())
            settled = 0 if batch else settled + 1
            yield from self._carry_out(batch)
            self._stop.wait(1.0)

    def untouched(self) -> int:
        """How many files of the folders were in the library when `events` began, and of which
        nothing was told since: they are there still, as they were."""
        return sum(os.path.isfile(path) for path in self._before - self._told)  # noqa: PTH113

    def _watcher(self) -> FolderWatcher:
        folders: dict[str, list[Path]] = {}
        known: dict[str, list[KnownFile]] = {}
        for collection in self._workspace.collections():
            followed = self._allowed(self._workspace.followed(collection.name))
            if not followed:
                continue
            folders[collection.name] = [Path(folder) for folder in followed]
            known[collection.name] = [
                KnownFile(os.path.realpath(d.path), d.bytes, d.content_hash)
                for d in self._workspace.documents(collection.name)
                if d.media_type != DICTATION  # no folder's file: it was added by hand
            ]
            roots = [Path(os.path.realpath(folder)) for folder in followed]
            self._before |= {
                file.path
                for file in known[collection.name]
                if any(root in Path(file.path).parents for root in roots)
            }
        return FolderWatcher(folders, known, suffixes=SUFFIXES)

    def _allowed(self, folders: Sequence[str]) -> list[str]:
        """Those that the policy lets be followed; of the others it is told why not."""
        allowed = []
        for folder in folders:
            try:
                policy.check_folder(Path(folder))
            except policy.PolicyForbids as error:
                self._forbidden.append(FileSkipped(folder, f"{error.cause} {error.remedy}"))
            else:
                allowed.append(folder)
        return allowed

    def _carry_out(self, batch: Sequence[Change]) -> Iterator[Event]:
        for collection in sorted({change.collection for change in batch}):
            own = [change for change in batch if change.collection == collection]
            self._told |= {change.path for change in own}
            documents = {d.path: d.id for d in self._workspace.documents(collection)}
            for change in own:
                if change.kind is ChangeKind.REMOVED and change.path in documents:
                    yield from self._workspace.remove(documents[change.path])
                if self._stop.is_set():
                    return
            wanted = [Path(c.path) for c in own if c.kind is not ChangeKind.REMOVED]
            if not wanted:
                continue
            for event in self._workspace.add(wanted, collection):
                yield event
                if self._stop.is_set():
                    return
