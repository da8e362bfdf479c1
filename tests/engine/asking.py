"""Asks a library's collection with the model in use, and takes the events and the answer."""

from __future__ import annotations

from collections.abc import Callable

from app.core.events import Answered
from app.core.workspace import Workspace
from app.core.written import WritingSettings

Ask = Callable[..., tuple[list[object], Answered]]


def asking(collection: str, writing: WritingSettings) -> Ask:
    """A function that asks there, so briefly; keywords are those of `Workspace.ask`."""

    def ask(library: Workspace, question: str, **how: object) -> tuple[list[object], Answered]:
        events = list(library.ask(question, collection, writing=writing, **how))  # type: ignore[arg-type]
        answer = events[-1]
        assert isinstance(answer, Answered)
        return list(events), answer

    return ask
