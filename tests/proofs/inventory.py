"""Searches every installed library of the program for ways to the network and for telemetry.

What is found must be in ``resources/privacy/libraries.toml``, so that a newer version that learns
to report is noticed before anybody runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.core.components import Watched, components, files_of, watched

_IMPORTS = re.compile(
    rb"^\s*(?:import|from)\s+(?:requests|httpx2?|httpcore2?|urllib3|aiohttp|http\.client|ftplib"
    rb"|urllib\.request|smtplib|socket|ssl|websockets?|grpc)\b",
    re.MULTILINE,
)
_NATIVE = b"getaddrinfo"
_TELEMETRY = (b"telemetry", b"posthog", b"sentry_sdk", b"sentry.io", b"mixpanel", b"do_not_track")


@dataclass(frozen=True, slots=True)
class Found:
    """What a library can do, with one file that shows it."""

    name: str
    can: tuple[str, ...]
    file: str


def search(names: list[str] | None = None) -> Iterator[Found]:
    """The libraries in which something was found."""
    for name in names if names is not None else [c.name for c in components()]:
        shown: dict[str, str] = {}
        for file in files_of(name):
            for what in _can(file):
                shown.setdefault(what, str(file))
        if shown:
            yield Found(name, tuple(sorted(shown)), next(iter(shown.values())))


def problems(found: list[Found], known: list[Watched]) -> list[str]:
    """What is found and not listed, or can more than is listed."""
    listed = {library.name: set(library.can) for library in known}
    return [
        f"{one.name} can {', '.join(sorted(more))}, which libraries.toml does not say ({one.file})"
        for one in found
        if (more := set(one.can) - listed.get(one.name, set()))
    ]


def check() -> tuple[list[str], int]:
    """The problems of what is installed, and how many libraries have a way out."""
    found = list(search())
    return problems(found, watched()), len(found)


def _can(file: Path) -> Iterator[str]:
    if {"tests", "test"} & set(file.parts):
        return
    native = ".so" in file.suffixes or file.suffix in {".pyd", ".dll", ".dylib"}
    if not native and file.suffix != ".py":
        return
    content = file.read_bytes()
    if _NATIVE in content if native else _IMPORTS.search(content):
        yield "network"
    small = content.lower()
    if any(word in small for word in _TELEMETRY):
        yield "telemetry"
