"""HTML: its visible text as blocks. Nothing is fetched, run or drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import Comment, Declaration, Doctype, NavigableString, PageElement, Tag

from ingest.formats.blocks import (
    Block,
    Draft,
    Heading,
    ListItem,
    Paragraph,
    Preformatted,
    Table,
)
from ingest.formats.detect import Kind
from ingest.formats.styles import Sight, Styles

_DROPPED = re.compile(
    "script|style|noscript|template|head|svg|math|iframe|object|embed|canvas|audio|video|"
    "select|option|datalist|button|input|textarea"
)
_INLINE = re.compile(
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|meter|nobr|"
    "output|q|rb|rp|rt|ruby|s|samp|small|span|strike|strong|sub|sup|time|tt|u|var|wbr"
)
_SPACES = re.compile(r"[ \t\r\n\f]+")
_NO_TEXT = (Comment, Declaration, Doctype)
_MAX_DEPTH = 200
_MAX_SPANNED = 100  # columns up to which cells are widened as they ask


def read(data: bytes) -> Draft:
    """The draft of an HTML file in whatever encoding it declares."""
    return draft(data)


def draft(markup: bytes | str) -> Draft:
    """The blocks of ``markup``, with its title, author and date if it states them."""
    soup = BeautifulSoup(markup, "lxml")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    root = soup.body or soup
    sieve = _Sieve(soup)
    blocks = tuple(_Walker(sieve).blocks(root))
    return Draft(
        Kind.HTML.value,
        blocks,
        title=_SPACES.sub(" ", title),
        author=_meta(soup, "author", "dc.creator"),
        created=_meta(soup, "date", "dcterms.created", "article:published_time"),
        unseen=tuple(sieve.unseen),
    )


def _meta(soup: BeautifulSoup, *names: str) -> str:
    for tag in soup.find_all("meta"):
        name = str(tag.get("name") or tag.get("property") or "").lower()
        if name in names:
            return str(tag.get("content") or "").strip()
    return ""


class _Sieve:
    """Tells what of a page is seen, and keeps what is hidden in it."""

    def __init__(self, soup: BeautifulSoup) -> None:
        self.unseen: list[str] = []
        self._styles = Styles(soup)
        self._known: dict[int, bool] = {}

    def drops(self, tag: Tag) -> bool:
        """Whether an element and all that is in it is left out."""
        if _DROPPED.fullmatch(tag.name):
            return True
        if id(tag) not in self._known:
            sight = self._styles.sight(tag)
            if sight is Sight.HIDDEN and (text := " ".join(tag.get_text(" ").split())):
                self.unseen.append(text)
            self._known[id(tag)] = sight is not Sight.SHOWN
        return self._known[id(tag)]

    def inline(self, node: Tag) -> str:
        """The visible text of ``node`` with its line breaks."""
        pieces: list[str] = []
        for child in node.descendants:
            if isinstance(child, Tag):
                if child.name in ("br", "p", "div", "li"):
                    pieces.append("\n")
            elif isinstance(child, NavigableString) and not isinstance(child, _NO_TEXT):
                above = _until(child.parents, node)
                if not any(isinstance(up, Tag) and self.drops(up) for up in (*above, node)):
                    pieces.append(_SPACES.sub(" ", child))
        return _tidy("".join(pieces))


class _Walker:
    """Goes through the tree once, gathering inline text until a block begins or ends."""

    def __init__(self, sieve: _Sieve) -> None:
        self._sieve = sieve
        self._text: list[str] = []
        self._quotes = 0

    def blocks(self, root: Tag, depth: int = 0) -> Iterator[Block]:
        """The blocks inside ``root``, in document order."""
        for child in root.children:
            yield from self._visit(child, depth)
        yield from self._flush()

    def _visit(self, node: PageElement, depth: int) -> Iterator[Block]:
        if isinstance(node, NavigableString):
            if not isinstance(node, _NO_TEXT):
                self._text.append(_SPACES.sub(" ", node))
            return
        if not isinstance(node, Tag) or self._sieve.drops(node):
            return
        name = node.name
        if name == "br":
            self._text.append("\n")
        elif depth > _MAX_DEPTH:
            self._text.append(_SPACES.sub(" ", node.get_text(" ")))
        elif _INLINE.fullmatch(name) and not node.find(_is_block):
            for child in node.children:
                yield from self._visit(child, depth + 1)
        else:
            yield from self._flush()
            yield from self._block(node, depth)

    def _block(self, node: Tag, depth: int) -> Iterator[Block]:
        name = node.name
        if re.fullmatch("h[1-6]", name):
            text = self._sieve.inline(node).replace("\n", " ")
            if text:
                yield Heading(text, int(name[1]))
        elif name in ("ul", "ol", "menu", "dir"):
            yield from self._list(node, depth, 0)
        elif name == "pre":
            text = node.get_text().strip("\n")
            if text.strip():
                yield Preformatted(text)
        elif name == "table":
            yield from self._table(node, depth)
        elif name == "blockquote":
            self._quotes += 1
            yield from self.blocks(node, depth + 1)
            self._quotes -= 1
        else:
            yield from self.blocks(node, depth + 1)

    def _list(self, node: Tag, depth: int, level: int) -> Iterator[Block]:
        number = _integer(node.get("start"), 1)
        for item in node.children:
            if not isinstance(item, Tag) or self._sieve.drops(item):
                continue
            if item.name in ("ul", "ol") and depth < _MAX_DEPTH:
                yield from self._list(item, depth + 1, level + 1)
                continue
            marker = "•"
            if node.name == "ol":
                number = _integer(item.get("value"), number)
                marker = f"{number}."
                number += 1
            yield from self._item(item, marker, depth + 1, level)

    def _item(self, item: Tag, marker: str, depth: int, level: int) -> Iterator[Block]:
        for child in item.children:
            if isinstance(child, Tag) and child.name in ("ul", "ol") and depth < _MAX_DEPTH:
                yield from self._list_text(marker, level)
                marker = ""
                yield from self._list(child, depth, level + 1)
                continue
            for block in self._visit(child, depth):
                if marker and isinstance(block, Paragraph):
                    yield ListItem(block.text, marker, level)
                    marker = ""
                else:
                    yield block
        yield from self._list_text(marker, level)

    def _list_text(self, marker: str, level: int) -> Iterator[Block]:
        for block in self._flush():
            if isinstance(block, Paragraph):
                yield ListItem(block.text, marker, level)

    def _table(self, node: Tag, depth: int) -> Iterator[Block]:
        rows = [row for row in node.find_all("tr") if row.find_parent("table") is node]
        if node.find("table") is not None or not rows:
            # A table that holds tables is there for the layout; so is one without rows.
            yield from self.blocks(node, depth + 1)
            return
        caption = node.find("caption")
        if isinstance(caption, Tag) and (text := self._sieve.inline(caption)):
            yield Paragraph(text)
        cells = [row.find_all(["td", "th"], recursive=False) for row in rows]
        if max(len(row) for row in cells) == 1:
            for row in cells:
                for cell in row:
                    yield from self.blocks(cell, depth + 1)
            return
        header = bool(cells[0]) and all(cell.name == "th" for cell in cells[0])
        grid = tuple(tuple(self._cells(row)) for row in cells)
        grid = tuple(row for row in grid if any(row))
        if grid:
            yield Table(grid, header)

    def _cells(self, row: list[Tag]) -> Iterator[str]:
        columns = 0
        for cell in row:
            yield self._sieve.inline(cell)
            columns += 1
            span = _integer(cell.get("colspan"), 1)
            for _ in range(min(span - 1, _MAX_SPANNED - columns)):
                yield ""
                columns += 1

    def _flush(self) -> Iterator[Block]:
        text = _tidy("".join(self._text))
        self._text.clear()
        if text:
            yield Paragraph(text, quoted=self._quotes > 0)


def _until(parents: Iterator[Tag | None], end: Tag) -> Iterator[Tag]:
    for parent in parents:
        if parent is None or parent is end:
            return
        yield parent


def _tidy(text: str) -> str:
    lines = (re.sub(" {2,}", " ", line).strip() for line in text.split("\n"))
    return re.sub("\n{2,}", "\n", "\n".join(lines)).strip("\n")


def _is_block(tag: Tag) -> bool:
    name = tag.name
    return not (_INLINE.fullmatch(name) or _DROPPED.fullmatch(name) or name in ("br", "img"))


def _integer(value: object, default: int) -> int:
    text = str(value or "")
    return int(text) if re.fullmatch(r"\d{1,9}", text) else default
