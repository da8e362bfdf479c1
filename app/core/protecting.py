"""What keeps a library from loss, and what shows that it is kept.

The part of `app.core.workspace.Workspace` for backups, checks and the privacy report.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.core.audit import Audit
from app.core.backup import back_up
from app.core.checking import check_library
from app.core.events import Event
from app.core.privacy import make_report, text_of, verdict, write_report


class Protecting:
    """Backs up, checks and reports on one library."""

    folder: Path
    audit: Audit
    _data_key: bytearray

    def back_up(self, target: Path, *, verify: bool = False) -> Iterator[Event]:
        """Writes a backup of one state of the library; see `app.core.backup`."""
        self.audit.backed_up(target)
        yield from back_up(self.folder, self._data_key, target, verify=verify)

    def check(self) -> Iterator[Event]:
        """Reads the library through and says what is hurt; see `app.core.checking`."""
        yield from check_library(self.folder, self._data_key)

    def privacy_report(self) -> tuple[str, str]:
        """The privacy report in one sentence, and whole; tries to reach the network."""
        report = make_report(self.folder)
        return verdict(report), text_of(report)

    def write_privacy_report(self, path: Path, *, replace: bool = False) -> None:
        """Writes the privacy report to ``path``: PDF, JSON or text.

        Raises:
            ExportError: the file cannot be written; the error says why.
        """
        write_report(make_report(self.folder), path, replace=replace)
