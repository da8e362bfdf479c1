"""Plain text: its encoding, and its paragraphs."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from ingest.formats.blocks import Block, Draft, Paragraph, Preformatted
from ingest.formats.detect import Kind

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 100_000
_COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The text in ``data`` and warnings about how it was found.

    Order: byte order mark, UTF-8, UTF-16 by its zero bytes, then `charset_normalizer`'s best
    guess on a sample, then Windows-1252.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), ()
    if zeros := data[:4096].count(0):
        encoding = "utf-16-le" if data[1:4096:2].count(0) > zeros / 2 else "utf-16-be"
        return data.decode(encoding, errors="replace"), ()
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4 or _mostly_utf8(data):
            return data.decode("utf-8", errors="replace"), ("Some characters could not be read.",)
    best = from_bytes(data[:_SAMPLE]).best()
    encoding = "cp1252" if best is None else best.encoding
    text = data.decode(encoding, errors="replace")
    return text, (f"The text states no encoding; {encoding} was assumed.",)


def _mostly_utf8(data: bytes) -> bool:
    """True when multi-byte sequences are far more often whole than broken."""
    decoded = data.decode("utf-8", errors="replace")
    broken = decoded.count("\ufffd")
    whole = sum(character > "\x7f" for character in decoded) - broken
    return whole > 10 * broken


def read(data: bytes) -> Draft:
    """The draft of a text file: paragraphs end at empty lines, line ends are kept."""
    text, warnings = decode(data)
    return Draft(Kind.TEXT.value, tuple(blocks(text)), warnings=warnings)


def blocks(text: str) -> list[Block]:
    """Paragraphs, and stretches whose columns are made of spaces as preformatted text."""
    found: list[Block] = []
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    for stretch in re.split(r"\n[ \t]*\n\s*?(?=[^\n])", text):
        lines = [line.rstrip() for line in stretch.strip("\n").split("\n")]
        if not any(lines):
            continue
        shaped = sum(bool(_COLUMNS.search(line)) for line in lines)
        if len(lines) > 1 and shaped * 2 >= len(lines):
            found.append(Preformatted("\n".join(lines)))
        else:
            found.append(Paragraph("\n".join(line.strip() for line in lines)))
    return found
