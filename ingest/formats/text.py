"""Plain text: its encoding, and its paragraphs."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from ingest.formats.blocks import Block, Draft, Heading, Paragraph, Preformatted, Table
from ingest.formats.detect import Kind

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 100_000
# Without š, ž and ý: they are rare in western languages and common in Czech, whose other letters
# in Windows-1250 fall on western ones.
_WESTERN = frozenset("äöüßÄÖÜéèêëàâáåæçîïíìñôóòøõùûúœÉÈÀÇÅÆØÑÁÍÓÚÊŒ«»¿¡„“”‘’–—…•€£§°µ·²³½±×©®™\xa0")
_LONGEST_HEADING = 80
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
    encoding = _guess(data[:_SAMPLE])
    text = data.decode(encoding, errors="replace")
    return text, (f"The text states no encoding; {encoding} was assumed.",)


def _guess(sample: bytes) -> str:
    """`charset_normalizer`'s guess, which in short texts takes Windows-1252 for its neighbours.

    So Windows-1252 comes first where every sign beyond ASCII is one that western languages use.
    """
    western = {sign for sign in sample.decode("cp1252", errors="replace") if sign > "\x7f"}
    if western <= _WESTERN:
        return "cp1252"
    best = from_bytes(sample).best()
    return "cp1252" if best is None else best.encoding


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
    """Paragraphs; stretches whose columns are made of spaces become tables, or stay as they are."""
    found: list[Block] = []
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    # Without the newlines at its end, as many as there may be, every match below is found at once.
    for stretch in re.split(r"\n[ \t]*\n+(?=[^\n])", text.rstrip("\n")):
        lines = [line.rstrip() for line in stretch.strip("\n").split("\n")]
        if not any(lines):
            continue
        shaped = sum(bool(_COLUMNS.search(line)) for line in lines)
        if len(lines) > 1 and shaped * 2 >= len(lines):
            found.append(_table(lines) or Preformatted("\n".join(lines)))
        elif heading := _heading(lines):
            found.append(heading)
        else:
            found.append(Paragraph("\n".join(line.strip() for line in lines)))
    return found


def _heading(lines: list[str]) -> Heading | None:
    """A line on its own in capitals, or one that is underlined."""
    text = lines[0].strip()
    if len(text) > _LONGEST_HEADING or not text:
        return None
    if len(lines) == 2 and re.fullmatch(r"\s*(={3,}|-{3,}|~{3,}|\*{3,})", lines[1]):
        return Heading(text, 1 if "=" in lines[1] else 2)
    capitals = len(lines) == 1 and text.isupper() and sum(map(str.isalpha, text)) > 3
    return Heading(text, 2) if capitals else None


def _table(lines: list[str]) -> Table | None:
    """A table where every line has the same number of columns."""
    rows = tuple(tuple(re.split(r" {2,}|\t+", line.strip())) for line in lines)
    if len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return None
    words_only = not any(character.isdigit() for cell in rows[0] for character in cell)
    figures_below = any(character.isdigit() for cell in rows[1] for character in cell)
    return Table(rows, header=words_only and figures_below)
