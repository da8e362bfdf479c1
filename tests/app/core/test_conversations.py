"""Conversations of an open library: kept, found, and gone with what they were written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.answers import UnreadablePage
from app.core.conversations import title_of_question
from app.core.records import AnswerRecord, Source
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import StoreError
from tests.app.core.kept import MADE, record


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("record", "letter"):
        (folder / f"{name}.txt").write_text(f"The {name} says that metformin was reduced.")
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as opened:
        list(opened.add([folder], "Matter"))
        yield opened


def made(workspace: Workspace, *names: str, question: str = "Why?", **more: object) -> AnswerRecord:
    documents = {d.name: d for d in workspace.documents("Matter")}
    chosen = [documents[name] for name in names]
    kept = record(
        question, documents=names, document_ids=[d.id for d in chosen], quotes=["q"] * len(names),
        **more,
    )  # fmt: skip
    given = tuple(
        replace(g, content_hash=d.content_hash) for g, d in zip(kept.passages, chosen, strict=True)
    )
    return replace(kept, passages=given)


def test_an_answer_is_kept_and_read_again(workspace: Workspace) -> None:
    asked = made(workspace, "record.txt", question="Why was\nmetformin reduced?")
    kept = workspace.keep_answer(asked)
    answer = replace(asked.answer, conversation=kept.conversation, record=kept.record)
    (document,) = (d for d in workspace.documents("Matter") if d.name == "record.txt")
    sources = (Source(document.id, "record.txt", document.content_hash),)
    assert workspace.record(kept.record) == replace(asked, answer=answer, sources=sources)
    more = workspace.keep_answer(made(workspace, "letter.txt"), kept.conversation)
    assert more.conversation == kept.conversation
    records = workspace.conversation(kept.conversation)
    assert [r.answer.record for r in records] == [kept.record, more.record]
    (info,) = workspace.conversations("Matter")
    assert (info.title, info.exchanges) == ("Why was metformin reduced?", 2)
    assert info == workspace.conversation_info(info.id)
    assert (info.created, info.changed, info.collection) == (MADE, MADE, "Matter")
    workspace.rename_conversation(info.id, "  The dose\nof metformin ")
    assert workspace.conversation_info(info.id).title == "The dose of metformin"
    with pytest.raises(StoreError, match="title"):
        workspace.rename_conversation(info.id, " \n")
    workspace.remove_conversation(info.id)
    assert workspace.conversations("Matter") == []
    with pytest.raises(StoreError, match="not in the library"):
        workspace.record(kept.record)


def test_a_removed_document_leaves_only_the_place_of_its_answers(workspace: Workspace) -> None:
    of_record = workspace.keep_answer(made(workspace, "record.txt", question="Which dose?"))
    number = of_record.conversation
    of_letter = workspace.keep_answer(made(workspace, "letter.txt"), number)
    follow_up = made(workspace, "letter.txt", earlier=(of_record.record,))
    after = workspace.keep_answer(follow_up, number)
    documents = {d.name: d.id for d in workspace.documents("Matter")}
    list(workspace.remove(documents["record.txt"]))
    gone = {e.id: e.record is None for e in workspace.exchanges(number)}
    assert gone == {of_record.record: True, of_letter.record: False, after.record: True}
    assert [r.answer.record for r in workspace.conversation(number)] == [of_letter.record]
    with pytest.raises(StoreError, match="was removed, and the answer with it"):
        workspace.record(after.record)
    assert workspace.conversation_info(number).title == "Which dose?"


def test_unreadable_pages_are_named_as_their_documents_are_now(workspace: Workspace) -> None:
    documents = {d.name: d.id for d in workspace.documents("Matter")}
    asked = made(workspace, "letter.txt")
    pages = tuple(UnreadablePage(documents[n], n, 1, "Faint.") for n in documents)
    kept = workspace.keep_answer(
        replace(asked, answer=replace(asked.answer, unreadable=pages))
    ).record
    assert workspace.record(kept).answer.unreadable == pages
    list(workspace.remove(documents["record.txt"]))
    names = [page.document for page in workspace.record(kept).answer.unreadable]
    assert sorted(names) == ["a document that was removed", "letter.txt"]


def test_a_changed_document_is_told(workspace: Workspace, tmp_path: Path) -> None:
    first = workspace.keep_answer(made(workspace, "record.txt", "letter.txt"))
    found = made(workspace, "record.txt", earlier=(first.record,))
    later = workspace.keep_answer(replace(found, passages=()), first.conversation)
    whole = replace(made(workspace, "record.txt"), passages=(), whole=found.whole)
    read_whole = workspace.keep_answer(replace(whole, whole=(found.passages[0].document_id,)))
    assert workspace.exchange(first.record).changed == ()
    (tmp_path / "files" / "record.txt").write_text("The record says that it was raised.")
    list(workspace.add([tmp_path / "files"], "Matter"))
    assert workspace.exchange(first.record).changed == ("record.txt",)
    assert workspace.exchange(later.record).changed == ("record.txt",)
    assert workspace.exchange(read_whole.record).changed == ("record.txt",)
    follow_up = replace(found, passages=(), earlier=(later.record,))
    after = workspace.keep_answer(follow_up, first.conversation)
    assert workspace.exchange(after.record).changed == ("record.txt",)
    assert workspace.record(first.record).answer.citations


def test_conversations_are_found_by_their_words(workspace: Workspace) -> None:
    workspace.create_collection("Other")
    one = workspace.keep_answer(
        made(workspace, "record.txt", question="Straße und Kündigung?", text="Monthly [1]. " * 40)
    )
    workspace.keep_answer(made(workspace, "record.txt", text="Monthly notice [1]."), 1)
    two = workspace.keep_answer(made(workspace, "letter.txt", question="Who pays rent monthly?"))
    (hit,) = workspace.search_conversations("STRASSE monthly")
    assert (hit.conversation.id, hit.record, hit.matches) == (one.conversation, one.record, 1)
    assert "Straße" in hit.excerpt and len(hit.excerpt) < 200
    hits = workspace.search_conversations("monthly")
    assert {h.conversation.id: h.matches for h in hits} == {1: 2, two.conversation: 1}
    assert workspace.search_conversations("monthly", "Other") == []
    assert workspace.search_conversations("monthly nowhere") == []
    assert workspace.search_conversations("  ") == []
    workspace.rename_conversation(two.conversation, "Lease")
    assert workspace.search_conversations("lease")[0].record == 0


def test_titles_are_one_line() -> None:
    assert title_of_question("Who\x1b[31m pays\x00?\n\n And when? ") == "Who [31m pays ? And when?"
    long = title_of_question("word " * 60)
    assert len(long) <= 80 and long.endswith("word…")
    assert len(title_of_question("租" * 200)) == 80
    assert title_of_question("\n") == ""
