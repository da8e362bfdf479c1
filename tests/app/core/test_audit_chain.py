"""Any single change to the rows of an audit log is found, and the first wrong entry is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.audit import Audit
from app.core.audit_chain import AuditKeys, Head, Problem, head_problem, problems_of
from app.core.audit_entries import What
from ingest.errors import IngestError
from ingest.records import AuditRow
from ingest.store import Store

KEY = bytes(range(32))
KEYS = AuditKeys(KEY)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
TEXTS = ("time", "user", "what", "detail")


@dataclass(frozen=True)
class Log:
    """Rows as they lie in the table, and the head that was kept beside it."""

    rows: tuple[AuditRow, ...]
    head: Head

    def problems(self, rows: list[AuditRow]) -> list[Problem]:
        by_number = {row.number: row for row in rows}
        count = rows[-1].number if rows else 0
        at_head = head_problem(self.head, by_number.get(self.head.count), count)
        return [*problems_of(rows, KEYS), *([at_head] if at_head else [])]


@st.composite
def logs(draw: st.DrawFn) -> Log:
    rows: list[AuditRow] = []
    before = KEYS.start
    for number in range(1, draw(st.integers(2, 12)) + 1):
        row = AuditRow(number, draw(TEXT), draw(TEXT), draw(TEXT), draw(TEXT), b"")
        rows.append(row._replace(mark=KEYS.mark(before, row)))
        before = rows[-1].mark
    return Log(tuple(rows), Head(len(rows), before))


@given(logs())
def test_a_whole_log_has_no_problem(log: Log) -> None:
    assert log.problems(list(log.rows)) == []


@given(logs(), st.data())
def test_an_edited_field_is_found(log: Log, data: st.DataObject) -> None:
    rows = list(log.rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from([*TEXTS, "mark"]))
    was = getattr(rows[at], field)
    other = st.binary(max_size=40) if field == "mark" else TEXT
    rows[at] = rows[at]._replace(**{field: data.draw(other.filter(lambda new: new != was))})
    assert log.problems(rows)[0].entry == at + 1


@given(logs(), st.data())
def test_text_moved_from_one_field_to_the_next_is_found(log: Log, data: st.DataObject) -> None:
    rows = list(log.rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    joined = rows[at].user + rows[at].what
    cut = data.draw(st.integers(0, len(joined)))
    rows[at] = rows[at]._replace(user=joined[:cut], what=joined[cut:])
    if rows[at] != log.rows[at]:
        assert log.problems(rows)[0].entry == at + 1


@given(logs(), st.data())
def test_a_dropped_entry_is_found(log: Log, data: st.DataObject) -> None:
    rows = list(log.rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    del rows[at]
    assert log.problems(rows)[0].entry == at + 1
    renumbered = [row._replace(number=n) for n, row in enumerate(rows, start=1)]
    assert log.problems(renumbered)[0].entry == at + 1


@given(logs(), st.data())
def test_swapped_entries_are_found(log: Log, data: st.DataObject) -> None:
    rows = list(log.rows)
    one, other = sorted(data.draw(st.permutations(range(len(rows))))[:2])
    rows[one], rows[other] = (
        rows[other]._replace(number=one + 1),
        rows[one]._replace(number=other + 1),
    )
    assert log.problems(rows)[0].entry == one + 1


@given(logs(), st.data())
def test_a_duplicate_is_found(log: Log, data: st.DataObject) -> None:
    rows = list(log.rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    rows.insert(at + 1, rows[at])
    assert log.problems(rows)[0].entry == at + 1
    renumbered = [row._replace(number=n) for n, row in enumerate(rows, start=1)]
    assert log.problems(renumbered)[0].entry == at + 2


@given(logs(), st.data())
def test_an_end_cut_off_is_found(log: Log, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(log.rows) - 1))
    (problem,) = log.problems(list(log.rows[:kept]))
    assert problem.entry == kept + 1 and "cut off" in problem.cause


@given(logs(), TEXT)
def test_who_lacks_the_key_can_add_nothing(log: Log, text: str) -> None:
    other = AuditKeys(bytes(32))
    row = AuditRow(len(log.rows) + 1, text, text, text, text, b"")
    forged = row._replace(mark=other.mark(log.head.mark, row))
    assert log.problems([*log.rows, forged])[0].entry == forged.number


def test_a_head_is_read_as_it_is_printed() -> None:
    head = Head(57, bytes(range(32)))
    assert Head.parse(f" {str(head).upper()}\n") == head
    for text in ("", "57", "57:", f"x:{'0' * 64}", f"57:{'0' * 63}", f"-1:{'0' * 64}"):
        with pytest.raises(IngestError, match="audit head"):
            Head.parse(text)


# The same in the vault itself, by somebody who has its key and takes the triggers away

MUTATIONS = {
    "edit": ("UPDATE audit SET {field} = CAST({field} || 'x' AS {kind}) WHERE number = {n}", 0),
    "broken text": ("UPDATE audit SET user = CAST(x'ff' AS TEXT) WHERE number = {n}", 0),
    "drop": ("DELETE FROM audit WHERE number = {n}", 0),
    "cut": ("DELETE FROM audit WHERE number >= {n}", 0),
    "move": ("UPDATE audit SET number = number + 1000 WHERE number = {n}", 0),
    "insert": (
        "UPDATE audit SET number = number + 100 WHERE number > {n};"
        "INSERT INTO audit SELECT {n} + 1, time, user, what, detail, mark FROM audit "
        "WHERE number = {n};"
        "UPDATE audit SET number = number - 99 WHERE number > {n} + 99",
        1,
    ),
    "swap": (
        "UPDATE audit SET number = -1 WHERE number = {n};"
        "UPDATE audit SET number = {n} WHERE number = {n} + 1;"
        "UPDATE audit SET number = {n} + 1 WHERE number = -1",
        0,
    ),
}
ENTRIES = 8


@pytest.mark.parametrize("how", MUTATIONS)
@settings(max_examples=6, deadline=None)
@given(n=st.integers(1, ENTRIES - 1), field=st.sampled_from([*TEXTS, "mark"]))
def test_what_is_done_to_the_table_is_found(
    tmp_path_factory: pytest.TempPathFactory, how: str, n: int, field: str
) -> None:
    folder = tmp_path_factory.mktemp("library")
    store = Store(folder, KEY)
    try:
        audit = Audit(folder, KEY, store)
        for number in range(ENTRIES):
            audit.record(What.PAGE_VIEWED, document=number, page=1)
        assert audit.verify().problems == ()
        statements, shift = MUTATIONS[how]
        with store._database.writing() as connection:
            for trigger in ("is_not_edited", "is_not_cut", "is_added_to_at_its_end"):
                connection.execute(f"DROP TRIGGER audit_{trigger}")
            kind = "BLOB" if field == "mark" else "TEXT"
            connection.execute(statements.format(n=n, field=field, kind=kind))
        assert audit.verify().problems[0].entry == n + shift
    finally:
        store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET user = 'nobody' WHERE number = 1",
        "DELETE FROM audit WHERE number = 3",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 2, time, user, what, detail, mark FROM audit "
        "WHERE number = 1",
        "REPLACE INTO audit SELECT 3, time, user, what, detail, mark FROM audit WHERE number = 1",
        "INSERT INTO audit SELECT 9, time, user, what, detail, mark FROM audit WHERE number = 1",
        "INSERT INTO audit SELECT NULL, time, user, what, detail, mark FROM audit "
        "WHERE number = 1 AND 0 OR number = 1",
    ],
)
def test_the_table_refuses_changes(tmp_path: Path, statement: str) -> None:
    store = Store(tmp_path, KEY)
    audit = Audit(tmp_path, KEY, store)
    for _ in range(3):
        audit.record(What.LIBRARY_LOCKED)
    with pytest.raises(Exception, match="audit log"), store._database.writing() as connection:
        connection.execute(statement)
    assert audit.verify().problems == () and audit.head.count == 3
    store.close()
