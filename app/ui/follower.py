"""Follows the library's folders inside the background process, in a thread of its own.

What it adds and removes waits for the writing lane, and the lane for it: the workspace takes one
writer at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from app.ui.failures import failure_of
from app.ui.messages import UNASKED, Failed, Streamed


class Followable(Protocol):
    """What follows folders: `app.core.following.Following`."""

    def events(self) -> Generator[object, None, None]:
        """What happens in the folders, until stopped."""

    def stop(self) -> None:
        """Ends `events` soon."""


class SerialWriter:
    """The workspace as the follower sees it: its writing waits for its turn."""

    def __init__(self, workspace: Any, turn: threading.Lock) -> None:
        self._workspace = workspace
        self._turn = turn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workspace, name)

    def add(self, paths: Sequence[Path], collection: str) -> Iterator[object]:
        """As the workspace's, alone."""
        with self._turn:
            yield from self._workspace.add(paths, collection)

    def remove(self, document_id: int) -> Iterator[object]:
        """As the workspace's, alone."""
        with self._turn:
            yield from self._workspace.remove(document_id)


FollowingMaker = Callable[[Any, SerialWriter], Followable | None]


class Follower:
    """Runs one `Followable` at a time, and a new one after the folders have changed."""

    def __init__(
        self,
        workspace: Any,
        turn: threading.Lock,
        send: Callable[[object], None],
        make: FollowingMaker,
    ) -> None:
        self._workspace = workspace
        self._writer = SerialWriter(workspace, turn)
        self._send = send
        self._make = make
        self._following: Followable | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def restart(self) -> None:
        """Follows the folders as the library names them now."""
        self.stop()
        following = self._make(self._workspace, self._writer)
        if following is None:
            return
        self._following, self._ended = following, threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(following, self._ended), name="following", daemon=True
        )
        self._thread.start()

    def stop(self, seconds: float = 30.0) -> None:
        """Follows no longer; what is being written stops at its next event, waited for so long."""
        if self._following is not None and self._thread is not None:
            self._following.stop()
            self._ended.set()
            self._thread.join(seconds)
        self._following, self._thread = None, None

    def _run(self, following: Followable, ended: threading.Event) -> None:
        try:
            with closing(following.events()) as events:
                for event in events:
                    self._send(Streamed(UNASKED, event))
                    if ended.is_set():
                        return
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it to tell
            self._send(Failed(UNASKED, failure_of(error, "Followed folders")))
