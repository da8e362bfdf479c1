"""Every attack through the program's own path: reading, passages, answer, what is shown.

No model writes here; what stands in a model's prompt is tested beside the prompt. What must hold
of any answer: a verified quotation stands in the visible text of the page that it names, nothing
hidden is quoted, and nothing of a document becomes markup, a link or a control sequence.
"""

from __future__ import annotations

import io
import re
import unicodedata
from contextlib import redirect_stdout
from html.parser import HTMLParser

import pytest

from app.cli.output import answer_fields, as_json, print_answer, print_documents
from app.core.answers import CitationStatus
from app.core.fence import clean, label
from app.core.plain import plain
from app.ui.answer_text import runs_of
from app.ui.text import tip
from ingest.normalise import normalise
from ingest.types import Passage
from tests.injection.documents import ATTACKS, Attack
from tests.injection.stored import Library

LEAKED = re.compile(r"1999|cancel+ed|previous instructions", re.I)
TOKENS = re.compile(
    r"[<＜‹]\s*/?\s*[|｜]?\s*(?:start_of|end_of|im_|turn|channel|eot|begin|end|system|user|passage|"
    r"document|s\b|bos|eos)[^<>]{0,80}[>＞›]|\[\s*/?\s*(?:INST|SYSTEM_PROMPT)|<<|[\[［【]\s*\d+\s*[\]］】]",
    re.I,
)


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
        # The window puts these runs down as plain text; only they can be links.
        runs = runs_of(answer.text, numbers, answer.statements)
        links = {run.link for run in runs if run.link}
        ours = {f"cite:{n}" for n in numbers} | {f"doubt:{n}" for n in range(99)}
        assert links <= ours
        assert not _steering(plain("".join(run.text for run in runs)))
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
