"""Pictures that claim or hold far more pixels or frames than their bytes would let expect."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int = 1, colour: int = 0, rows: int | None = None) -> bytes:
    """A PNG of zeros; ``rows`` of them are there, all by default."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + (width * bits * channels + 7) // 8)
    packed = zlib.compressobj(9)
    data = b"".join(packed.compress(row) for _ in range(height if rows is None else rows))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", data + packed.flush()) + _chunk(b"IEND", b"")
    )  # fmt: skip


def tiff(width: int, height: int, *, strip: bytes, next_directory: int = 0) -> bytes:
    """A TIFF of one uncompressed grey strip, whatever its length."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 9 * 12 + 4), (277, 3, 1, 1), (278, 4, 1, height),
        (279, 4, 1, len(strip)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00\x08\x00\x00\x00" + directory + struct.pack("<I", next_directory) + strip


def _text_bomb() -> bytes:
    """A PNG with a compressed comment of 100 MB."""
    text = b"k\x00\x00" + zlib.compress(bytes(100 << 20), 9)
    whole = png(16, 16)
    return whole[:33] + _chunk(b"zTXt", text) + _chunk(b"iCCP", text) + whole[33:]


def _frames(kind: str, count: int) -> bytes:
    written = io.BytesIO()
    frames = [Image.new("L", (8, 8), n % 256) for n in range(count)]
    frames[0].save(written, kind, save_all=True, append_images=frames[1:])
    return written.getvalue()


def bombs() -> dict[str, bytes]:
    """By file name."""
    return {
        "huge.png": png(60_000, 60_000, rows=100),
        "huge-whole.png": png(12_000, 12_000),
        "wide.png": png(2_000_000_000, 1, rows=0),
        "cut.png": png(8_000, 8_000, 8, 2, rows=1),
        "comment.png": _text_bomb(),
        "frames.png": _frames("PNG", 100),
        "lying.tif": tiff(60_000, 60_000, strip=b"x" * 100),
        "lying-within.tif": tiff(10_000, 10_000, strip=b"x" * 100),
        "loop.tif": tiff(10, 10, strip=b"x" * 100, next_directory=8),
        "frames.tif": _frames("TIFF", 120),
        "frames.gif": _frames("GIF", 100),
        "frames.webp": _frames("WEBP", 50),
        "huge.gif": b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(50),
        "huge.jpg": b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00" + bytes(50),
        "huge.webp": b"RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(4) + b"\xff" * 6,
    }
