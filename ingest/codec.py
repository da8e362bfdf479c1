"""Pages and chunks as bytes for the vault: zlib over JSON, coordinates to a hundredth point."""

from __future__ import annotations

import json
import zlib
from typing import Any

from ingest.types import Box, Chunk, ChunkLine, Line, Role, TextSource


def pack_lines(lines: tuple[Line, ...]) -> bytes:
    """A page's lines as bytes."""
    return _pack(
        [
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
    )


def unpack_lines(data: bytes) -> tuple[Line, ...]:
    """The inverse of `pack_lines`, coordinates rounded."""
    return tuple(
        Line(text, Box(*box), Role(role), block, level, TextSource(source), confidence)
        for text, box, role, block, level, source, confidence in _unpack(data)
    )


def pack_chunk(chunk: Chunk) -> bytes:
    """All of a chunk but its ordinal and search text, which have columns of their own."""
    lines = [
        [line.page, _box(line.box), line.start, line.end, line.source.value, line.confidence]
        for line in chunk.lines
    ]
    return _pack([chunk.text, list(chunk.heading), lines])


def unpack_chunk(ordinal: int, search_text: str, data: bytes) -> Chunk:
    """The inverse of `pack_chunk`."""
    text, heading, lines = _unpack(data)
    return Chunk(
        ordinal,
        text,
        search_text,
        tuple(heading),
        tuple(
            ChunkLine(page, Box(*box), start, end, TextSource(source), confidence)
            for page, box, start, end, source, confidence in lines
        ),
    )


def _box(box: Box) -> list[float]:
    return [round(value, 2) for value in box]


def _pack(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))
