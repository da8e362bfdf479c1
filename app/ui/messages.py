"""What the window and its background process say to each other: small, frozen, picklable.

Knows neither Qt nor the workspace; `background` and `bridge` are its two speakers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.core.vault import KeySource, NewLibrary

UNASKED = 0  # the request number of events that nobody asked for: a followed folder changed


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something did not work and what to do; ``kind`` is the error's class name."""

    subject: str
    cause: str
    remedy: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """Window to background: open this library. ``key`` is one of the vault's key sources."""

    folder: Path
    key: KeySource
    create: bool | NewLibrary = False


@dataclass(frozen=True, slots=True)
class Call:
    """Window to background: run a method of the workspace under this request number."""

    request: int
    method: str
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Window to background: nobody waits for this request any more."""

    request: int


@dataclass(frozen=True, slots=True)
class Close:
    """Window to background: stop what is under way, close the library, end."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Background to window: the library is open."""


@dataclass(frozen=True, slots=True)
class OpenFailed:
    """Background to window: the library cannot be opened; the process waits for another Open."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Streamed:
    """Background to window: one event of a request that yields events."""

    request: int
    event: object


@dataclass(frozen=True, slots=True)
class Returned:
    """Background to window: the value of a request that returns one; the request is over."""

    request: int
    value: object


@dataclass(frozen=True, slots=True)
class Finished:
    """Background to window: a stream of events is over, or the request was cancelled."""

    request: int
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Background to window: the request ended in an error."""

    request: int
    failure: Failure
