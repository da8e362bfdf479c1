"""The privacy report: what keeps documents on this machine, tried out now, for who must check it.

Each section is a function; whatever it finds is a `Finding`. Nothing here tells of a document:
sizes and kinds of files only, so that the report can be handed on.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from platform import platform
from typing import Any

from app.core import fips, offline, process_guard, vault
from app.core.attempts import ATTEMPTS_FILE
from app.core.audit_files import HEAD_FILE, PENDING_FILE
from app.core.components import Component, components, cyclonedx, watched
from app.core.export import check_target, format_of, write_file
from app.core.locations import data_folder
from app.core.vault_file import how_wrapped, read_keys_file
from ingest.errors import IngestError
from ingest.guest.guest import GuestError
from ingest.guest.sandbox import sandbox_report
from ingest.library_files import FILE_NAME, LOCK_NAME


class State(StrEnum):
    """What a finding means for the promise it belongs to."""

    KEPT = "kept"
    BROKEN = "broken"
    NOTE = "note"  # no promise: a fact, or something this program cannot protect


class ReportFormat(StrEnum):
    """What a report can be written as."""

    PDF = ".pdf"
    JSON = ".json"
    TEXT = ".txt"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, and how it is."""

    name: str
    detail: str
    state: State = State.NOTE


@dataclass(frozen=True, slots=True)
class Section:
    """Findings that belong together."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report; ``made`` is ISO 8601, UTC."""

    made: str
    sections: tuple[Section, ...]
    components: tuple[Component, ...]

    @property
    def kept(self) -> bool:
        """Whether no promise was found broken."""
        return not self.broken()

    def broken(self) -> list[Finding]:
        """The findings that break a promise."""
        return [f for s in self.sections for f in s.findings if f.state is State.BROKEN]

    def as_json(self) -> dict[str, Any]:
        """The report with its bill of materials (CycloneDX)."""
        return {
            "made": self.made,
            "kept": self.kept,
            "sections": [asdict(section) for section in self.sections],
            "sbom": cyclonedx(list(self.components)),
        }


def make_report(library: Path) -> Report:
    """Looks, and tries to reach the network (which must fail)."""
    made_of = tuple(components())
    parts: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("The program", _program),
        ("Nothing leaves: tried now", _network),
        ("Nothing leaves: what keeps the libraries still", _switches),
        ("Libraries with a way to the network", _libraries),
        ("Where things lie", lambda: _places(library)),
        ("What holds the readers of files", _readers),
        ("How the library is protected", lambda: _protection(library)),
        ("What the program cannot protect", _limits),
    )
    sections = tuple(Section(title, tuple(find())) for title, find in parts)
    return Report(datetime.now(UTC).isoformat(timespec="seconds"), sections, made_of)


def _program() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Version", f"Muniment {metadata.version('muniment')}, Python {python}")
    yield Finding("System", platform())
    guard = offline.enforce()
    by = "kernel filter and Python hook" if guard.kernel_filter else "Python hook"
    yield Finding("Guard", f"{by}: {guard.reason}", _state(guard.audit_hook))


def _network() -> Iterator[Finding]:
    for attempt in offline.attempts():
        yield Finding(f"Opening {attempt.what}", attempt.detail, _state(attempt.refused))
    if offline.enforce().kernel_filter:
        told = _in_child()
        yield Finding("The same in a child process", told, _state(told == _REFUSED))
    else:
        detail = "a child is guarded by its own hook only, and by the installer's firewall rules"
        yield Finding("The same in a child process", detail)
    loaded = _network_parts()
    yield Finding(
        "Qt's network and web parts",
        f"loaded: {', '.join(loaded)}" if loaded else "not loaded",
        _state(not loaded),
    )


def _network_parts() -> list[str]:
    """Qt's libraries for the network and the web that this process has in memory."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        text = maps.read_text(encoding="utf-8", errors="replace")
    else:
        text = "\n".join(sys.modules)
    return sorted(set(re.findall(r"Qt6?(?:Network|WebEngine|WebSockets)\w*", text)))


_REFUSED = "refused by the kernel (EACCES)"
# The child knows nothing of this program: what refuses it is what it inherited.
_CHILD = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
made = libc.socket(2, 1, 0)
number = ctypes.get_errno()
print("it could be opened" if made >= 0 else
      f"{'refused by the kernel' if number == errno.EACCES else 'failed'} "
      f"({errno.errorcode.get(number, number)})")
"""


def _in_child() -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _CHILD], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the child could not be run: {error}"
    return done.stdout.strip() or "the child said nothing"


def _switches() -> Iterator[Finding]:
    for name, value in offline.SWITCHES.items():
        now = os.environ.get(name)
        yield Finding(name, f"is {now}" if now is not None else "is not set", _state(now == value))
    left = [name for name in offline.REMOVED if name in os.environ]
    detail = f"set: {', '.join(left)}" if left else f"none of {', '.join(offline.REMOVED)} is set"
    yield Finding("Variables that would make a library report", detail, _state(not left))


def _libraries() -> Iterator[Finding]:
    for library in watched():
        try:
            version = metadata.version(library.name)
        except metadata.PackageNotFoundError:
            continue
        yield Finding(f"{library.name} {version}", library.why)


def _places(library: Path) -> Iterator[Finding]:
    yield from _folder("Library", library, _library_part)
    yield from _folder("The program's own data", data_folder(), lambda _: "")
    yield Finding("Temporary files", tempfile.gettempdir())


def _folder(name: str, folder: Path, explain: Callable[[Path], str]) -> Iterator[Finding]:
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        yield Finding(name, f"{folder} (nothing there yet)")
        return
    except OSError as error:
        yield Finding(name, f"{folder} cannot be read: {error.strerror}")
        return
    open_to = _open_to_others(folder)
    yield Finding(name, f"{folder}{open_to}", _state(not open_to))
    for entry in entries:
        told = explain(entry)
        # What lies in a folder that nobody else may enter is as private as the folder.
        rights = _open_to_others(entry) if open_to else ""
        detail = f"{_size(entry)}{', ' if told else ''}{told}{rights}"
        yield Finding(f"{name}: {entry.name}", detail, _state(not rights))


def _library_part(entry: Path) -> str:
    known = {
        FILE_NAME: "documents and everything read from them, encrypted page by page",
        f"{FILE_NAME}-wal": "what was stored last, encrypted page by page",
        f"{FILE_NAME}-shm": "where pages lie in the file before this; no content",
        LOCK_NAME: "which process holds the library; no content",
        ATTEMPTS_FILE: "how many wrong passphrases were tried in a row, and when",
        vault.KEYS_FILE: "the wrapped data key and how it was wrapped; nothing secret",
        HEAD_FILE: "how long the audit log is, sealed; no content",
        PENDING_FILE: "attempts to unlock that failed: when, and by which user; no content",
        "snapshots": "what a model has read, each file encrypted (AES-256-GCM)",
    }
    return known.get(entry.name, "")


def _readers() -> Iterator[Finding]:
    try:
        report = sandbox_report()
    except GuestError as error:
        yield Finding("A reader", f"it could not be tried: {error}", State.BROKEN)
        return
    for name, stopped in report.tried.items():
        detail = "stopped" if stopped else "NOT stopped"
        yield Finding(f"A reader, {name}", detail, _state(stopped))
    if not report.tried:
        yield Finding("A reader", report.sentence())
    for sentence in report.missing:
        yield Finding("Missing here", sentence)


def _protection(library: Path) -> Iterator[Finding]:
    yield from _process()
    if not vault.has_keys(library):
        yield Finding("Library", "none at this place yet")
        return
    try:
        keys = read_keys_file(library)
    except IngestError as error:
        yield Finding("Keys", str(error), State.BROKEN)
        return
    for protector in keys.protectors:
        detail = f"opens the library; the data key is wrapped with {how_wrapped(protector)}"
        yield Finding(protector.kind.capitalize(), detail, State.KEPT)
    yield Finding("FIPS mode", fips.statement(keys.fips, fips.state()))


def _process() -> Iterator[Finding]:
    guard = process_guard.current()
    if guard is None:
        yield Finding("This process", "was not started by the program's own entry")
        return
    tried = process_guard.self_test()
    detail = "the system says that no core is dumped" if tried else "a core could be dumped"
    if guard.not_dumpable:
        detail += ", and the user's other programs cannot look into it"
    detail += f"; {guard.reason}" if guard.reason else ""
    yield Finding("This process", detail, _state(tried or not guard.no_core_dumps))


def _limits() -> Iterator[Finding]:
    yield Finding(
        "An open library",
        "Who controls this session, or is administrator of this machine, can read what it shows.",
    )
    yield _swap()
    yield Finding(
        "Overwritten data", "SSDs and file systems with snapshots may keep older blocks; encrypted."
    )


def _swap() -> Finding:
    areas = Path("/proc/swaps")
    if not areas.exists():
        return Finding("Swap", "Memory may be written to it; let the system encrypt it.")
    lines = areas.read_text(encoding="utf-8").splitlines()[1:]
    if not lines:
        return Finding("Swap", "There is none: memory is not written to disk.", State.KEPT)
    named = ", ".join(line.split()[0] for line in lines)
    return Finding("Swap", f"Memory may be written to {named}; let the system encrypt it.")


def _state(kept: bool) -> State:
    return State.KEPT if kept else State.BROKEN


def _size(entry: Path) -> str:
    try:
        files = [f for f in entry.rglob("*") if f.is_file()] if entry.is_dir() else [entry]
        total = float(sum(file.stat().st_size for file in files))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    for unit in ("bytes", "KB", "MB"):
        if total < 1024:
            return f"{total:.0f} {unit}"
        total /= 1024
    return f"{total:.1f} GB"


def _open_to_others(place: Path) -> str:
    """Who else may read it by its rights, in words; nothing where nobody may."""
    if sys.platform == "win32":
        return ""  # rights are inherited from the user's profile there
    try:
        mode = place.stat().st_mode
    except OSError:
        return ""
    if stat.S_IMODE(mode) & 0o077:
        return f", open to other users of this machine (mode {stat.S_IMODE(mode):04o})"
    return ""


def verdict(report: Report) -> str:
    """The report in one sentence."""
    if broken := report.broken():
        return f"Broken: {', '.join(finding.name for finding in broken)}."
    kept = sum(f.state is State.KEPT for s in report.sections for f in s.findings)
    return f"{kept} findings keep a promise, none breaks one."


def text_of(report: Report) -> str:
    """The report as plain text, without the list of components."""
    lines = [f"Muniment privacy report, {report.made}", verdict(report), ""]
    for section in report.sections:
        lines += [section.title, "-" * len(section.title)]
        lines += [f"[{f.state}] {f.name}: {f.detail}" for f in section.findings]
        lines.append("")
    lines.append(f"{len(report.components)} libraries in all; --json lists them (CycloneDX).")
    return "\n".join(lines)


def report_file(report: Report, path: Path) -> bytes:
    """The report as a file: PDF, JSON or plain text, by the ending of its name.

    Raises:
        ExportError: the name ends in none of these.
    """
    match format_of(path, ReportFormat, "of a report"):
        case ReportFormat.PDF:
            # Loads MuPDF.
            from app.core.exporting import pdf_document, privacy_paper

            return pdf_document.write(privacy_paper.paper_of_report(report))
        case ReportFormat.JSON:
            return json.dumps(report.as_json(), indent=2, ensure_ascii=False).encode()
        case ReportFormat.TEXT:
            return (text_of(report) + "\n").encode()


def write_report(report: Report, path: Path, *, replace: bool = False) -> None:
    """Writes the report to ``path``.

    Raises:
        ExportError: the file cannot be written; the error says why.
    """
    check_target(path, replace=replace)
    write_file(path, report_file(report, path), replace=replace)
