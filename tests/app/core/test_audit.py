"""What a library's audit log records, when, and what it tells after somebody tampered with it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pytest

from app.core import audit_files
from app.core.audit import Audit, opened
from app.core.audit_entries import Entry, What
from app.core.audit_files import HEAD_FILE, PENDING_FILE
from app.core.policy import PolicyForbids
from app.core.vault import KeyFile, Passphrase, open_keys
from app.core.workspace import Workspace
from ingest.errors import StoreFull, StoreReadOnly, WrongKey
from ingest.store import Store
from tests.app.policed import use_policy

KEY = bytes(range(32))
LAW = "This Agreement is governed by the law of Norway."


def pdf(path: Path, text: str = LAW) -> Path:
    document = pymupdf.open()
    document.new_page().insert_textbox(pymupdf.Rect(72, 72, 500, 700), text, fontsize=11)
    document.save(path)
    return path


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "key")


def library(tmp_path: Path, key: KeyFile) -> Workspace:
    return Workspace.open(tmp_path / "library", key, create=True)


def told(workspace: Workspace, what: What) -> list[Entry]:
    return [entry for entry in workspace.audit.entries() if entry.what == what]


def kinds(workspace: Workspace) -> list[str]:
    return [entry.what for entry in workspace.audit.entries()]


def test_what_is_done_is_recorded_without_names(tmp_path: Path, key: KeyFile) -> None:
    with library(tmp_path, key) as workspace:
        list(workspace.add([pdf(tmp_path / "secret name.pdf")], "Patient Jones"))
        (document,) = workspace.documents("Patient Jones")
        *_, answer = workspace.ask("Which law governs the agreement?", "Patient Jones")
        workspace.search("law of Norway", "Patient Jones")
        workspace.render_page(document.id, 1, dpi=36)
        workspace.render_page(document.id, 1, dpi=72)  # zooming is no other view
        workspace.exchanges(answer.conversation)
        workspace.export_answer(answer.record, tmp_path / "answer.md")
        workspace.export_page(document.id, 1, tmp_path / "page.png", dpi=36)
        workspace.follow("Patient Jones", str(tmp_path / "watched"))
        workspace.unfollow("Patient Jones", str(tmp_path / "watched"))
        workspace.rename_collection(workspace.collections()[0].id, "Patient J.")
        list(workspace.remove(document.id))
        workspace.remove_collection("Patient J.")
        assert kinds(workspace) == [
            What.LIBRARY_CREATED,
            What.LIBRARY_UNLOCKED,
            What.COLLECTION_CREATED,
            What.DOCUMENT_ADDED,
            What.QUESTION_ASKED,
            What.SEARCH_MADE,
            What.PAGE_VIEWED,
            What.CONVERSATION_READ,
            What.EXPORT_WRITTEN,
            What.EXPORT_WRITTEN,
            What.FOLDER_FOLLOWED,
            What.FOLDER_UNFOLLOWED,
            What.COLLECTION_RENAMED,
            What.DOCUMENT_REMOVED,
            What.COLLECTION_REMOVED,
        ]
        entries = list(workspace.audit.entries())
        assert entries[3].detail == {
            "document": document.id,
            "collection": 1,
            "name_hash": workspace.audit.hash_of("secret name.pdf"),
        }
        assert entries[4].detail["question_hash"] == workspace.audit.hash_of(
            "Which law governs the agreement?"
        )
        assert entries[6].detail == {"document": document.id, "page": 1}
        assert entries[13].detail["document"] == document.id
        shown = repr(entries)
        for secret in ("secret", "Jones", "law", "answer.md", "watched", str(tmp_path)):
            assert secret not in shown
        assert {entry.user for entry in entries} == {workspace.audit._user}
        assert str(os.getuid()) in entries[0].user
        assert [entry.time for entry in entries] == sorted(entry.time for entry in entries)
        assert workspace.audit.verify().problems == ()
    with library(tmp_path, key) as workspace:
        assert kinds(workspace)[-2:] == [What.LIBRARY_LOCKED, What.LIBRARY_UNLOCKED]


@pytest.mark.parametrize(("detail", "kept"), [("none", set()), ("hash", {"question_hash"}),
                                              ("text", {"question_hash", "question"})])  # fmt: skip
def test_the_policy_says_how_much_of_a_question_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detail: str, kept: set[str]
) -> None:
    text = f'[audit]\nquestion = "{detail}"\nnames = true\n'
    use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", text)
    store = Store(tmp_path, KEY)
    audit = Audit(tmp_path, KEY, store)
    assert audit.asked("Why?").keys() == kept
    assert audit.named("a.pdf")["name"] == "a.pdf"
    store.close()


def test_a_document_and_its_entry_are_stored_together_or_not_at_all(
    tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library(tmp_path, key) as workspace:
        list(workspace.add([pdf(tmp_path / "a.pdf")], "Matter"))
        (document,) = workspace.documents("Matter")
        before = workspace.audit.head

        def fails(*_: object) -> None:
            raise StoreFull("vault", "The disk is full.", "Free some.")

        with monkeypatch.context() as patch:
            patch.setattr(workspace._store, "add_audit_row", fails)
            with pytest.raises(StoreFull):
                list(workspace.remove(document.id))
            with pytest.raises(StoreFull):
                list(workspace.add([pdf(tmp_path / "b.pdf", "Another text.")], "Matter"))
        assert [d.name for d in workspace.documents("Matter")] == ["a.pdf"]
        with monkeypatch.context() as patch:
            patch.setattr(workspace._store, "remove", fails)
            with pytest.raises(StoreFull):
                list(workspace.remove(document.id))
        assert workspace.audit.head == before


def test_what_could_not_be_recorded_is_told_by_the_next_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, KEY)
    audit = Audit(tmp_path, KEY, store)
    audit.record(What.LIBRARY_UNLOCKED)

    def fails(*_: object) -> None:
        raise StoreFull("vault", "The disk is full.", "Free some.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_audit_row", fails)
        audit.record(What.SEARCH_MADE)
        audit.record(What.SEARCH_MADE)
        use_policy(patch, tmp_path / "etc" / "policy.toml", "[audit]\nrequired = true\n")
        with pytest.raises(PolicyForbids, match="everything is recorded"):
            audit.record(What.SEARCH_MADE)
    audit.record(What.PAGE_VIEWED)
    audit.record(What.PAGE_VIEWED)
    assert [(e.what, e.detail) for e in audit.entries()][1:] == [
        (What.LOG_GAP, {"entries": 2}),
        (What.PAGE_VIEWED, {}),
        (What.PAGE_VIEWED, {}),
    ]
    store.close()


def test_a_library_that_cannot_be_written_is_read_unless_a_record_is_required(
    tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(tmp_path, key).close()

    def read_only(folder: Path, data_key: bytes, *, cipher: str) -> Store:
        return Store(folder, data_key, cipher=cipher, read_only=True)

    monkeypatch.setattr("app.core.workspace.Store", read_only)
    with library(tmp_path, key) as workspace:
        assert workspace.collections() == []
        with pytest.raises(StoreReadOnly):
            workspace.create_collection("Matter")
    use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", "[audit]\nrequired = true\n")
    with pytest.raises(PolicyForbids, match="cannot be written"):
        library(tmp_path, key)


# Failed unlocks


def test_failed_unlocks_are_taken_in_at_the_next_one(tmp_path: Path, key: KeyFile) -> None:
    library(tmp_path, key).close()
    wrong = KeyFile(tmp_path / "wrong")
    wrong.path.write_text("00" * 32)
    folder = tmp_path / "library"
    with pytest.raises(WrongKey):
        Workspace.open(folder, wrong)
    with pytest.raises(Exception, match="not protected by a passphrase"):
        Workspace.open(folder, Passphrase("a guess at it"))
    assert "guess" not in (folder / PENDING_FILE).read_text()
    assert (folder / PENDING_FILE).stat().st_mode & 0o777 == 0o600
    with library(tmp_path, key) as workspace:
        first, second = told(workspace, What.UNLOCK_FAILED)
        assert (first.detail["protector"], first.detail["error"]) == ("keyfile", "WrongKey")
        assert (second.detail["protector"], second.detail["error"]) == ("passphrase", "KeysMissing")
        assert first.detail["by"] == first.user and first.detail["unverified"] is True
    assert not [path for path in folder.iterdir() if "pending" in path.name]
    with library(tmp_path, key) as workspace:
        assert len(told(workspace, What.UNLOCK_FAILED)) == 2


def test_floods_and_rubbish_in_the_pending_file_are_bounded(tmp_path: Path, key: KeyFile) -> None:
    library(tmp_path, key).close()
    folder = tmp_path / "library"
    attempt = audit_files.FailedUnlock("2026-01-01", "x", "passphrase", "WrongKey")
    for _ in range(1000):
        audit_files.note_failed_unlock(folder, attempt)
    assert (folder / PENDING_FILE).stat().st_size < 40_000
    with library(tmp_path, key) as workspace:
        *listed, rest = told(workspace, What.UNLOCK_FAILED)
        assert len(listed) + rest.detail["more"] == 1000 and len(listed) < 500
    lines = [b"\xff\xfe{", b'{"time": 1}', json.dumps(["x"]).encode(), b"[" * 50_000, b"\n"]
    (folder / PENDING_FILE).write_bytes(b"\n".join(lines) * 3)
    with library(tmp_path, key) as workspace:
        last = told(workspace, What.UNLOCK_FAILED)[-1]
        assert last.detail["unreadable"] > 0 and last.detail["unverified"] is True
        assert workspace.audit.verify().problems == ()


def test_a_crash_while_they_are_taken_in_loses_none(
    tmp_path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(tmp_path, key).close()
    folder = tmp_path / "library"
    attempt = audit_files.FailedUnlock("2026-01-01", "x", "passphrase", "WrongKey")
    audit_files.note_failed_unlock(folder, attempt)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Audit, "_add", crash)
        with pytest.raises(KeyboardInterrupt):
            library(tmp_path, key)
    audit_files.note_failed_unlock(folder, attempt)
    for expected in (1, 2):
        with library(tmp_path, key) as workspace:
            assert len(told(workspace, What.UNLOCK_FAILED)) == expected


# The head beside the vault


@pytest.fixture
def folder(tmp_path: Path, key: KeyFile) -> Iterator[Path]:
    for _ in range(3):
        library(tmp_path, key).close()
    yield tmp_path / "library"


def problems(folder: Path, key: KeyFile, expect: object = None) -> list[str]:
    with Workspace.open(folder, key) as workspace:
        verdict = workspace.audit.verify(expect)  # type: ignore[arg-type]
        return [f"{problem.entry}: {problem.cause}" for problem in verdict.problems]


def test_an_untouched_library_has_no_problem(folder: Path, key: KeyFile) -> None:
    assert problems(folder, key) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "missing"),
        (b"", "damaged"),
        (b'{"version": 1, "count": 1, "mark": "00", "seal": "00"}', "damaged"),
        (b'{"version": 2}', "another version"),
    ],
)
def test_a_head_that_was_tampered_with_is_told(
    folder: Path, key: KeyFile, content: bytes | None, told: str
) -> None:
    if content is None:
        (folder / HEAD_FILE).unlink()
    else:
        (folder / HEAD_FILE).write_bytes(content)
    (found,) = problems(folder, key)
    assert told in found
    assert problems(folder, key) == [found], "it stays told"


def test_a_forged_head_is_told(folder: Path, key: KeyFile) -> None:
    record = json.loads((folder / HEAD_FILE).read_text())
    record["count"] -= 1
    (folder / HEAD_FILE).write_text(json.dumps(record))
    (found,) = problems(folder, key)
    assert "not written by this library" in found


@pytest.mark.parametrize("least", [1, 3])
def test_entries_cut_off_the_end_are_told(folder: Path, key: KeyFile, least: int) -> None:
    store = Store(folder, open_keys(folder, key))
    with store._database.writing() as connection:
        connection.execute("DROP TRIGGER audit_is_not_cut")
        connection.execute("DELETE FROM audit WHERE number >= ?", (least,))
    store.close()
    (found,) = problems(folder, key)
    assert "ends after entry" in found and "cut off" in found


def test_an_older_copy_of_everything_is_told_by_a_head_kept_elsewhere(
    folder: Path, key: KeyFile
) -> None:
    older = {path.name: path.read_bytes() for path in folder.iterdir()}
    with Workspace.open(folder, key) as workspace:
        workspace.create_collection("Matter")
        kept = workspace.audit.head
    assert problems(folder, key, kept) == []
    for name, content in older.items():
        (folder / name).write_bytes(content)
    assert problems(folder, key) == [], "the copy is whole in itself"
    (folder / "vault.db").write_bytes(older["vault.db"])
    (folder / HEAD_FILE).write_bytes(older[HEAD_FILE])
    (found,) = problems(folder, key, kept)
    assert found.startswith(f"{kept.count}: ") or "ends after entry" in found


def test_keys_backups_and_restores_have_entries(folder: Path, key: KeyFile) -> None:
    data_key = open_keys(folder, key)
    (folder / HEAD_FILE).unlink()
    with opened(folder, data_key) as audit:
        audit.restored(Path("/media/stick/library.bak"))
        audit.keys_changed("added", "passphrase")
        audit.backed_up(Path("/media/stick/again.bak"))
        last = list(audit.entries())[-3:]
    assert [entry.what for entry in last] == ["backup.restored", "keys.changed", "backup.made"]
    assert last[0].detail["entries"] == last[0].number - 1
    assert last[1].detail == {"action": "added", "protector": "passphrase"}
    assert problems(folder, key) == []


def test_a_changed_policy_is_an_entry(
    folder: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", "[export]\nallowed = false\n")
    for _ in range(2):
        with Workspace.open(folder, key) as workspace:
            (entry,) = told(workspace, What.POLICY_CHANGED)
            assert entry.detail == {"before": {}, "after": {"export.allowed": False}}
    place.unlink()
    with Workspace.open(folder, key) as workspace:
        assert told(workspace, What.POLICY_CHANGED)[1].detail["after"] == {}


def test_a_library_of_the_fourth_format_begins_a_log(tmp_path: Path, key: KeyFile) -> None:
    from app.core.vault import create_keys
    from tests.ingest.older import older

    folder = tmp_path / "library"
    data_key = create_keys(folder, key)
    with older(folder, data_key, 4) as old:
        old.collection("Matter")
    with Workspace.open(folder, key) as workspace:
        assert kinds(workspace) == [What.LOG_BEGUN, What.LIBRARY_UNLOCKED]
        assert workspace.audit.verify().problems == ()
