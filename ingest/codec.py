"""Pages, chunks and figures as bytes: zlib over JSON, coordinates to a hundredth point.

What the search index is built from is packed as it lies in memory.
What cannot be unpacked raises `StoreError`. The vault is authenticated page by page, so that is
damage in memory or a program's mistake, and no more is checked here than what unpacking needs.
"""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ingest.errors import StoreError
from ingest.records import Vectors
from ingest.types import (
    Box,
    Chunk,
    ChunkLine,
    Figure,
    FigureKind,
    Line,
    PageBox,
    Role,
    TextSource,
    mean_confidence,
)


def pack_lines(lines: tuple[Line, ...]) -> bytes:
    """A page's lines as bytes."""
    return _pack(_lines(lines))


def unpack_lines(data: bytes) -> tuple[Line, ...]:
    """The inverse of `pack_lines`, coordinates rounded."""
    with _told():
        return _read_lines(_unpack(data))


def confidence_of(data: bytes) -> float | None:
    """The mean OCR confidence of packed lines; see `ingest.types.mean_confidence`."""
    with _told():
        return mean_confidence(unpack_lines(data))


def pack_chunk(chunk: Chunk) -> bytes:
    """All of a chunk but its ordinal, which has a column of its own."""
    lines = [
        [line.page, _box(line.box), line.start, line.end, line.source.value, line.confidence]
        for line in chunk.lines
    ]
    packed = [chunk.text, list(chunk.heading), lines, chunk.figure, chunk.search_text]
    return _pack([*packed, chunk.by] if chunk.by else packed)


def pack_older_chunk(search_text: str, data: bytes) -> bytes:
    """What `pack_chunk` gives, of a chunk as it was packed up to format 5 of the vault."""
    with _told():
        text, heading, lines, *more = _unpack(data)  # in format 1 there were no figures
    return _pack([text, heading, lines, more[0] if more else None, search_text, *more[1:]])


def unpack_chunk(ordinal: int, data: bytes) -> Chunk:
    """The inverse of `pack_chunk`."""
    with _told():
        text, heading, lines, figure, search_text, *by = _unpack(data)
        return Chunk(
            ordinal,
            text,
            search_text,
            tuple(heading),
            tuple(
                ChunkLine(page, Box(*box), start, end, TextSource(source), confidence)
                for page, box, start, end, source, confidence in lines
            ),
            figure,
            by[0] if by else "",
        )


def pack_figure(figure: Figure) -> bytes:
    """All of a figure but its page, box and kind, which have columns of their own."""
    places = [[place.page, _box(place.box)] for place in figure.reference_places]
    return _pack(
        [
            figure.label,
            figure.caption,
            _lines(figure.inside),
            figure.around,
            list(figure.references),
            places,
        ]
    )


def unpack_figure(page: int, box: Box, kind: str, data: bytes) -> Figure:
    """The inverse of `pack_figure`."""
    with _told():
        label, caption, inside, around, references, places = _unpack(data)
        return Figure(
            page,
            box,
            FigureKind(kind),
            label,
            caption,
            _read_lines(inside),
            around,
            tuple(references),
            tuple(PageBox(number, Box(*sides)) for number, sides in places),
        )


_UNREADABLE = (
    zlib.error,
    struct.error,
    ValueError,
    TypeError,
    KeyError,
    RecursionError,
    ArithmeticError,
)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of unpacking as one that says what to do."""
    try:
        yield
    except _UNREADABLE as error:
        raise StoreError(
            "A stored page",
            f"What was kept of it cannot be read ({error}).",
            "Add its document again; restore the library from a backup if others are damaged too.",
        ) from error


_BLOCK = struct.Struct("<III")


def pack_index_rows(
    chunk_ids: Sequence[int], figures: Sequence[bool], words: Sequence[str], vectors: Vectors
) -> bytes:
    """What the search index needs of one document's chunks: ids, words and vectors, in one piece.

    Uncompressed: a library is unlocked as fast as these are read.
    """
    text = "\n".join(words).encode()
    parts = (
        _BLOCK.pack(len(chunk_ids), vectors.shape[1], len(text)),
        np.asarray(chunk_ids, "<i8").tobytes(),
        np.ascontiguousarray(vectors, "<f4").tobytes(),
        np.asarray(figures, np.uint8).tobytes(),
        text,
    )
    return b"".join(parts)


def unpack_index_rows(data: bytes) -> tuple[list[int], list[bool], list[str], Vectors]:
    """The inverse of `pack_index_rows`; the vectors are a view into ``data``."""
    with _told():
        return _read_index_rows(data)


def _read_index_rows(data: bytes) -> tuple[list[int], list[bool], list[str], Vectors]:
    count, dimension, length = _BLOCK.unpack_from(data)
    place = _BLOCK.size
    ids = np.frombuffer(data, "<i8", count, place)
    place += ids.nbytes
    vectors = np.frombuffer(data, "<f4", count * dimension, place).reshape(count, dimension)
    place += vectors.nbytes
    figures = np.frombuffer(data, np.uint8, count, place)
    place += count
    words = data[place : place + length].decode().split("\n") if count else []
    return ids.tolist(), figures.astype(bool).tolist(), words, vectors


def _lines(lines: Iterable[Line]) -> list[list[Any]]:
    return [
        [
            line.text,
            _box(line.box),
            line.role.value,
            line.block,
            line.level,
            line.source.value,
            line.confidence,
        ]
        for line in lines
    ]


def _read_lines(rows: Iterable[Sequence[Any]]) -> tuple[Line, ...]:
    return tuple(
        Line(text, Box(*box), Role(role), block, level, TextSource(source), confidence)
        for text, box, role, block, level, source, confidence in rows
    )


def _box(box: Box) -> list[float]:
    return [round(value, 2) for value in box]


def _pack(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))
