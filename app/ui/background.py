"""The background process: it alone opens the workspace, and serves the window's requests.

Started by `bridge` with multiprocessing's spawn. Requests run in lanes, one thread each, so that
a long addition never keeps a page from being shown. Started before a library is unlocked, it loads
meanwhile what every library needs. Knows no Qt.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Protocol

from app.core import offline, process_guard
from app.ui.cleaner import Cleaner
from app.ui.failures import failure_of
from app.ui.follower import Follower, FollowingMaker, SerialWriter
from app.ui.messages import (
    Call,
    Cancel,
    Close,
    Failed,
    Failure,
    Finished,
    Open,
    Opened,
    OpenFailed,
    Returned,
    Streamed,
)

# What runs when the window closes has so long to stop by itself; what is committed stays anyway.
_CLOSE_SECONDS = 0.5

WRITING, ASKING, SHOWING, KEEPING = "writing", "asking", "showing", "keeping"
SAVING = "saving"  # takes long, and nothing has to wait for it

# Every method the window may call, and the lane it waits in.
LANES = {
    "add": WRITING,
    "remove": WRITING,
    "create_collection": WRITING,
    "rename_collection": WRITING,
    "remove_collection": WRITING,
    "follow": WRITING,
    "unfollow": WRITING,
    "ask": ASKING,
    "prepare": ASKING,
    "use_language_model": ASKING,  # not in the middle of an answer
    "language_model": KEEPING,
    "conversations": KEEPING,
    "exchanges": KEEPING,
    "rename_conversation": KEEPING,
    "remove_conversation": KEEPING,
    "export_answer": KEEPING,
    "export_conversation": KEEPING,
    "back_up": SAVING,
    "check": SAVING,
    "privacy_report": KEEPING,
    "write_privacy_report": KEEPING,
    "search": SHOWING,
    "collections": SHOWING,
    "documents": SHOWING,
    "followed": SHOWING,
    "page_sizes": SHOWING,
    "page_lines": SHOWING,
    "render_page": SHOWING,
}

# After these the folders to follow are others.
CHANGES_FOLLOWED = {"follow", "unfollow", "rename_collection", "remove_collection"}


class Closable(Protocol):
    """What the server itself needs of a workspace; the rest it calls by name."""

    def close(self) -> None:
        """Closes the library."""

    def stop_loading(self) -> None:
        """What asks waits no longer for a model that is being loaded."""


def main(connection: Connection) -> None:
    """Entry of the background process. Ends when the window says so or is gone."""
    offline.enforce()
    process_guard.enforce()
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    # Ctrl+C in a terminal reaches the whole group; the window tells this process when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(connection, _opener(), _following, Cleaner)
    _end()


def serve(
    connection: Connection,
    open_workspace: Callable[[Open], Closable],
    follow: FollowingMaker | None = None,
    clean: Callable[[Any, Callable[[object], None]], Cleaner] | None = None,
) -> None:
    """Opens a library when the window says which, then serves until Close or end of file.

    A library that cannot be opened is told, and another order awaited. ``follow`` makes what
    follows the library's folders, or returns None when there are none; ``clean`` makes what cleans
    up after removals.
    """
    try:
        workspace = _opened(connection, open_workspace)
    except (EOFError, OSError):
        return
    if workspace is None:
        return
    server = Server(workspace, connection.send)
    if follow is not None:
        server.follow(follow)
    cleaner = clean(workspace, server.send) if clean is not None else None
    try:
        server.send(Opened())
        while True:
            message = connection.recv()
            if isinstance(message, Close):
                return
            server.receive(message)
    except (EOFError, OSError):
        return  # the window is gone; what was committed stays
    finally:
        if cleaner is not None:
            cleaner.stop(_CLOSE_SECONDS)
        server.close()


def _opened(connection: Connection, open_workspace: Callable[[Open], Closable]) -> Closable | None:
    """The first library that can be opened; None when the window closes before there is one."""
    while isinstance(order := connection.recv(), Open):
        try:
            return open_workspace(order)
        except Exception as error:  # noqa: BLE001 - whatever it is, the window has to show it
            connection.send(OpenFailed(failure_of(error, str(order.folder))))
    return None


class Server:
    """Runs calls on the workspace in their lanes and sends what comes of them."""

    def __init__(self, workspace: Closable, send: Callable[[object], None]) -> None:
        self._workspace = workspace
        self._send = send
        self._sending = threading.Lock()
        self._open_requests: set[int] = set()
        self._cancelled: set[int] = set()
        self._asking = 0  # the request that the asking lane is at
        self._closing = threading.Event()
        self._writing = threading.Lock()  # the workspace takes one writer at a time
        self._follower: Follower | None = None
        self._queues: dict[str, SimpleQueue[Call | None]] = {}
        self._threads: list[threading.Thread] = []
        for lane in sorted(set(LANES.values())):
            queue: SimpleQueue[Call | None] = SimpleQueue()
            thread = threading.Thread(
                target=self._run_lane, args=(lane, queue), name=lane, daemon=True
            )
            self._queues[lane] = queue
            self._threads.append(thread)
            thread.start()

    def follow(self, make: FollowingMaker) -> None:
        """Follows folders beside the lanes; what happens there is sent unasked."""
        self._follower = Follower(self._workspace, self._writing, self.send, make)
        self._follower.restart()

    def receive(self, message: object) -> None:
        """Takes a Call or a Cancel; returns at once."""
        if isinstance(message, Cancel):
            if message.request in self._open_requests:
                self._cancelled.add(message.request)
                if message.request == self._asking:
                    # Loading a model takes long and tells nothing that would end at the next event.
                    self._workspace.stop_loading()
        elif isinstance(message, Call):
            lane = LANES.get(message.method)
            if lane is None:
                self.send(Failed(message.request, _unknown_method(message.method)))
                return
            self._open_requests.add(message.request)
            self._queues[lane].put(message)

    def send(self, message: object) -> None:
        """Sends one message to the window, from any thread."""
        with self._sending:
            try:
                self._send(message)
            except OSError:
                self._closing.set()  # the window is gone: every stream stops at its next event

    def close(self) -> None:
        """Stops the lanes at their next event, or leaves them, and closes the library."""
        self._closing.set()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for queue in self._queues.values():
            queue.put(None)
        if self._follower is not None:
            self._follower.stop(_CLOSE_SECONDS)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._workspace.close()

    def _run_lane(self, lane: str, queue: SimpleQueue[Call | None]) -> None:
        while (call := queue.get()) is not None:
            if lane == ASKING:
                self._asking = call.request
            try:
                with self._writing if lane == WRITING else nullcontext():
                    self._answer(call)
                if call.method in CHANGES_FOLLOWED and self._follower is not None:
                    self._follower.restart()
            except Exception as error:  # noqa: BLE001 - a lane outlives each of its requests
                if call.request in self._cancelled:
                    self.send(Finished(call.request, cancelled=True))  # it failed for that
                else:
                    self.send(Failed(call.request, failure_of(error, call.method)))
            finally:
                self._open_requests.discard(call.request)
                self._cancelled.discard(call.request)

    def _answer(self, call: Call) -> None:
        if self._is_cancelled(call.request):
            self.send(Finished(call.request, cancelled=True))
            return
        method: Callable[..., Any] = getattr(self._workspace, call.method)
        result = method(*call.args, **call.kwargs)
        if isinstance(result, Iterator):
            cancelled = self._stream(call.request, result)
            self.send(Finished(call.request, cancelled))
        else:
            self.send(Returned(call.request, result))

    def _stream(self, request: int, events: Iterator[object]) -> bool:
        """Sends the events; returns whether the stream was cut short."""
        try:
            for event in events:
                self.send(Streamed(request, event))
                if self._is_cancelled(request):
                    return True
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()
        return False

    def _is_cancelled(self, request: int) -> bool:
        return request in self._cancelled or self._closing.is_set()


def _unknown_method(method: str) -> Failure:
    return Failure(
        method,
        "The background process knows no such request.",
        "Window and background process are of different versions; reinstall the program.",
    )


def _opener() -> Callable[[Open], Closable]:
    """Opens a workspace; what that needs is being loaded from now on."""
    # Imported here and only here: this brings the models, LanceDB and the readers with it.
    from app.core.preload import Preload

    preload = Preload()

    def open_workspace(order: Open) -> Closable:
        from app.core.workspace import Workspace

        workspace: Closable = Workspace.open(
            order.folder, order.key, create=order.create, preload=preload
        )
        return workspace

    return open_workspace


def _end() -> None:
    """Ends the process now, whatever its threads are at: the library is closed."""
    from ingest.guest.launch import default_launcher

    default_launcher().close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _following(workspace: Any, writing: SerialWriter) -> Any:
    from app.core.following import Following

    names = [collection.name for collection in workspace.collections()]
    if not any(workspace.followed(name) for name in names):
        return None
    return Following(writing)  # type: ignore[arg-type]  # it stands in for the workspace
