"""What became of the files of a run: counts, and the files themselves as JSON fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.cli.output import event_fields
from app.core.events import Event

_STATES = ("added", "replaced", "moved", "unchanged", "removed", "failed", "skipped", "left")
_STORED = ("added", "replaced", "moved", "unchanged")
# These are said only when there are any: most runs know nothing of them.
_RARE = ("removed", "left")
_WORDS = {"left": "not added"}


class Outcome:
    """Takes the events of a run. ``counts`` and ``files`` are by state; ``damaged`` counts
    those of the stored files that may lack parts, ``hiding`` those with text that cannot be seen.

    A run without end says ``keep_files=False``: it only counts.
    """

    def __init__(self, *, keep_files: bool = True) -> None:
        self._keep_files = keep_files
        self.counts = dict.fromkeys(_STATES, 0)
        self.damaged = 0
        self.hiding = 0
        self.files: dict[str, list[dict[str, Any]]] = {state: [] for state in _STATES}

    def take(self, event: Event) -> None:
        """Counts what became of a file; other events are none of its business."""
        if (fields := event_fields(event)) is not None:
            self._keep(fields)

    def leave(self, paths: Iterable[str]) -> None:
        """The run was stopped: those of ``paths`` of which nothing was heard are left."""
        heard = {fields["path"] for files in self.files.values() for fields in files}
        for path in paths:
            if path not in heard:
                self._keep({"path": path, "state": "left"})

    def as_fields(self) -> dict[str, Any]:
        """The object that ``add --json`` prints."""
        return {
            **{state: n for state, n in self.counts.items() if state != "removed"},
            "damaged": self.damaged,
            "hidden_text": self.hiding,
            "documents": [f for state in _STORED for f in self.files[state]],
            "failures": self.files["failed"],
            "skipped_files": self.files["skipped"],
            "left_files": [fields["path"] for fields in self.files["left"]],
        }

    def summary(self) -> str:
        """The counts in one line."""
        sums = ", ".join(
            f"{n:,} {_WORDS.get(state, state)}"
            for state, n in self.counts.items()
            if n or state not in _RARE
        )
        notes = [f"{self.damaged:,} damaged"] if self.damaged else []
        notes += [f"{self.hiding:,} with hidden text"] if self.hiding else []
        return f"{sums} ({', '.join(notes)})" if notes else sums

    def _keep(self, fields: dict[str, Any]) -> None:
        self.counts[fields["state"]] += 1
        document = fields.get("document", {})
        self.damaged += document.get("damaged", False)
        self.hiding += document.get("hidden_text", False)
        if self._keep_files:
            self.files[fields["state"]].append(fields)
