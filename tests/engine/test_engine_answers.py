"""The whole path of an answer through the real engine, with a tiny random Gemma 4 that sees.

What it writes makes no sense, so nothing of it may be shown as an answer. Checked is what carries
it: the stream, stopping, what need not be read again, a whole document from its snapshot, pictures
of pages that reach the model, and what is deleted with a document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pytest
from asking import asking
from tiny_media import write_seeing

from app.core.answers import Mode, Scope
from app.core.events import Answered, PromptProgress
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from app.core.written import WritingSettings
from ingest.errors import StoreError
from ingest.types import Box

FEW = WritingSettings(max_tokens=12)
ask = asking("Patient", FEW)
WORDS = (
    "On visit {n} the patient reported that the wound on the left foot was dry and that the dose "
    "of metformin, {dose} mg twice a day, had been taken as written in the plan of care."
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-e2b")
    write_seeing(folder, "e2b")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    # Room for a whole document; rotary positions have no weights.
    config["text_config"]["max_position_embeddings"] = 16_384
    path.write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def library(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("answers")
    pdf = pymupdf.open()
    for sheet in range(3):
        page = pdf.new_page()
        page.insert_text((72, 72), f"Visits, sheet {sheet + 1}", fontsize=14)
        for n in range(6):
            words = WORDS.format(n=6 * sheet + n + 1, dose=500 + 10 * n)
            page.insert_textbox((72, 100 + 60 * n, 520, 155 + 60 * n), words, fontsize=10)
    pdf.save(folder / "visits.pdf")
    with Workspace.open(folder / "library", KeyFile(folder / "key"), create=True) as workspace:
        list(workspace.add([folder / "visits.pdf"], "Patient"))
        facts = workspace.use_language_model(model)
        assert facts is not None and facts.fingerprint and facts.image_budgets
        yield workspace


def test_nonsense_is_not_shown_as_an_answer(library: Workspace) -> None:
    events, answer = ask(library, "What was the dose?", mode=Mode.PASSAGES)
    assert not answer.found and not answer.citations
    assert answer.by.fingerprint and answer.by.kernels and answer.by.max_tokens == 12
    assert 0 < answer.effort.written <= 12 and answer.effort.first_seconds > 0
    read = [e.tokens for e in events if isinstance(e, PromptProgress)]
    assert read == sorted(read) and read[-1] == answer.effort.prompt_tokens


def test_the_same_passages_are_read_once(library: Workspace) -> None:
    _, first = ask(library, "What was the dose?", mode=Mode.PASSAGES)
    _, same = ask(library, "What was dry?", mode=Mode.PASSAGES)
    effort = same.effort
    assert effort.prompt_tokens - effort.reused < 100, "another question over the same passages"
    _, next_ = ask(
        library, "And on which foot?", mode=Mode.PASSAGES, conversation=first.conversation
    )
    effort = next_.effort
    assert effort.prompt_tokens > 1000
    assert effort.prompt_tokens - effort.reused < 100, "a follow-up question"


def test_the_same_record_gives_the_same_answer(library: Workspace) -> None:
    _, one = ask(library, "What was the dose?", mode=Mode.PASSAGES)
    _, two = ask(library, "What was the dose?", mode=Mode.PASSAGES)
    assert library.record(one.record).raw == library.record(two.record).raw
    hot = WritingSettings(12, temperature=1.0, seed=7)
    raws = []
    for _ in range(2):
        *_, answer = library.ask("What was the dose?", "Patient", writing=hot)
        assert isinstance(answer, Answered) and answer.by.seed == 7
        raws.append(library.record(answer.record).raw)
    assert raws[0] == raws[1]


def test_stopping_leaves_the_model_ready(library: Workspace) -> None:
    long = WritingSettings(max_tokens=400)
    events = library.ask("What was the dose?", "Patient", mode=Mode.PASSAGES, writing=long)
    for event in events:
        if isinstance(event, PromptProgress):
            break
    events.close()  # type: ignore[attr-defined]
    _, answer = ask(library, "What was the dose?", mode=Mode.PASSAGES)
    assert answer.effort.written


def test_a_whole_document_comes_from_its_snapshot(library: Workspace) -> None:
    (document,) = library.documents("Patient")
    _, first = ask(library, "How many visits were there?")
    assert first.mode is Mode.WHOLE and first.effort.prompt_tokens > 2000
    assert library.snapshots.has(document.id)
    library.language.close()  # nothing is left in memory
    _, again = ask(library, "List every dose.")
    assert again.mode is Mode.WHOLE
    assert again.effort.restored > 0.9 * first.effort.prompt_tokens
    assert again.effort.prompt_tokens - again.effort.reused < 100


def test_a_picture_of_the_place_reaches_the_model(library: Workspace) -> None:
    (document,) = library.documents("Patient")
    scope = Scope(document.id, 2, Box(70, 95, 525, 160))
    _, seen = ask(library, "What does this say?", scope=scope)
    (picture,) = library.record(seen.record).pictures
    assert picture.crop.box == scope.region
    _, again = ask(library, "Who wrote this?", scope=scope)
    assert again.effort.reused > picture.tokens // 2, "the picture was not read again"
    facts = library.language.engine().facts()
    assert picture.tokens in facts.image_budgets


def test_what_was_read_goes_with_the_document(library: Workspace) -> None:
    (document,) = library.documents("Patient")
    ask(library, "List every dose.")
    assert library.snapshots.has(document.id)
    list(library.remove(document.id))
    with pytest.raises(StoreError, match="not in the library"):  # its secret went with it
        library.snapshots.has(document.id)
    assert library.snapshots.state.files == 0
