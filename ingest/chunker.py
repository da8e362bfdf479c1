"""Pages become chunks: consecutive whole lines that fit the embedding model's window.

A chunk starts anew at a heading, prefers to end with a paragraph, keeps a table's rows together
and repeats the table's header where a table has to be split. Furniture (running headers, footers)
is left out, but the first occurrence of each text in a document is kept: it may be the only
place that names the patient or the parties. Knows nothing of files, vectors or stores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ingest.furniture import but_plain_page_number
from ingest.normalise import normalise
from ingest.types import Chunk, ChunkLine, Line, Page, Role

CountTokens = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, without the model's special tokens."""

_TABLE = (Role.TABLE, Role.TABLE_HEADER)
_LETTERS = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """In tokens: the model's window, what a chunk should reach, how much a heading path may take.

    A chunk is closed at a block's end once it holds ``target`` tokens, at the latest at the window.
    """

    window: int = 254
    target: int = 200
    context: int = 48


@dataclass(slots=True)
class _Piece:
    """A line, or part of one too long for the window, on its page."""

    page: int
    line: Line
    text: str
    tokens: int
    header: bool = False


def chunk_pages(
    pages: Iterable[Page],
    title: str,
    count_tokens: CountTokens,
    sizes: ChunkSizes | None = None,
) -> list[Chunk]:
    """Cuts a document into chunks.

    Args:
        pages: the document's pages in order.
        title: the document's name as its reader would say it; heads every search text.
        count_tokens: the embedding model's tokenizer.
        sizes: bounds in tokens.

    Returns:
        Chunks in reading order. Every line that is not repeated furniture lies in at least one.
    """
    sizes = sizes or ChunkSizes()
    writer = _Writer(shorten(normalise(title), count_tokens, sizes.context // 2), sizes)
    for pieces in _blocks(_pieces(pages, count_tokens, sizes)):
        writer.add_block(pieces, count_tokens)
    writer.close()
    return writer.chunks


def _pieces(
    pages: Iterable[Page], count_tokens: CountTokens, sizes: ChunkSizes
) -> Iterator[_Piece]:
    limit = sizes.window - sizes.context - 2
    seen: set[str] = set()
    for page in pages:
        kept = [line for line in page.lines if _worth_keeping(line, page.number, seen)]
        counts = count_tokens([normalise(line.text) for line in kept]) if kept else []
        for line, tokens in zip(kept, counts, strict=True):
            if tokens <= limit:
                yield _Piece(page.number, line, line.text, tokens)
                continue
            for part, part_tokens in _split_text(line.text, count_tokens, limit):
                yield _Piece(page.number, line, part, part_tokens)


def _worth_keeping(line: Line, page: int, seen: set[str]) -> bool:
    if not line.text.strip():
        return False
    if line.role is not Role.FURNITURE:
        return True
    key = but_plain_page_number(normalise(line.text), page)
    if key in seen or not _LETTERS.search(key):
        return False
    seen.add(key)
    return True


def _split_text(text: str, count_tokens: CountTokens, limit: int) -> Iterator[tuple[str, int]]:
    """Cuts an overlong line between words, a word without spaces between characters."""
    words = re.findall(r"\S+\s*", text)
    sizes = count_tokens([normalise(word) for word in words])
    part, total = "", 0
    for word, size in zip(words, sizes, strict=True):
        for bit, bit_size in _split_word(word, size, count_tokens, limit):
            if part and total + bit_size > limit:
                yield part.rstrip(), total
                part, total = "", 0
            part += bit
            total += bit_size
    if part.strip():
        yield part.rstrip(), total


def _split_word(
    word: str, size: int, count_tokens: CountTokens, limit: int
) -> Iterator[tuple[str, int]]:
    if size <= limit:
        yield word, size
        return
    # A tokenizer may call an overlong word one unknown token, but never gives more than
    # one token a character, so pieces of `limit` characters fit.
    pieces = [word[at : at + limit] for at in range(0, len(word), limit)]
    yield from zip(pieces, count_tokens(pieces), strict=True)


def _blocks(pieces: Iterable[_Piece]) -> Iterator[list[_Piece]]:
    block: list[_Piece] = []
    for piece in pieces:
        if block and not _same_block(block[-1], piece):
            yield block
            block = []
        block.append(piece)
    if block:
        yield block


def _same_block(before: _Piece, piece: _Piece) -> bool:
    return (
        before.page == piece.page
        and before.line.block == piece.line.block
        and (before.line.role is Role.HEADING) == (piece.line.role is Role.HEADING)
        and (before.line.role in _TABLE) == (piece.line.role in _TABLE)
    )


class _Writer:
    """Fills one chunk after the other, and remembers the headings above."""

    def __init__(self, title: str, sizes: ChunkSizes) -> None:
        self.chunks: list[Chunk] = []
        self._title = title
        self._sizes = sizes
        self._headings: list[tuple[int, str]] = []
        self._path: tuple[str, ...] = ()
        self._context = title
        self._room = sizes.window
        self._pieces: list[_Piece] = []
        self._tokens = 0

    def add_block(self, block: list[_Piece], count_tokens: CountTokens) -> None:
        role = block[0].line.role
        if role is Role.HEADING:
            # A short section shares its chunk with the next one: alone it would say too little.
            if self._tokens >= self._sizes.target // 3 and any(
                piece.line.role is not Role.HEADING for piece in self._pieces
            ):
                self.close()
            self._enter_heading(block)
            if not self._pieces:
                self._set_context(count_tokens)
            self._append(block)
            return
        if not self._pieces:
            self._set_context(count_tokens)
        size = sum(piece.tokens for piece in block)
        if role in _TABLE:
            self._add_table(block, size)
            return
        if self._tokens + size > self._room and self._tokens >= self._sizes.target // 2:
            self.close()
        self._append(block)
        if self._tokens >= self._sizes.target:
            self.close()

    def close(self) -> None:
        """Ends the open chunk."""
        if self._pieces:
            self.chunks.append(self._chunk(self._pieces))
            self._pieces, self._tokens = [], 0

    def _append(self, block: list[_Piece]) -> None:
        for piece in block:
            if self._pieces and self._tokens + piece.tokens + 1 > self._room:
                self.close()
            self._pieces.append(piece)
            self._tokens += piece.tokens

    def _add_table(self, block: list[_Piece], size: int) -> None:
        if self._tokens + size <= self._room:
            self._append(block)
            return
        lead = self._pieces
        if lead and self._tokens > self._sizes.target // 2:
            self.close()
        header = [piece for piece in block if piece.line.role is Role.TABLE_HEADER]
        header_size = sum(piece.tokens for piece in header)
        if header_size > self._room // 3:
            header, header_size = [], 0
        for piece in block:
            if self._pieces and self._tokens + piece.tokens + 1 > self._room:
                self.close()
                # A long row stands alone: with the header it would not fit the window.
                if piece not in header and header_size + piece.tokens + 1 <= self._room:
                    self._pieces = [replace(row, header=True) for row in header]
                    self._tokens = header_size
            self._pieces.append(piece)
            self._tokens += piece.tokens

    def _enter_heading(self, block: list[_Piece]) -> None:
        level = block[0].line.level or 1
        text = normalise("\n".join(piece.text for piece in block))
        self._headings = [entry for entry in self._headings if entry[0] < level]
        self._headings.append((level, text))

    def _set_context(self, count_tokens: CountTokens) -> None:
        path = tuple(text for _, text in self._headings)
        if path == self._path and self._room != self._sizes.window:
            return
        self._path = path
        shown = [text for text in path[-2:] if text.casefold() not in self._title.casefold()]
        context = " > ".join([self._title, *shown]) if self._title else " > ".join(shown)
        self._context = shorten(context, count_tokens, self._sizes.context)
        taken = count_tokens([self._context])[0] if self._context else 0
        self._room = self._sizes.window - taken - 1

    def _chunk(self, pieces: list[_Piece]) -> Chunk:
        lines, texts, at = [], [], 0
        for piece in pieces:
            end = at + len(piece.text)
            line = piece.line
            lines.append(ChunkLine(piece.page, line.box, at, end, line.source, line.confidence))
            texts.append(piece.text)
            at = end + 1
        text = "\n".join(texts)
        body = normalise(text)
        search_text = f"{self._context}\n{body}" if self._context else body
        return Chunk(len(self.chunks), text, search_text, self._path, tuple(lines))


def shorten(text: str, count_tokens: CountTokens, limit: int) -> str:
    """The first words of a text, as many as ``limit`` tokens hold."""
    if not text or count_tokens([text])[0] <= limit:
        return text
    words = text.split(" ")
    # No word has less than one token, so what lies beyond the limit need not be counted.
    del words[max(limit, 1) :]
    while len(words) > 1 and count_tokens([" ".join(words)])[0] > limit:
        words.pop()
    short = " ".join(words)
    return short if count_tokens([short])[0] <= limit else short[:limit]
