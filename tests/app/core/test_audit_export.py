"""The audit log as JSON Lines and CEF: read back, whatever the entries hold."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.audit_entries import Entry, Wanted, What, entry_fields
from app.core.audit_export import cef_line, in_extension, in_header, json_line
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import IngestError
from tests.app.policed import use_policy

ANY = st.text(st.characters(exclude_categories=("Cs",)))
HOSTILE = st.text(st.sampled_from("ab|\\=\n\r\t\x00\x1b\x85\u2028 é"), max_size=12)
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
ENTRIES = st.builds(
    Entry,
    number=st.integers(1, 10**9),
    time=st.just("2026-11-25T20:39:01.641+00:00"),
    user=HOSTILE | ANY,
    what=st.sampled_from([what.value for what in What]) | HOSTILE,
    detail=st.dictionaries(
        st.sampled_from(["document", "page", "name", "question"]),
        HOSTILE | ANY | st.integers() | st.booleans() | st.lists(st.integers(), max_size=3),
    ),
    mark=st.binary(min_size=32, max_size=32),
)


def read_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """A reader of CEF as SIEMs write it: splits at what is not escaped, then unescapes."""
    *header, extension = _split(line)
    fields = {}
    places = list(re.finditer(r"(?:^|(?<= ))([A-Za-z0-9]+)=", extension))
    for place, following in zip(places, [*places[1:], None], strict=True):
        end = len(extension) if following is None else following.start() - 1
        fields[place[1]] = _unescaped(extension[place.end() : end])
    return [_unescaped(part) for part in header], fields


def _split(line: str) -> list[str]:
    parts, at = [""], 0
    while at < len(line):
        if line[at] == "\\":
            parts[-1] += line[at : at + 2]
            at += 2
        elif line[at] == "|" and len(parts) < 8:
            parts.append("")
            at += 1
        else:
            parts[-1] += line[at]
            at += 1
    return parts


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), text)


def cleaned(text: str) -> str:
    return re.sub(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]", " ", text)


@given(ENTRIES)
def test_a_line_of_cef_is_read_back(entry: Entry) -> None:
    line = cef_line(entry)
    assert not CONTROLS.search(line), "one line, and nothing that steers a terminal"
    header, fields = read_cef(line)
    assert header[:3] == ["CEF:0", "Muniment", "Muniment"] and len(header) == 7
    assert header[4] == " ".join(cleaned(entry.what).splitlines())
    assert 0 <= int(header[6]) <= 10
    assert fields["act"] == cleaned(entry.what)
    assert fields["suser"] == cleaned(entry.user)
    assert (fields["externalId"], fields["cs1"]) == (str(entry.number), entry.mark.hex())
    assert fields["rt"] == "1795639141641"
    if entry.detail:
        told = json.loads(fields["msg"])
        assert told.keys() == entry.detail.keys()


@given(ENTRIES)
def test_a_json_line_is_read_back(entry: Entry) -> None:
    line = json_line(entry)
    assert line.isascii() and not CONTROLS.search(line)
    assert json.loads(line) == entry_fields(entry)


@given(HOSTILE | ANY)
def test_nothing_gets_out_of_its_field(text: str) -> None:
    assert not re.search(r"(?<!\\)(\\\\)*[|]", in_header(text).replace("\\\\", ""))
    assert not re.search(r"(?<!\\)=", in_extension(text).replace("\\\\", ""))
    assert not CONTROLS.search(in_header(text) + in_extension(text))


def entry(number: int, day: int, what: What, **detail: object) -> Entry:
    return Entry(number, f"2026-11-{day:02}T23:59:59.999+00:00", "x", what, detail, bytes(32))


def test_entries_are_chosen_by_day_kind_and_hash() -> None:
    log = [
        entry(1, 1, What.LIBRARY_UNLOCKED),
        entry(2, 2, What.DOCUMENT_ADDED, name_hash="aa"),
        entry(3, 2, What.DOCUMENT_REMOVED, name_hash="bb"),
        entry(4, 3, What.PAGE_VIEWED, document=7),
    ]

    def numbers(wanted: Wanted) -> list[int]:
        return [e.number for e in wanted.of(log)]

    assert numbers(Wanted()) == [1, 2, 3, 4]
    assert numbers(Wanted(since=date(2026, 11, 2))) == [2, 3, 4]
    assert numbers(Wanted(until=date(2026, 11, 2))) == [1, 2, 3]
    assert numbers(Wanted(what="document")) == [2, 3]
    assert numbers(Wanted(what="document.removed")) == [3]
    assert numbers(Wanted(about="aa")) == [2]


def test_the_log_may_be_exported_where_documents_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", "export.allowed = false")
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as workspace:
        target = tmp_path / "log.jsonl"
        assert workspace.export_audit(target, Wanted()) == 3
        assert target.stat().st_mode & 0o777 == 0o600
        lines = [json.loads(line) for line in target.read_text().splitlines()]
        assert [line["what"] for line in lines] == [
            "library.created",
            "policy.changed",
            "library.unlocked",
        ]
        assert list(workspace.audit.entries())[-1].what == What.LOG_EXPORTED
        for path in (target, tmp_path / "log.txt", tmp_path / "library" / "log.cef"):
            with pytest.raises(IngestError):
                workspace.export_audit(path, Wanted())
        workspace.export_audit(target, Wanted(what="log"), replace=True)
