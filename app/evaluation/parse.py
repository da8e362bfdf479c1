"""``eval parse``: does the text of a page hold what it should, in order, and its tables' cells?

The folder holds ``tests.jsonl`` and ``pdfs/``. The checks and their rules are those of
olmOCR-bench (Allen Institute for AI): text has to be found exactly, but for white space and
typographic variants of quotation marks and dashes. Headers and footers may be read, but not as
the body of the page. Two rules differ, because lines of text are judged here, not Markdown:
a cell's neighbours are the nearest cells that are not empty, and a formula passes when its
symbols stand on the page in the order in which they are read.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.evaluation.formula import flatten
from ingest.errors import ReadError
from ingest.normalise import normalise
from ingest.ocr.pool import OcrPool
from ingest.reading import FileRead, read_file
from ingest.types import Page, Role

_TABLE_ROLES = (Role.TABLE, Role.TABLE_HEADER)
_CURRENCY = re.compile(r"^[(]?[$€£¥₩]\s+")
_RATIO_FLOOR = 0.5


@dataclass
class _Sheet:
    """A page as the checks see it: its body text, and its tables as rows of cells."""

    text: str = ""
    tables: list[list[list[str]]] = field(default_factory=list)
    problem: str = ""


def evaluate(folder: Path) -> dict[str, Any]:
    """How many checks pass, of how many, and which fail and why."""
    checks = [json.loads(line) for line in (folder / "tests.jsonl").read_text("utf-8").splitlines()]
    sheets: dict[tuple[str, int], _Sheet] = {}
    problems: dict[str, str] = {}
    with OcrPool() as pool:
        for name in sorted({check["pdf"] for check in checks}):
            try:
                for event in read_file(folder / "pdfs" / name, ocr=pool):
                    if isinstance(event, FileRead):
                        sheets |= {(name, page.number): sheet(page) for page in event.pages}
            except ReadError as error:
                problems[name] = error.cause
    failures = []
    for check in checks:
        found = sheets.get((check["pdf"], check["page"]))
        why = problems.get(check["pdf"], "no such page") if found is None else fault(check, found)
        if why:
            failures.append({"id": check["id"], "type": check["type"], "why": why})
    return {"passed": len(checks) - len(failures), "of": len(checks), "failures": failures}


def sheet(page: Page) -> _Sheet:
    """A page's body without its furniture; rows that share a block are one table."""
    body = [line for line in page.lines if line.role is not Role.FURNITURE]
    tables: dict[int, list[list[str]]] = {}
    for line in body:
        if line.role in _TABLE_ROLES:
            cells = [_plain(cell) for cell in line.text.split("\t")]
            tables.setdefault(line.block, []).append(cells)
    text = _plain("\n".join(line.text for line in body))
    return _Sheet(text, list(tables.values()), page.unreadable)


def fault(check: dict[str, Any], found: _Sheet) -> str:
    """Why the check fails on the page; empty when it passes."""
    kind = check["type"]
    if kind == "present":
        return "" if _holds(check, found.text) else _missing(check["text"], found)
    if kind == "absent":
        return "the text is in the body" if _holds(check, found.text) else ""
    if kind == "order":
        return _out_of_order(check, found)
    if kind == "table":
        return _wrong_cell(check, found)
    if kind == "math":
        here = flatten(found.text)
        return "" if flatten(check["math"]) in here else "its symbols do not stand in this order"
    return f"a kind of check not known here: {kind}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", normalise(text))


def _holds(check: dict[str, Any], text: str) -> bool:
    wanted = _plain(check["text"])
    if not check.get("case_sensitive", True):
        wanted, text = wanted.lower(), text.lower()
    first, last = check.get("first_n"), check.get("last_n")
    if first or last:
        text = text[: first or 0] + (text[-last:] if last else "")
    return _near(wanted, text, int(check.get("max_diffs", 0)))[0] >= 0


def _near(wanted: str, text: str, differences: int) -> tuple[int, int]:
    """Where ``wanted`` first and last begins in ``text`` with at most so many differences
    (insertions, deletions, replacements); -1 where it does not. Sellers' algorithm (1980)."""
    if not differences:
        return text.find(wanted), text.rfind(wanted)
    column = [(i, 0) for i in range(len(wanted) + 1)]  # cost, and where the match began
    starts: list[int] = []
    for at, character in enumerate(text, 1):
        above = (0, at)
        following = [above]
        for i, expected in enumerate(wanted, 1):
            cost, start = column[i - 1]
            best = (cost + (expected != character), start)
            best = min(best, (column[i][0] + 1, column[i][1]), (above[0] + 1, above[1]))
            following.append(best)
            above = best
        column = following
        if column[-1][0] <= differences:
            starts.append(column[-1][1])
    return (min(starts), max(starts)) if starts else (-1, -1)


def _missing(text: str, found: _Sheet) -> str:
    if found.problem:
        return found.problem
    return f"not in the text: {text[:60]}"


def _out_of_order(check: dict[str, Any], found: _Sheet) -> str:
    differences = int(check.get("max_diffs", 0))
    first, _ = _near(_plain(check["before"]), found.text, differences)
    _, last = _near(_plain(check["after"]), found.text, differences)
    for at, name in ((first, "before"), (last, "after")):
        if at < 0:
            return _missing(check[name], found)
    return "" if first < last else "the order is the other way round"


def _wrong_cell(check: dict[str, Any], found: _Sheet) -> str:
    if not found.tables:
        return "no table was found on the page"
    differences = int(check.get("max_diffs", 0))
    seen = False
    for table in found.tables:
        for y, row in enumerate(table):
            for x, cell in enumerate(row):
                if not _same(check["cell"], cell, differences):
                    continue
                seen = True
                if _neighbours_fit(check, table, y, x, differences):
                    return ""
    return "its neighbours are others" if seen else f"no such cell: {check['cell']}"


def _same(wanted: str, cell: str, differences: int) -> bool:
    wanted = _plain(wanted)
    allowed = min(differences, int(len(wanted) * (1 - _RATIO_FLOOR)))
    for text in (cell, _CURRENCY.sub("", cell)):
        if abs(len(text) - len(wanted)) > allowed:
            continue
        if text == wanted or (allowed and _near(wanted, text, allowed)[0] >= 0):
            return True
    return False


def _neighbours_fit(
    check: dict[str, Any], table: list[list[str]], y: int, x: int, differences: int
) -> bool:
    def at(row: int, column: int) -> str:
        return table[row][column] if column < len(table[row]) else ""

    above = [at(i, x) for i in range(y - 1, -1, -1)]
    below = [at(i, x) for i in range(y + 1, len(table))]
    left = [at(y, i) for i in range(x - 1, -1, -1)]
    right = [at(y, i) for i in range(x + 1, len(table[y]))]
    for name, cells in (("up", above), ("down", below), ("left", left), ("right", right)):
        if check.get(name):
            nearest = next((cell for cell in cells if cell), "")
            if not _same(check[name], nearest, differences):
                return False
    # A heading that spans columns stands over neighbours that have none of their own.
    spanning = [at(i, x) or _spanned(table[i], x) for i in range(y - 1, -1, -1)]
    for name, cells in (("top_heading", spanning), ("left_heading", left)):
        if check.get(name) and not any(_same(check[name], cell, differences) for cell in cells):
            return False
    return True


def _spanned(row: list[str], x: int) -> str:
    """The heading of a row nearest to a column that has none; never that of the first column."""
    headings = [(abs(i - x), cell) for i, cell in enumerate(row) if cell and i]
    return min(headings)[1] if headings and x else ""
