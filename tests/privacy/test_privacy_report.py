"""The privacy report by the real command, and what it finds when promises are broken."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from app.core import offline, privacy
from app.core.components import canonical, components, cyclonedx, watched
from app.core.privacy import Finding, Report, Section, State, make_report, text_of, verdict
from tests.app.program import Program

linux = pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")


def finding(told: dict[str, Any], name: str) -> dict[str, Any]:
    found = [f for s in told["sections"] for f in s["findings"] if f["name"] == name]
    assert found, name
    return found[0]


@linux
def test_the_command_tries_the_network_and_shows_the_refusal(tmp_path: Path) -> None:
    program = Program(tmp_path)
    (tmp_path / "a.txt").write_text("Larkspur pays in May.", encoding="utf-8")
    assert program.run("add", str(tmp_path / "a.txt")).returncode == 0
    told = program.json("privacy", "report")
    assert told["kept"]
    for name in ("Opening an IPv4 socket", "Opening an IPv6 socket", "The same in a child process"):
        found = finding(told, name)
        assert found["state"] == "kept" and "refused by the kernel" in found["detail"]
    assert finding(told, "Library: vault.db")["state"] == "kept"
    assert "Larkspur" not in json.dumps(told)
    names = {component["name"] for component in told["sbom"]["components"]}
    assert {"torch", "lancedb", "pymupdf", "pyside6-essentials"} <= names
    assert not names & {"pytest", "hypothesis", "mypy"}


def test_files_of_every_kind(tmp_path: Path) -> None:
    program = Program(tmp_path)
    for ending in ("pdf", "json", "txt"):
        done = program.run("privacy", "report", str(tmp_path / f"r.{ending}"))
        assert done.returncode == 0, done.stderr
    with pymupdf.open(tmp_path / "r.pdf") as pdf:
        text = "".join(page.get_text() for page in pdf)
    assert "Nothing leaves: tried now" in text and "lancedb" in text
    assert json.loads((tmp_path / "r.json").read_text())["sbom"]["bomFormat"] == "CycloneDX"
    assert (tmp_path / "r.txt").read_text().startswith("Muniment privacy report")
    again = program.run("privacy", "report", str(tmp_path / "r.txt"))
    assert again.returncode == 1 and "there already" in again.stderr
    wrong = program.run("privacy", "report", str(tmp_path / "r.doc"))
    assert wrong.returncode == 1 and ".json" in wrong.stderr


def test_what_is_broken_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "attempts", lambda: [offline.Attempt("a socket", False, "open")])
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("ARROW_TRACING_BACKEND", "otlp_http")
    state = offline.OfflineState(True, False, "a test")
    monkeypatch.setattr(offline, "enforce", lambda: state)
    folder = tmp_path / "library"
    folder.mkdir(mode=0o755)
    (folder / "vault.db").write_bytes(b"x")
    (folder / "vault.db").chmod(0o644)
    report = make_report(folder)
    broken = {f.name for f in report.broken()}
    assert not report.kept
    assert {"Opening a socket", "HF_HUB_OFFLINE", "Variables that would make a library report"} <= (
        broken
    )
    assert {"Library", "Library: vault.db"} <= broken
    assert "Opening a socket" in verdict(report) and "[broken] Opening a socket" in text_of(report)


def test_a_network_library_of_qt_in_memory_is_told() -> None:
    real = Path.read_text
    with pytest.MonkeyPatch.context() as patch:
        maps = "7f00 r-xp /opt/lib/libQt6Network.so.6\n7f01 r-xp /opt/lib/libQt6Core.so.6\n"
        patch.setattr(Path, "read_text", lambda p, **k: maps if p.name == "maps" else real(p, **k))
        assert privacy._network_parts() == ["Qt6Network"]


def test_an_empty_report_can_be_written() -> None:
    made = Report("2026-01-01", (Section("Empty", ()), Section("A", (Finding("b", "c"),))), ())
    assert b"%PDF" in privacy.report_file(made, Path("a.pdf"))[:10]
    broken = replace(made, sections=(Section("A", (Finding("b", "c", State.BROKEN),)),))
    assert verdict(broken) == "Broken: b."


def test_each_watched_library_is_a_component() -> None:
    names = {component.name for component in components()}
    for library in watched():
        assert library.name == canonical(library.name)
        assert library.name in names, f"{library.name} is not part of the program any more"
        assert set(library.can) <= {"network", "telemetry"} and library.can


def test_the_bill_of_materials_refers_only_to_itself() -> None:
    made = cyclonedx(components())
    refs = {c["bom-ref"] for c in made["components"]} | {made["metadata"]["component"]["bom-ref"]}
    for entry in made["dependencies"]:
        assert {entry["ref"], *entry["dependsOn"]} <= refs
    assert len(refs) == len(made["components"]) + 1
    assert cyclonedx(components()) == made
