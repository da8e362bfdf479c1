"""What the program's own code may not do: read from its source, so that nobody adds it unseen."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from app.core.locations import resources_folder

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(f for part in ("app", "engine", "ingest") for f in (ROOT / part).rglob("*.py"))

# Modules whose purpose is another machine, or a program that reaches one.
NETWORK = {
    "aiohttp", "asyncore", "ftplib", "http", "httpx", "imaplib", "nntplib", "poplib", "requests",
    "smtplib", "socketserver", "ssl", "telnetlib", "urllib3", "webbrowser", "xmlrpc",
    "urllib.request", "PySide6.QtNetwork", "PySide6.QtWebEngineCore", "PySide6.QtWebEngineWidgets",
    "PySide6.QtWebSockets", "PySide6.QtWebChannel", "PySide6.QtWebView",
}  # fmt: skip
# What opens a link or a file in another program.
OPENERS = {"QDesktopServices", "openUrl", "startfile"}
# Functions of libraries that would fetch what is missing.
FETCHERS = {"hf_hub_download", "snapshot_download", "load_dataset", "urlretrieve"}


def imported(tree: ast.AST) -> set[str]:
    """The modules that a file imports, ``a.b`` also for ``from a import b``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def names_in(tree: ast.AST) -> set[str]:
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    } | {name.rpartition(".")[2] for name in imported(tree)}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_our_code_has_no_way_out(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules = imported(tree)
    reached = {m for m in modules if m in NETWORK or m.partition(".")[0] in NETWORK}
    assert not reached, f"{file} imports {reached}"
    used = names_in(tree) & (OPENERS | FETCHERS)
    assert not used, f"{file} uses {used}"


def test_links_in_texts_are_never_opened_by_qt() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"setOpen(External)?Links\(\s*True", text), file
        if "QTextBrowser" in text:
            assert "setOpenLinks(False)" in text and "setOpenExternalLinks(False)" in text, file


def test_models_are_loaded_from_folders_only() -> None:
    """Each `from_pretrained` is told that there is no hub; the guard would refuse it anyway."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "from_pretrained":
                told = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert told.get("local_files_only") == "True", f"{file}: {ast.unparse(node)}"
                assert "trust_remote_code" not in told, f"{file}: {ast.unparse(node)}"


def test_resources_name_no_server() -> None:
    """No file that comes with the program holds an address that something might open."""
    known = {"www.w3.org", "www.gnu.org"}
    for file in sorted(resources_folder().rglob("*")):
        if file.is_file() and file.suffix in {".json", ".toml", ".svg", ".txt", ".md", ".html"}:
            hosts = set(re.findall(r"https?://([\w.-]+)", file.read_text(encoding="utf-8")))
            assert hosts <= known, f"{file}: {hosts}"


def test_the_standard_library_list_is_current() -> None:
    """A name that is misspelt above would forbid nothing."""
    gone = {"asyncore", "nntplib", "telnetlib"}  # with Python 3.12 and 3.13
    ours = {name for name in NETWORK if "." not in name} - {
        "aiohttp",
        "httpx",
        "requests",
        "urllib3",
    }
    assert ours - gone <= set(sys.stdlib_module_names)
