"""What a model writes is checked while it is written, and what nothing supports is held back."""

from __future__ import annotations

import pytest

from app.core.answerer import Draft, Task, Turn
from app.core.answers import CitationStatus, Mode
from app.core.events import CitationChecked, PromptProgress, StatementChecked, TextWritten
from app.core.prompting import build, is_not_found
from app.core.written import WrittenAnswerer
from tests.app.core.scripted import FACTS, Scripted
from tests.app.core.test_verifier import PASSAGES

TASK = Task("What is taken?", [PASSAGES[1], PASSAGES[2]])


def answer(said: str, task: Task = TASK) -> tuple[list[object], Draft]:
    *events, draft = WrittenAnswerer(Scripted(said)).answer(task)
    assert isinstance(draft, Draft)
    return list(events), draft


def replayed(events: list[object]) -> str:
    """The text that somebody sees who only follows the events."""
    text = ""
    for event in events:
        if isinstance(event, TextWritten):
            text += event.text
        elif isinstance(event, StatementChecked):
            text = text[: event.statement.start] + event.text
    return text.strip()


def test_sentences_are_checked_as_they_are_written() -> None:
    events, draft = answer(
        "The dose is “2.5 mg twice a day” [1]. The rent is $9,000 [2]. "
        "“Haemoglobin fell from 13.2 to 11.4 g/dl” [7][1]."
    )
    assert draft.found and draft.removed == 1
    assert replayed(events) == draft.text
    assert [s.status.value for s in draft.statements] == ["verified", "unverified", "verified"]
    assert [draft.text[s.start : s.end] for s in draft.statements] == [
        "The dose is “2.5 mg twice a day” [1].",
        "The rent is $9,000 [2].",
        "“Haemoglobin fell from 13.2 to 11.4 g/dl” [3].",
    ]
    assert draft.statements[1].missing == ("$9,000",)
    assert [c.n for c in draft.citations] == [1, 2, 3]
    checked = [e.citation for e in events if isinstance(e, CitationChecked)]
    assert tuple(checked) == draft.citations
    assert isinstance(events[0], PromptProgress)
    first = next(i for i, e in enumerate(events) if isinstance(e, StatementChecked))
    assert any(isinstance(e, TextWritten) for e in events[first:]), "not all at the end"


def test_a_repair_takes_the_place_of_what_was_written() -> None:
    events, draft = answer("He has “Metformin was continued at 2.5 mg twice a day” [1]. Yes [2].")
    assert "“Metformin is continued at 2.5 mg twice a day” [1]." in draft.text
    assert replayed(events) == draft.text


@pytest.mark.parametrize("said", ["NOT FOUND", " not found.", "NOT FOUND in the passages."])
def test_nothing_found_is_an_answer(said: str) -> None:
    events, draft = answer(said)
    assert not draft.found and not draft.text and not draft.withheld and not draft.citations
    assert not [e for e in events if isinstance(e, TextWritten)]
    assert is_not_found(draft.raw)


def test_words_that_begin_alike_are_shown() -> None:
    events, draft = answer("Not foundational, but “Metformin is continued” [1].")
    assert replayed(events).startswith("Not foundational") and draft.found


def test_what_no_page_supports_is_held_back() -> None:
    _, draft = answer("The rent is $9,000 [2]. He takes 30 mg of morphine [9].")
    assert not draft.found and not draft.text and not draft.citations
    assert "morphine" in draft.withheld and draft.removed == 1


def test_who_stops_reading_stops_the_model() -> None:
    writer = Scripted("The dose is “2.5 mg twice a day” [1]. " * 20)
    stream = WrittenAnswerer(writer).answer(TASK)
    for _ in range(9):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert writer.closed == 1


def test_the_prompt_begins_alike_whatever_is_asked() -> None:
    one, other = build(TASK), build(Task("Who pays rent?", TASK.passages))
    shared = one.messages[1].text
    assert one.messages[0] == other.messages[0]
    at = shared.index("\nQuestion:")
    assert other.messages[1].text[:at] == shared[:at]
    assert one.text[: one.kept_text] == other.text[: other.kept_text]
    assert one.messages[1].text[: one.kept] == shared[:at]


def test_a_conversation_goes_on_after_what_was_read() -> None:
    turn = Turn("What is taken?", (PASSAGES[1],), "Metformin [1].")
    task = Task("And the rent?", [PASSAGES[1], PASSAGES[2]], earlier=(turn,))
    before, after = build(Task(turn.question, [PASSAGES[1]])), build(task)
    assert after.messages[: len(before.messages)] == before.messages
    assert [m.role for m in after.messages] == ["system", "user", "assistant", "user"]
    assert 'n="2"' in after.messages[3].text and 'n="1"' not in after.messages[3].text
    assert after.text.startswith(before.text)
    assert sorted(after.passages) == [1, 2]


def test_only_a_whole_document_is_kept_read() -> None:
    writer = Scripted("NOT FOUND")
    list(WrittenAnswerer(writer).answer(TASK))
    whole = Task(TASK.question, TASK.passages, Mode.WHOLE, owner="document 1")
    list(WrittenAnswerer(writer).answer(whole))
    assert writer.options[0].keep is None
    keep = writer.options[1].keep
    assert keep and keep.owner == "document 1" and keep.message == 1
    kept = writer.messages[1][1].text[: keep.characters]
    assert kept.rstrip().endswith("</passage>") and "Question" not in kept


def test_a_model_without_conversations_goes_on_with_a_text() -> None:
    from dataclasses import replace

    writer = Scripted("“Metformin is continued” [1].", facts=replace(FACTS, chat=False))
    *_, draft = WrittenAnswerer(writer).answer(TASK)
    assert isinstance(draft, Draft) and draft.found
    assert isinstance(writer.messages[0], str) and writer.messages[0].endswith("\nAnswer:")
    assert "\nQuestion:" in writer.options[0].stop


def test_what_wrote_it_is_told() -> None:
    _, draft = answer("“Metformin is continued” [1].")
    assert draft.by.name == "scripted" and draft.by.prompt and draft.by.max_tokens
    assert draft.effort.prompt_tokens and draft.raw == "“Metformin is continued” [1]."
    assert all(c.status is CitationStatus.VERIFIED for c in draft.citations)
