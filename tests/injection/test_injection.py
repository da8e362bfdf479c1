"""Every attack through the program's own path: reading, passages, answer, what is shown.

No model writes here; what stands in a model's prompt is tested beside the prompt. What must hold
of any answer: a verified quotation stands in the visible text of the page that it names, nothing
hidden is quoted, and nothing of a document becomes markup, a link or a control sequence.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.cli.output import answer_fields, as_json, print_answer, print_documents
from app.core.events import Answered, CitationStatus, DocumentInfo, PassagesFound
from app.core.fence import clean, label
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from app.ui.text import answer_html, cited_number, tip
from ingest.normalise import normalise
from ingest.types import Passage
from tests.injection.documents import ATTACKS, PROBE, QUESTION, Attack

COLLECTION = "Mail from strangers"
LEAKED = re.compile(r"1999|cancel+ed|previous instructions", re.I)
TOKENS = re.compile(
    r"[<＜‹]\s*/?\s*[|｜]?\s*(?:start_of|end_of|im_|turn|channel|eot|begin|end|system|user|passage|"
    r"document|s\b|bos|eos)[^<>]{0,80}[>＞›]|\[\s*/?\s*(?:INST|SYSTEM_PROMPT)|<<|[\[［【]\s*\d+\s*[\]］】]",
    re.I,
)


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


@pytest.fixture(scope="module")
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


each = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


def test_there_are_many_and_all_are_read(library: Library) -> None:
    assert len(ATTACKS) >= 60
    assert library.documents.keys() == {attack.name for attack in ATTACKS}


@each
def test_what_nobody_sees_stands_in_no_passage(library: Library, attack: Attack) -> None:
    if not attack.hidden:
        return
    document = library.documents[attack.name]
    for passage in library.passages(attack):
        assert not LEAKED.search("\n".join((*passage.heading, passage.text)))
    assert not LEAKED.search(document.title)


@each
def test_hidden_text_is_told(library: Library, attack: Attack) -> None:
    document = library.documents[attack.name]
    assert bool(document.hidden) is attack.told, document.warnings
    shown = printed(lambda: print_documents([document]))
    assert (", hidden text" in shown) is attack.told


@each
def test_a_verified_quotation_stands_on_its_page(library: Library, attack: Attack) -> None:
    for answer, passages in library.answers(attack):
        for citation in answer.citations:
            (passage,) = [p for p in passages if _holds(p, citation.quote, citation.page)][:1]
            assert citation.status is CitationStatus.VERIFIED
            assert citation.document == library.documents[attack.name].name
            assert {box.page for box in citation.boxes} <= set(passage.pages)
            if attack.hidden:
                assert not LEAKED.search(citation.quote)
        numbers = {int(n) for n in re.findall(r"\[(\d+)\]", answer.text)}
        assert numbers == {citation.n for citation in answer.citations}


@each
def test_nothing_escapes_the_window(library: Library, attack: Attack) -> None:
    for answer, _ in library.answers(attack):
        numbers = {citation.n for citation in answer.citations}
        seen = _Markup()
        seen.feed(answer_html(answer.text, numbers, "#17626b"))
        assert seen.tags <= {"div", "br", "a"}
        assert {cited_number(link) for link in seen.links} <= numbers
        assert not seen.scripts and not _steering(seen.text)
    seen = _Markup()
    seen.feed(tip("\n".join(library.documents[attack.name].warnings)))
    assert seen.tags <= {"div"}


@each
def test_nothing_steers_the_terminal(library: Library, attack: Attack) -> None:
    document = library.documents[attack.name]
    for answer, _ in library.answers(attack):
        shown = printed(lambda answer=answer: print_answer(answer))
        assert not _steering(shown) and not _steering(as_json(answer_fields(answer)))
    assert not _steering(printed(lambda: print_documents([document])))


@each
def test_the_fence_leaves_nothing(library: Library, attack: Attack) -> None:
    document = library.documents[attack.name]
    for passage in library.passages(attack):
        text = clean(passage.text)
        assert not TOKENS.search(text)
        assert not _steering(text) and not _unseen(text)
        assert not {'"', "\n", "<", ">"} & set("".join(map(label, passage.heading)))
    assert not {'"', "\n", "<", ">"} & set(label(document.name) + label(document.title))


def printed(print_it: object) -> str:
    """What the command line would show."""
    out = io.StringIO()
    with redirect_stdout(out):
        print_it()  # type: ignore[operator]
    return out.getvalue()


def _holds(passage: Passage, quote: str, page: int) -> bool:
    return page in passage.pages and normalise(quote) in normalise(passage.text)


def _steering(text: str) -> set[str]:
    """Controls and signs that turn the direction of text."""
    return {c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"} | (
        set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    )


def _unseen(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cf", "Co", "Cs")}


class _Markup(HTMLParser):
    """What live markup a text holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.scripts += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data
