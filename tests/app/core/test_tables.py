"""Tables over documents: filled cell by cell, gone on with, outdated, and gone with documents."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.core.answers import CitationStatus, Mode
from app.core.events import Progressed, TextWritten
from app.core.presets import TableError, presets
from app.core.table_records import (
    Cell,
    CellFailed,
    CellFilled,
    CellState,
    TableBegun,
    TableEvent,
    TableField,
    TableFilled,
)
from app.core.tables import MOST_FIELDS
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from app.ui import wire
from engine.errors import EngineStopped
from ingest.errors import StoreError
from tests.app.core.scripted import Scripted, put_in

CONTRACTS = {
    "alpha.txt": "This Agreement is governed by the laws of Norway.\n\n"
    "The initial term of this Agreement is four years.",
    "beta.txt": "This Agreement shall be construed in accordance with the laws of Oregon.",
    "gamma.txt": "The ferry leaves at nine.",
}
FIELDS = (
    TableField("Governing law", "Which law governs the agreement?"),
    TableField("Term", "What is the initial term of the agreement?"),
)
LAW = "Governing law"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    for name, text in CONTRACTS.items():
        (tmp_path / "files" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "files" / name).write_text(text)
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as opened:
        list(opened.add([tmp_path / "files"], "Matter"))
        yield opened


def fill(workspace: Workspace, table: int | str = "Clauses", **how: object) -> list[TableEvent]:
    if isinstance(table, str):
        how = {"collection": "Matter", "fields": FIELDS, **how}
    return list(workspace.fill_table(table, **how))  # type: ignore[arg-type]


def cells(workspace: Workspace, table: int = 1) -> dict[tuple[str, str], Cell | None]:
    whole = workspace.table(table)
    return {
        (row.document, field.name): cell
        for row in whole.rows
        for field, cell in zip(whole.info.fields, row.cells, strict=True)
    }


def test_every_document_is_asked_every_question(workspace: Workspace) -> None:
    events = fill(workspace)
    assert isinstance(events[0], TableBegun) and events[0].table.missing == 6
    told = [(e.document, e.field) for e in events if isinstance(e, CellFilled)]
    assert told == [(name, field) for name in CONTRACTS for field in (0, 1)]
    last = [e for e in events if isinstance(e, Progressed)][-1]
    assert last == Progressed("Clauses", 6, 6)
    assert events[-1] == TableFilled(1, 3, 3, 0, 0)
    found = cells(workspace)
    law = found["beta.txt", LAW]
    assert law and law.value == CONTRACTS["beta.txt"] and law.state is CellState.VERIFIED
    assert law.citations[0].page == 1 and law.citations[0].boxes
    assert law.citations[0].document == "beta.txt"
    nothing = found["gamma.txt", "Term"]
    assert nothing and nothing.state is CellState.NOT_FOUND and nothing.value == ""
    assert nothing.answer.searched.documents == 1
    assert workspace.conversations("Matter") == [], "cells are no conversation"
    (info,) = workspace.tables("Matter")
    assert (info.rows, info.cells, info.missing, info.outdated) == (3, 6, 0, 0)
    assert info.fields == FIELDS and info.documents is None and info.mode is Mode.AUTO
    for event in events:
        assert wire.loads(pickle.dumps(event)) == event
    whole = workspace.table(1)
    assert wire.loads(pickle.dumps(whole)) == whole


def test_who_stops_keeps_what_was_told(workspace: Workspace) -> None:
    told: list[CellFilled] = []
    with closing(workspace.fill_table("Clauses", "Matter", FIELDS)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, CellFilled):
                told.append(event)
            if len(told) == 3:
                break
    assert workspace.table_info(1).missing == 3
    before = {key: cell for key, cell in cells(workspace).items() if cell}
    assert list(before.values()) == [event.cell for event in told]
    events = fill(workspace, 1)
    assert events[-1] == TableFilled(1, 0, 3, 0, 3)
    assert sum(isinstance(event, CellFilled) for event in events) == 3
    after = cells(workspace)
    assert all(after[key] == cell for key, cell in before.items())
    assert fill(workspace, 1)[-1] == TableFilled(1, 0, 0, 0, 6)


def test_new_changed_and_removed_documents(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace)
    (tmp_path / "files" / "delta.txt").write_text("The laws of Chile govern this Agreement.")
    (tmp_path / "files" / "beta.txt").write_text("The laws of Peru govern this Agreement.")
    list(workspace.add([tmp_path / "files"], "Matter"))
    (gamma,) = (d.id for d in workspace.documents("Matter") if d.name == "gamma.txt")
    list(workspace.remove(gamma))
    info = workspace.table_info(1)
    assert (info.rows, info.missing, info.outdated) == (3, 2, 2)
    (beta,) = (row for row in workspace.table(1).rows if row.document == "beta.txt")
    assert beta.outdated(0) and "Oregon" in str(beta.cells[0])
    asked = [e.document for e in fill(workspace, 1) if isinstance(e, CellFilled)]
    assert asked == ["beta.txt", "beta.txt", "delta.txt", "delta.txt"]
    found = cells(workspace)
    assert "Peru" in found["beta.txt", LAW].value and "Chile" in found["delta.txt", LAW].value
    assert not any(name == "gamma.txt" for name, _ in found)
    info = workspace.table_info(1)
    assert (info.missing, info.outdated) == (0, 0)


def test_a_document_that_goes_meanwhile_is_left_out(workspace: Workspace) -> None:
    documents = {d.name: d.id for d in workspace.documents("Matter")}
    for event in workspace.fill_table("Clauses", "Matter", FIELDS):
        if isinstance(event, CellFilled) and event.document == "alpha.txt" and event.field == 0:
            list(workspace.remove(documents["alpha.txt"]))
            list(workspace.remove(documents["gamma.txt"]))
    assert event == TableFilled(1, 2, 1, 0, 0)
    assert {name for name, _ in cells(workspace)} == {"beta.txt"}


def test_only_the_documents_named(workspace: Workspace, tmp_path: Path) -> None:
    documents = {d.name: d.id for d in workspace.documents("Matter")}
    chosen = [documents["beta.txt"]]
    assert fill(workspace, documents=chosen)[-1] == TableFilled(1, 1, 1, 0, 0)
    (tmp_path / "files" / "delta.txt").write_text("More.")
    list(workspace.add([tmp_path / "files"], "Matter"))
    info = workspace.table_info(1)
    assert (info.documents, info.rows, info.missing) == (tuple(chosen), 1, 0)
    workspace.create_collection("Other")
    with pytest.raises(StoreError, match="not in the collection Other"):
        workspace.new_table("Clauses", "Other", FIELDS, documents=chosen)


def test_tables_are_listed_and_removed(workspace: Workspace) -> None:
    made = workspace.new_table("Clauses\n of all", "Matter", "contracts")
    assert made.title == "Clauses of all" and len(made.fields) == 8
    other = workspace.new_table("Law", "Matter", FIELDS[:1])
    assert workspace.tables("Matter") == [made, other]
    workspace.remove_table(made.id)
    assert workspace.tables("Matter") == [other]
    with pytest.raises(StoreError, match="not in the library"):
        workspace.table(made.id)
    workspace.remove_collection("Matter")
    with pytest.raises(StoreError, match="not in the library"):
        list(workspace.fill_table(other.id))


@pytest.mark.parametrize(
    ("title", "fields", "cause"),
    [
        ("T", (), "0 fields"),
        ("T", [TableField(f"{n}", "Who?") for n in range(MOST_FIELDS + 1)], "41 fields"),
        ("T", [TableField("Law", " ")], "a name and a question"),
        ("T", [TableField("Law", "Which?"), TableField("LAW ", "Whose?")], "two of the name"),
        ("T", "no such preset", "no such preset"),
        (" \n", FIELDS, "title has words"),
        ("Taken", FIELDS, "resume 1"),
    ],
)
def test_what_is_no_table_is_told(
    workspace: Workspace, title: str, fields: object, cause: str
) -> None:
    workspace.new_table("Taken", "Matter", FIELDS)
    with pytest.raises(TableError, match=cause):
        workspace.new_table(title, "Matter", fields)  # type: ignore[arg-type]
    assert len(workspace.tables("Matter")) == 1


def test_a_model_writes_the_cells(workspace: Workspace) -> None:
    writer = Scripted(
        "It is “governed by the laws of Norway” [1]. It lasts 99 years [1].",
        "NOT FOUND",
    )
    put_in(workspace, writer)
    documents = [d.id for d in workspace.documents("Matter") if d.name == "alpha.txt"]
    events = fill(workspace, documents=documents)
    assert events[-1] == TableFilled(1, 1, 1, 0, 0)
    found = cells(workspace)
    law, term = found["alpha.txt", LAW], found["alpha.txt", "Term"]
    assert law and term
    assert law.value == "It is “governed by the laws of Norway”. It lasts 99 years."
    assert law.state is CellState.UNVERIFIED, "the weakest of its sentences"
    assert law.citations[0].status is CitationStatus.VERIFIED
    assert law.answer.by.name == "scripted" and term.state is CellState.NOT_FOUND
    assert all("beta" not in prompt for prompt in writer.prompts)


def test_who_stops_stops_the_model(workspace: Workspace) -> None:
    writer = Scripted("It is “governed by the laws of Norway” [1]. " * 9)
    put_in(workspace, writer)
    with closing(workspace.fill_table("Clauses", "Matter", FIELDS)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, TextWritten):
                break
    assert writer.closed == 1
    assert workspace.table_info(1).missing == 6


class Stopping(Scripted):
    """Its process ends when it is asked the questions of these numbers."""

    def __init__(self, *numbers: int) -> None:
        super().__init__("“the laws of” [1].")
        self._asked, self._numbers = 0, numbers

    def generate(self, prompt, options):  # type: ignore[no-untyped-def]
        self._asked += 1
        if self._asked in self._numbers:
            raise EngineStopped("The model", "Its process ended.", "Ask again.")
        return super().generate(prompt, options)


def test_a_cell_that_fails_stays_missing(workspace: Workspace) -> None:
    put_in(workspace, Stopping(2, 4))
    events = fill(workspace)
    failed = [(e.document, e.field, e.cause) for e in events if isinstance(e, CellFailed)]
    assert failed == [(name, 1, "Its process ended.") for name in ("alpha.txt", "beta.txt")]
    assert isinstance(events[-1], TableFilled) and events[-1].failed == 2
    assert workspace.table_info(1).missing == 2
    put_in(workspace, Stopping())
    assert sum(isinstance(e, CellFilled) for e in fill(workspace, 1)) == 2


def test_an_engine_that_keeps_failing_ends_it(workspace: Workspace) -> None:
    put_in(workspace, Stopping(2, 3))
    with pytest.raises(EngineStopped):
        fill(workspace)
    assert workspace.table_info(1).missing == 5


def test_the_presets_are_tables() -> None:
    found = {preset.name: preset for preset in presets()}
    assert set(found) == {"clinical", "contracts"}
    for preset in found.values():
        names = [field.name for field in preset.fields]
        assert len(set(names)) == len(names) == 8
        assert all(field.question.endswith("?") for field in preset.fields)
