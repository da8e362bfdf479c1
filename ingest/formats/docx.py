"""Word documents (DOCX): body text in order, with headings, lists, tables and footnotes.

Headers and footers are no body and are left out. Deleted text of tracked changes is left out,
inserted text is kept. `python-docx` opens the package and its styles; the body is walked here,
because it skips content controls, tracked insertions and text boxes.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml.parser import parse_xml

from ingest.errors import DamagedFile
from ingest.formats import package
from ingest.formats.blocks import (
    Block,
    Draft,
    Heading,
    ListItem,
    PageBreak,
    Paragraph,
    Preformatted,
    Table,
)
from ingest.formats.detect import Kind
from ingest.formats.docx_sight import Sight, W
from ingest.formats.numbering import Numbering

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_SKIPPED = frozenset(
    (f"{W}del", f"{W}moveFrom", f"{W}rPr", f"{W}pPr", f"{W}instrText", f"{W}sdtPr")
) | {f"{_MC}Fallback"}
_BREAKS = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "\u2011"}
_WRAPPERS = frozenset(f"{W}{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo"))
_MAX_DEPTH = 100
_BROKEN = (
    KeyError,
    ValueError,
    AttributeError,
    SyntaxError,  # lxml's parse errors are of this class
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
)


def read(data: bytes, name: str) -> Draft:
    """The draft of a DOCX file.

    Raises:
        LimitExceeded: a zip bomb.
        DamagedFile: no Word package.
    """
    package.check(data, name)
    try:
        document = docx.Document(io.BytesIO(data))
    except _BROKEN as error:
        cause = f"Its parts are broken ({type(error).__name__})."
        remedy = "Open it in Word or LibreOffice, save it again, and add that file."
        raise DamagedFile(name, cause, remedy) from error
    body = getattr(document.element, "body", None)
    if body is None:
        cause = "Its main part is no Word document."
        raise DamagedFile(name, cause, "Open it in Word or LibreOffice, and save it again.")
    facts = document.core_properties
    sight = Sight.of(document)
    blocks = list(_Walker(document, sight).blocks(body))
    blocks += _notes(document, sight)
    first = blocks[0] if blocks else None
    return Draft(
        Kind.DOCX.value,
        tuple(blocks),
        title=facts.title or (first.text if isinstance(first, Heading) else ""),
        author=facts.author or "",
        created=facts.created.isoformat() if facts.created else "",
        pictures=tuple(_pictures(document)),
        unseen=tuple(sight.unseen),
    )


def _pictures(document: Any) -> Iterator[bytes]:
    """The image files shown in the body, in the order of their relationships."""
    for relation in document.part.rels.values():
        if relation.reltype == RELATIONSHIP_TYPE.IMAGE and not relation.is_external:
            yield relation.target_part.blob


class _Walker:
    def __init__(self, document: Any, sight: Sight) -> None:
        self._sight = sight
        self._styles = {style.style_id: style for style in document.styles}
        self._numbering = Numbering.of(document)

    def blocks(self, root: Any, depth: int = 0) -> Iterator[Block]:
        """The blocks among the children of ``root``."""
        if depth > _MAX_DEPTH:
            return
        for element in root.iterchildren(tag=None):
            if element.tag == f"{W}p":
                yield from self._paragraph(element, depth)
            elif element.tag == f"{W}tbl":
                yield from self._table(element, depth)
            elif element.tag in _WRAPPERS:
                yield from self.blocks(element, depth + 1)

    def _paragraph(self, element: Any, depth: int) -> Iterator[Block]:
        if _has_page_break(element):
            yield PageBreak()
        text = paragraph_text(element, self._sight)
        style = self._styles.get(_value(element, "pPr/pStyle"))
        names = [] if style is None else [up.name or "" for up in _ancestry(style)]
        marker, level = self._numbering.next(element, style)
        if text:
            yield _block(text, names, _outline(element, style), marker, level)
        for box in _boxes(element):
            yield from self.blocks(box, depth + 1)

    def _table(self, element: Any, depth: int) -> Iterator[Block]:
        rows: list[tuple[str, ...]] = []
        header = False
        for row in _children(element, "tr"):
            cells: list[str] = []
            for cell in _children(row, "tc"):
                span = _number(_value(cell, "tcPr/gridSpan"), 1)
                if cell.find(f"{W}tcPr/{W}vMerge") is not None and _continues(cell):
                    cells.append("")
                else:
                    inside = list(self.blocks(cell, depth + 1))
                    cells.append("\n".join(plain(block) for block in inside).strip())
                cells += [""] * (min(span, 50) - 1)
            if not rows:
                header = row.find(f"{W}trPr/{W}tblHeader") is not None
            if any(cells):
                rows.append(tuple(cells))
        if rows and max(len(row) for row in rows) > 1:
            yield Table(tuple(rows), header or _looks_like_header(element))
        else:
            # A frame of one column holds ordinary text.
            yield from (Paragraph(row[0]) for row in rows)


def _block(text: str, names: list[str], outline: int, marker: str, level: int) -> Block:
    heading = next(
        (int(found.group(1)) for name in names if (found := re.match(r"heading (\d)", name, re.I))),
        1 if any(name.lower() == "title" for name in names) else outline,
    )
    if heading:
        return Heading(f"{marker} {text}".strip().replace("\n", " "), min(heading, 6))
    if marker:
        return ListItem(text, marker, level)
    style = names[0].lower() if names else ""
    if style.startswith("list"):
        return ListItem(text)
    return Paragraph(text, quoted="quote" in style)


def paragraph_text(element: Any, sight: Sight) -> str:
    """The visible text of a paragraph, without that of text boxes inside it."""
    pieces: list[str] = []
    sight.begin()

    def gather(node: Any, depth: int) -> None:
        for child in node.iterchildren(tag=None):
            if child.tag == f"{W}r" and sight.hides(element, child):
                continue
            if child.tag == f"{W}t":
                pieces.append(child.text or "")
            elif child.tag == f"{W}br" and child.get(f"{W}type") in ("page", "column"):
                continue
            elif child.tag in _BREAKS:
                pieces.append(_BREAKS[child.tag])
            elif child.tag == f"{W}footnoteReference":
                pieces.append(f"[{child.get(f'{W}id')}]")
            elif (
                isinstance(child.tag, str)
                and child.tag not in _SKIPPED
                and child.tag != f"{W}txbxContent"
                and depth < _MAX_DEPTH
            ):
                gather(child, depth + 1)

    gather(element, 0)
    return "".join(pieces).strip()


def plain(block: Block) -> str:
    """A block as text inside a table cell."""
    match block:
        case Table(rows):
            return "\n".join(" ".join(filter(None, row)) for row in rows)
        case ListItem(text, marker):
            return f"{marker} {text}"
        case Heading(text) | Paragraph(text) | Preformatted(text):
            return text
        case PageBreak():
            return ""


def _notes(document: Any, sight: Sight) -> list[Block]:
    kind = RELATIONSHIP_TYPE.FOOTNOTES
    parts = [
        relation.target_part
        for relation in document.part.rels.values()
        if not relation.is_external and relation.reltype == kind
    ]
    notes: list[Block] = []
    for part in parts:
        for note in _children(parse_xml(part.blob), "footnote"):
            text = " ".join(paragraph_text(p, sight) for p in _children(note, "p")).strip()
            if text and note.get(f"{W}type") is None:
                notes.append(Paragraph(f"[{note.get(f'{W}id')}] {text}"))
    return notes


def _boxes(element: Any) -> Iterator[Any]:
    for box in element.iter(f"{W}txbxContent"):
        if not any(up.tag == f"{_MC}Fallback" for up in box.iterancestors()):
            yield box


def _has_page_break(element: Any) -> bool:
    before = element.find(f"{W}pPr/{W}pageBreakBefore")
    if before is not None and before.get(f"{W}val") not in ("0", "false"):
        return True
    return any(br.get(f"{W}type") == "page" for br in element.iter(f"{W}br"))


def _outline(element: Any, style: Any) -> int:
    value = _value(element, "pPr/outlineLvl")
    if not value and style is not None:
        value = next(
            filter(None, (_value(up.element, "pPr/outlineLvl") for up in _ancestry(style))), ""
        )
    level = _number(value, 6)
    return level + 1 if level < 6 else 0


def _ancestry(style: Any) -> Iterator[Any]:
    for _ in range(20):
        if style is None:
            return
        yield style
        style = style.base_style


def _continues(cell: Any) -> bool:
    return _value(cell, "tcPr/vMerge") != "restart"


def _looks_like_header(table: Any) -> bool:
    """True when the table's style singles out the first row, and the row is set in bold."""
    look = table.find(f"{W}tblPr/{W}tblLook")
    first = look is not None and (
        look.get(f"{W}firstRow") == "1" or _number(look.get(f"{W}val") or "", 0, 16) & 0x20 != 0
    )
    row = table.find(f"{W}tr")
    if row is None:
        return False
    runs = [run for run in row.iter(f"{W}r") if run.find(f"{W}t") is not None]
    bold = bool(runs) and all(run.find(f"{W}rPr/{W}b") is not None for run in runs)
    return bold or (first and table.find(f"{W}tblPr/{W}tblStyle") is not None)


def _children(element: Any, name: str) -> Iterator[Any]:
    """Children of that name, also inside content controls."""
    for child in element.iterchildren(tag=None):
        if child.tag == f"{W}{name}":
            yield child
        elif child.tag in _WRAPPERS:
            yield from _children(child, name)


def _number(text: str, default: int, base: int = 10) -> int:
    """A whole number that is not negative; ``default`` where the file has something else."""
    digits = "[0-9A-Fa-f]{1,8}" if base == 16 else "[0-9]{1,8}"
    return int(text, base) if re.fullmatch(digits, text) else default


def _value(element: Any, path: str) -> str:
    found = element.find("/".join(f"{W}{step}" for step in path.split("/")))
    return "" if found is None else found.get(f"{W}val") or ""
