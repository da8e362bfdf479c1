"""A paper as Markdown (CommonMark with the usual ``[^1]`` footnotes and pipe tables).

What a document says never becomes a link, a picture, HTML or any other markup: each character
that could is written with a backslash before it.
"""

from __future__ import annotations

import re

from app.core.exporting.paper import (
    Block,
    Facts,
    Heading,
    Inlines,
    Listing,
    NoteRef,
    Paper,
    Paragraph,
    Table,
    one_line,
)

# Anywhere: code, emphasis, links, pictures, HTML, entities, cells, footnotes, formulas, mail.
_MARKUP = re.compile(r"[\\`*_\[\]<>&~^$|@{}!]")
# At the start of a line: headings, lists, rules, definitions.
_LINE_START = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[#+\-=:]))")
# Addresses that many programs make links of without being told.
_ADDRESS = re.compile(r"(?i)(://|\bwww\.|\bmailto:|\bxmpp:)")


def write(paper: Paper) -> bytes:
    """The paper as UTF-8."""
    parts = [f"# {escape(paper.title)}", *map(_block, paper.blocks)]
    parts += [f"[^{n}]: {_line(note)}" for n, note in enumerate(paper.notes, start=1)]
    return ("\n\n".join(filter(None, parts)) + "\n").encode()


def escape(text: str) -> str:
    """A line of text that means itself in Markdown.

    >>> escape("1. see [this](http://a.b) <b>")
    '1\\\\. see \\\\[this\\\\](http\\\\://a.b) \\\\<b\\\\>'
    """
    return _LINE_START.sub(r"\1\\", _within(text))


def _within(text: str) -> str:
    text = _MARKUP.sub(r"\\\g<0>", one_line(text))
    return _ADDRESS.sub(lambda match: re.sub(r"([:.])", r"\\\1", match[0]), text)


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * min(level + 1, 6)} {escape(text)}"
        case Paragraph(inlines):
            return _line(inlines)
        case Listing(text):
            return _fenced(text)
        case Facts(rows):
            return "\n".join(_fact(name, lines) for name, lines in rows)
        case Table():
            return _table(block)


def _line(inlines: Inlines) -> str:
    parts: list[str] = []
    for part in inlines:
        if isinstance(part, NoteRef):
            parts.append(f"[^{part.n}]")
            continue
        words = _within(part.text)
        # Spaces at its ends belong between the spans.
        lead = " " if part.text[:1].isspace() else ""
        tail = " " if part.text[-1:].isspace() else ""
        if parts and parts[-1].startswith("[^") and not lead and words[:1] in ("(", ":"):
            words = "\\" + words  # after brackets these would make a link, or another note
        if words and (part.bold or part.italic):
            mark = "**" if part.bold else "*"
            words = f"{mark}{words}{mark}"
        parts.append(f"{lead}{words}{tail if words else ''}")
    return _LINE_START.sub(r"\1\\", "".join(parts).strip())


def _fact(name: str, lines: tuple[str, ...]) -> str:
    if len(lines) == 1:
        return f"- **{escape(name)}:** {escape(lines[0])}"
    return "\n".join([f"- **{escape(name)}:**", *(f"    - {escape(line)}" for line in lines)])


def _table(table: Table) -> str:
    rows = [[_line(cell) for cell in row] for row in table.rows]
    columns = len(table.shares())
    if not table.header:
        rows.insert(0, [""] * columns)
    filled = [row + [""] * (columns - len(row)) for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in filled]
    return "\n".join([lines[0], f"|{' --- |' * columns}", *lines[1:]])


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
