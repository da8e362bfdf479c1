"""The planner: whatever happened to a folder, the library ends with what lies there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.watching_plan import (
    Change,
    ChangeKind,
    FoundFile,
    KnownFile,
    plan_changes,
)

NAMES = ("a.pdf", "b.pdf", "c.pdf", "sub/a.pdf", "sub/d.pdf")
# Content and time; contents of equal length so that sizes alone do not tell them apart.
files = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from("xyz"), st.integers(0, 2)), max_size=5
)


def as_known(disk: dict[str, tuple[str, int]]) -> list[KnownFile]:
    return [KnownFile(path, 1, content, time) for path, (content, time) in disk.items()]


def as_found(disk: dict[str, tuple[str, int]]) -> list[FoundFile]:
    return [FoundFile(path, 1, time) for path, (_, time) in disk.items()]


def plan(
    before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]
) -> tuple[Change, ...]:
    return plan_changes("c", as_known(before), as_found(after), lambda path: after[path][0]).changes


@given(before=files, after=files)
def test_carrying_out_the_plan_gives_what_lies_there(
    before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]
) -> None:
    # A file with the same size and time counts as unchanged; that is the promise's limit.
    after = {
        path: (before[path][0], time) if path in before and before[path][1] == time else file
        for path, file in after.items()
        for time in (file[1],)
    }
    library = {path: content for path, (content, _) in before.items()}
    for change in plan(before, after):
        match change.kind:
            case ChangeKind.REMOVED:
                del library[change.path]
            case ChangeKind.MOVED:
                library[change.path] = library.pop(change.previous_path)
            case ChangeKind.ADDED | ChangeKind.CHANGED:
                library[change.path] = after[change.path][0]
    assert library == {path: content for path, (content, _) in after.items()}


@given(disk=files)
def test_nothing_to_do_is_nothing(disk: dict[str, tuple[str, int]]) -> None:
    assert plan(disk, disk) == ()


@given(before=files, after=files)
def test_a_second_look_finds_nothing_more(
    before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]
) -> None:
    first = plan_changes("c", as_known(before), as_found(after), lambda path: after[path][0])
    second = plan_changes("c", first.known, as_found(after), lambda path: after[path][0])
    assert second.changes == ()
    assert {file.path for file in first.known} == set(after)


def test_each_kind() -> None:
    before = {"a.pdf": ("x", 0), "b.pdf": ("y", 0), "c.pdf": ("z", 0)}
    after = {"a.pdf": ("w", 1), "sub/b.pdf": ("y", 0), "d.pdf": ("v", 0)}
    assert plan(before, after) == (
        Change(ChangeKind.REMOVED, "c", "c.pdf"),
        Change(ChangeKind.MOVED, "c", "sub/b.pdf", "b.pdf"),
        Change(ChangeKind.CHANGED, "c", "a.pdf"),
        Change(ChangeKind.ADDED, "c", "d.pdf"),
    )


def test_a_touched_file_is_no_change() -> None:
    assert plan({"a.pdf": ("x", 0)}, {"a.pdf": ("x", 5)}) == ()


def test_a_copy_that_stays_inherits_the_document() -> None:
    both = {"a.pdf": ("x", 0), "b.pdf": ("x", 0)}
    assert plan(both, {"b.pdf": ("x", 0)}) == (Change(ChangeKind.MOVED, "c", "b.pdf", "a.pdf"),)


def test_what_cannot_be_read_waits_and_is_not_lost() -> None:
    known = [KnownFile("a.pdf", 1, "x", 0)]
    found = [FoundFile("a.pdf", 2, 1), FoundFile("b.pdf", 1, 0)]
    result = plan_changes("c", known, found, lambda _: None)
    assert result.changes == ()
    assert result.waiting == ("a.pdf", "b.pdf")
    assert result.known == tuple(known)


def test_what_is_kept_stays_though_it_is_gone() -> None:
    known = [KnownFile("a.pdf", 1, "x", 0)]
    assert plan_changes("c", known, [], lambda _: None, keep={"a.pdf"}).changes == ()


def test_without_a_kept_time_the_content_decides() -> None:
    known = [KnownFile("a.pdf", 1, "x")]
    assert plan_changes("c", known, [FoundFile("a.pdf", 1, 7)], lambda _: "x").changes == ()
    changed = plan_changes("c", known, [FoundFile("a.pdf", 1, 7)], lambda _: "y").changes
    assert changed == (Change(ChangeKind.CHANGED, "c", "a.pdf"),)
