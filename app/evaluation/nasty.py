"""``eval nasty``: files that are encrypted, broken, empty, huge or no documents at all.

The folder holds ``manifest.jsonl`` and ``pdfs/``. Each file has to end in text or in a clear
reason. A child that dies or runs out of time also ends in a reason, but is counted apart, as a
crash or a hang. Where the manifest knows a password, the file must ask for it when it is missing
or wrong, and open when it is given.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import PasswordNeeded, ReadError
from ingest.guest.guest import GuestDied, GuestTimedOut
from ingest.ocr.pool import OcrPool
from ingest.reading import FileRead, read_file

_WRONG = "certainly not the password"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How one reading ended. ``error`` is the class of the failure, or empty."""

    pages: int = 0
    characters: int = 0
    reason: str = ""
    error: str = ""
    crashed: bool = False
    hung: bool = False


def evaluate(folder: Path) -> dict[str, Any]:
    """How many files end in text, in a reason, in a crash or a hang, and what was unexpected."""
    rows = [
        json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()
    ]
    details = []
    with OcrPool() as pool:
        for row in rows:
            details.append(_examine(folder / "pdfs" / row["file"], row, pool))
    return {
        "files": len(rows),
        "text": sum(detail["characters"] > 0 for detail in details),
        "reason": sum(detail["characters"] == 0 and detail["reason"] != "" for detail in details),
        "crashed": sum(detail["crashed"] for detail in details),
        "hung": sum(detail["hung"] for detail in details),
        "unexpected": sum(bool(detail["unexpected"]) for detail in details),
        "details": details,
    }


def _examine(path: Path, row: dict[str, Any], pool: OcrPool) -> dict[str, Any]:
    password = row["password"]
    began = time.monotonic()
    outcome = _read(path, [password] if password else [], pool)
    seconds = time.monotonic() - began
    unexpected = _password_faults(path, password, outcome, pool)
    known = row.get("pymupdf", {})
    if known.get("chars", 0) > 0 and outcome.characters == 0 and not outcome.reason:
        unexpected.append("its text was lost without a word")
    if known.get("pages", 0) > 0 and not outcome.error and outcome.pages != known["pages"]:
        unexpected.append(f"{outcome.pages} pages instead of {known['pages']}")
    return {
        "file": row["file"],
        "category": row["category"],
        "pages": outcome.pages,
        "characters": outcome.characters,
        "error": outcome.error,
        "reason": outcome.reason,
        "crashed": outcome.crashed,
        "hung": outcome.hung,
        "seconds": round(seconds, 2),
        "unexpected": unexpected,
    }


def _password_faults(
    path: Path, password: str | None, outcome: _Outcome, pool: OcrPool
) -> list[str]:
    if not password:
        return []
    needed = PasswordNeeded.__name__
    faults = [
        f"it did not ask for its password when given {given}"
        for given in ([], [_WRONG])
        if _read(path, given, pool).error != needed
    ]
    if outcome.error:
        faults.append("its password does not open it")
    return faults


def _read(path: Path, passwords: list[str], pool: OcrPool) -> _Outcome:
    pages: tuple[Any, ...] = ()
    try:
        for event in read_file(path, passwords=passwords, ocr=pool):
            if isinstance(event, FileRead):
                pages = event.pages
    except ReadError as error:
        ended = error.__cause__
        slow = isinstance(ended, GuestTimedOut) or (isinstance(ended, GuestDied) and ended.exceeded)
        return _Outcome(
            reason=f"{error.cause} {error.remedy}",
            error=type(error).__name__,
            crashed=isinstance(ended, GuestDied) and not slow,
            hung=slow,
        )
    characters = sum(len(line.text) for page in pages for line in page.lines)
    reasons = [page.unreadable for page in pages if page.unreadable]
    if not characters and not reasons:
        reasons = ["Its pages are blank."]
    return _Outcome(len(pages), characters, " ".join(dict.fromkeys(reasons)))
