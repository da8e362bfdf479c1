"""What is shown on a terminal while a question is being answered: the reading, then the words."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from app.cli.output import stderr
from app.core.events import Event, ModeChosen, PromptProgress, TextWritten


class Reading:
    """A line on standard error that goes away; nothing when it is no terminal or ``quiet``."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if not quiet and stderr.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TimeRemainingColumn(),
                console=stderr,
                transient=True,
            )

    def __enter__(self) -> Reading:
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("Searching", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, event: Event) -> None:
        """Shows how far the answer has come."""
        if self._bar is None or self._task is None:
            return
        match event:
            case ModeChosen(reason=reason):
                self._bar.update(self._task, description=reason)
            case PromptProgress(tokens=tokens, of=of):
                self._bar.update(self._task, description="Reading", completed=tokens, total=of)
            case TextWritten():
                self._bar.update(self._task, description="Writing", total=None)
            case _:
                pass
