"""The first and last function of every guest: take the request, give up all powers, do the job.

The request is trusted, it comes from the parent; the file's bytes are not. A job is named as
``module:function`` and gets a `Task`; its module's ``warm_up``, if there is one, loads what could
not be loaded later (the fork server has called it already). Whatever goes wrong inside leaves as
an ``error`` frame; what cannot leave that way (a crash, a kill) the parent sees as the end of the
stream.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.errors import ReadError
from ingest.guest.channel import Channel
from ingest.guest.frames import EndOfFrames, Header
from ingest.guest.hardening import Measures, harden
from ingest.guest.last_words import forbidden_call
from ingest.guest.limits import Limits


@dataclass(frozen=True, slots=True)
class Task:
    """What a job works on: the file's bytes, the parent's request, and the way back."""

    channel: Channel
    data: bytes
    request: dict[str, Any]
    limits: Limits
    measures: Measures


Job = Callable[[Task], None]


def serve(channel: Channel, file: int | None) -> None:
    """Runs one job to its end. ``file`` is the open file, or None when its bytes are sent."""
    try:
        request, data = channel.receive(1 << 40)
    except EndOfFrames:
        return
    limits = Limits.from_wire(request["limits"])
    job = _resolve(request["job"])
    try:
        size = len(data) if file is None else os.fstat(file).st_size
        measures = harden(limits, size, lambda call: channel.last_words(forbidden_call(call)))
        if file is not None:
            data = _read_all(file, size)
        job(Task(channel, data, request, limits, measures))
    except (BrokenPipeError, ConnectionResetError, EndOfFrames):
        return
    except Exception as error:  # noqa: BLE001 - every failure of a guest is told to the parent
        channel.send(_describe(error))


def _resolve(name: str) -> Job:
    module, _, function = name.partition(":")
    loaded = importlib.import_module(module)
    if sys.platform == "linux" and hasattr(loaded, "warm_up"):
        loaded.warm_up()
    job: Job = getattr(loaded, function)
    return job


def _read_all(file: int, size: int) -> bytes:
    pieces = []
    position = 0
    while position < size:
        piece = os.pread(file, min(size - position, 1 << 24), position)
        if not piece:
            break
        pieces.append(piece)
        position += len(piece)
    os.close(file)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _describe(error: Exception) -> Header:
    if isinstance(error, ReadError):
        name, cause, remedy = type(error).__name__, error.cause, error.remedy
    elif isinstance(error, MemoryError) or "alloc" in str(error).lower():
        name = "LimitExceeded"
        cause = "Reading it needs more memory than a file may use."
        remedy = "Split it into smaller files."
    elif isinstance(error, RecursionError):
        name = "LimitExceeded"
        cause = "Its parts lie deeper within one another than a reader follows."
        remedy = "Open it in the program that made it, and save it as PDF."
    else:
        name = "DamagedFile"
        cause = f"The reader gave up on it ({type(error).__name__}: {str(error)[:200]})."
        remedy = "Open it in the program that made it, save it again, and add that file."
    return {"kind": "error", "error": name, "cause": cause[:2000], "remedy": remedy[:2000]}
