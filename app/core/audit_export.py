"""The audit log as a file for other programs: JSON Lines, and CEF for a SIEM.

The part of `app.core.workspace.Workspace` that hands the log out. The policy's ban on exporting is
about documents and answers; the log may always be collected.

Source: ArcSight Common Event Format, implementation standard, version 26 (header and extension
have different escapes).
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from app.core.audit_entries import Entry, Wanted, What, entry_fields
from app.core.export import Exporting, format_of, write_file

# From 0 to 10; what an officer should look at is 5 or more.
_SEVERITIES = {
    What.UNLOCK_FAILED: 5,
    What.DOCUMENT_REMOVED: 5,
    What.COLLECTION_REMOVED: 5,
    What.EXPORT_WRITTEN: 5,
    What.BACKUP_MADE: 5,
    What.BACKUP_RESTORED: 6,
    What.KEYS_CHANGED: 6,
    What.POLICY_CHANGED: 6,
    What.POLICY_REFUSED: 6,
    What.MODEL_CHANGED: 5,
    What.LOG_GAP: 7,
    What.LOG_BROKEN: 10,
}
_USUAL = 3
# The numbers that CEF has fields of one's own for.
_NUMBERS = ("document", "page", "collection")
_OTHER_CONTROLS = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")


class LogFormat(StrEnum):
    """What the log can be exported as, by the ending of the file's name."""

    JSON_LINES = ".jsonl"
    CEF = ".cef"


def json_line(entry: Entry) -> str:
    """An entry as one line of ASCII."""
    return json.dumps(entry_fields(entry))


def cef_line(entry: Entry) -> str:
    """An entry as one line of CEF."""
    severity = next((s for what, s in _SEVERITIES.items() if what == entry.what), _USUAL)
    header = (
        "CEF:0",
        "Muniment",
        "Muniment",
        metadata.version("muniment"),
        entry.what,
        entry.what.replace(".", " "),
        str(severity),
    )
    fields = {
        "rt": _milliseconds(entry.time),
        "externalId": str(entry.number),
        "act": entry.what,
        "suser": entry.user,
    }
    for place, name in enumerate(_NUMBERS, start=1):
        if isinstance(entry.detail.get(name), int):
            fields |= {f"cn{place}": str(entry.detail[name]), f"cn{place}Label": name}
    fields |= {"cs1": entry.mark.hex(), "cs1Label": "mark"}
    if entry.detail:
        fields["msg"] = json.dumps(entry.detail, ensure_ascii=False)
    extension = " ".join(f"{name}={in_extension(value)}" for name, value in fields.items())
    return "|".join([*map(in_header, header), extension])


def in_header(text: str) -> str:
    r"""A field of the header: ``|`` and ``\`` escaped, one line.

    >>> in_header("a|b\\c")
    'a\\|b\\\\c'
    """
    line = " ".join(_cleaned(text).splitlines())
    return line.replace("\\", "\\\\").replace("|", "\\|")


def in_extension(text: str) -> str:
    r"""A value of the extension: ``=`` and ``\`` escaped, line ends as ``\n`` and ``\r``.

    >>> in_extension("a=b\nc")
    'a\\=b\\nc'
    """
    escaped = _cleaned(text).replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r", "\\r").replace("\n", "\\n")


class AuditExporting(Exporting):
    """Exports the audit log of one library."""

    def export_audit(self, path: Path, wanted: Wanted, *, replace: bool = False) -> int:
        """Writes entries to ``path``, in the format that its name ends in; gives how many.

        Raises:
            ExportError: the file cannot be written; the error says why.
        """
        form = format_of(path, LogFormat, "for the audit log")
        self._check_folder(path, replace)
        line = json_line if form is LogFormat.JSON_LINES else cef_line
        lines = [line(entry) for entry in wanted.of(self.audit.entries())]
        self.audit.record(
            What.LOG_EXPORTED,
            entries=len(lines),
            format=form.value,
            **self.audit.named(str(path.absolute()), "file"),
        )
        data = "".join(f"{text}\n" for text in lines).encode("utf-8", "backslashreplace")
        write_file(path, data, replace=replace)
        return len(lines)


def _cleaned(text: str) -> str:
    return _OTHER_CONTROLS.sub(" ", text)


def _milliseconds(moment: str) -> str:
    try:
        return str(round(datetime.fromisoformat(moment).timestamp() * 1000))
    except ValueError:
        return moment  # an entry that was tampered with is handed out as it is
