"""Shows the events of long work as they come: bars in a terminal, a line a file elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from app.cli.output import event_fields, line_of, stderr
from app.core.events import ChunksEmbedded, Event, FileStarted, PageRead, Progressed
from app.core.plain import plain

# A folder may hold thousands of files that are no documents; the rest is only counted.
_LIMITED = {"skipped": "skipped", "left": "not added"}
_SHOWN = 10


class Progress:
    """Writes to standard error; nothing when ``quiet``. Knows no sums: see `finish`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=stderr,
            transient=True,
            disable=quiet or not stderr.is_terminal,
        )
        self._tasks: dict[str, Any] = {}
        self._limited = dict.fromkeys(_LIMITED, 0)

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show(self, event: Event) -> None:
        """Takes an event of any kind."""
        if isinstance(event, FileStarted):
            name = Path(event.path).name
            label = escape(plain(f"{event.index}/{event.total} {name[:40]}"))
            self._tasks[event.path] = self._bars.add_task(label, total=None)
        elif isinstance(event, PageRead):
            self._update(event.path, event.page, event.pages)
        elif isinstance(event, ChunksEmbedded):
            self._update(event.path, event.done, event.total)
        elif isinstance(event, Progressed):
            if event.what not in self._tasks:
                self._tasks[event.what] = self._bars.add_task(event.what, total=event.total)
            self._update(event.what, event.done, event.total)
        elif (fields := event_fields(event)) is not None:
            task = self._tasks.pop(fields["path"], None)
            if task is not None:
                self._bars.remove_task(task)
            self.say_file(fields)

    def say_file(self, fields: dict[str, Any]) -> None:
        """What became of a file; ``fields`` as `event_fields` gives them."""
        state = fields["state"]
        if state in _LIMITED:
            self._limited[state] += 1
        if self._limited.get(state, 0) <= _SHOWN:
            self.say(line_of(fields))

    def finish(self, summary: str) -> None:
        """Says how it ended, in one line."""
        for state, number in self._limited.items():
            if number > _SHOWN:
                more = number - _SHOWN
                self.say(f"{_LIMITED[state]}: {more:,} more; --json names them all")
        self.say(summary)

    def _update(self, key: str, done: int, total: int) -> None:
        if key in self._tasks:
            self._bars.update(self._tasks[key], completed=done, total=total)

    def say(self, line: str) -> None:
        """A line for a person."""
        if not self._quiet:
            stderr.print(line, markup=False, highlight=False, soft_wrap=True)
