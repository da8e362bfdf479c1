"""All attacks in a library, read once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.core.events import Answered, DocumentInfo, PassagesFound
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.types import Passage
from tests.injection.documents import ATTACKS, PROBE, QUESTION, Attack

COLLECTION = "Mail from strangers"


@dataclass
class Library:
    """The workspace with all documents, and what it answered about each."""

    workspace: Workspace
    documents: dict[str, DocumentInfo]
    answered: dict[str, list[tuple[Answered, tuple[Passage, ...]]]] = field(default_factory=dict)

    def passages(self, attack: Attack) -> list[Passage]:
        """All that a search can find in the attack's document."""
        number = [self.documents[attack.name].id]
        found: dict[tuple[int, ...], Passage] = {}
        for words in (QUESTION, PROBE):
            for passage in self.workspace.search(words, COLLECTION, k=50, documents=number):
                found[passage.chunk_ids] = passage
        return list(found.values())

    def answers(self, attack: Attack) -> list[tuple[Answered, tuple[Passage, ...]]]:
        """What the program answers about the document, and over which passages."""
        if attack.name not in self.answered:
            number = [self.documents[attack.name].id]
            self.answered[attack.name] = [
                self._answer(question, number) for question in (QUESTION, PROBE)
            ]
        return self.answered[attack.name]

    def _answer(self, question: str, documents: list[int]) -> tuple[Answered, tuple[Passage, ...]]:
        passages: tuple[Passage, ...] = ()
        answer: Answered | None = None
        for event in self.workspace.ask(question, COLLECTION, documents=documents):
            if isinstance(event, PassagesFound):
                passages = event.passages
            elif isinstance(event, Answered):
                answer = event
        assert answer is not None
        return answer, passages


@pytest.fixture(scope="package")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("attacks")
    paths: dict[str, str] = {}
    for attack in ATTACKS:
        place = folder / attack.name
        place.mkdir()
        paths[str(attack.build(place))] = attack.name
    with Workspace.open(folder / "library", KeyFile(folder / "key"), create=True) as workspace:
        list(workspace.add([Path(path) for path in paths], COLLECTION))
        documents = {paths[d.path]: d for d in workspace.documents(COLLECTION)}
        yield Library(workspace, documents)
