"""From a PyMuPDF page to fragments of text in upright frames.

Knows how MuPDF reports text; knows nothing of rows, columns or roles.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pymupdf

from ingest.normalise import normalise
from ingest.pdf.errors import DRAWING_ERRORS
from ingest.pdf.fragment import Fragment, Ink
from ingest.pdf.frames import to_upright, turn_of
from ingest.pdf.hidden import Pieces, Seen, find_hidden
from ingest.pdf.outside import outside_spans
from ingest.pdf.paints import Paints
from ingest.pdf.spacing import RUN_TOGETHER, respaced
from ingest.types import Box

FLAGS: int = (
    pymupdf.TEXT_PRESERVE_LIGATURES
    | pymupdf.TEXT_PRESERVE_WHITESPACE
    | pymupdf.TEXT_CLIP
    | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
)

# Control characters, soft hyphens, zero-width marks and byte-order marks are not shown.
_UNSHOWN = dict.fromkeys(
    [*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x2060, 0xFEFF]
)
_STRANGE = re.compile("[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f]")
_CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")

_CURRENCIES = "$€£¥₩"
_BOLD = 16
_FEW = 3  # characters: a cross in a drawn box
_NO_UNICODE = 128 | 256  # the value is a character or glyph number


def is_cjk(character: str) -> bool:
    """Whether a character belongs to a script written without spaces between words."""
    return _CJK.match(character) is not None


def read_fragments(
    page: pymupdf.Page, paints: Paints | None
) -> tuple[dict[int, list[Fragment]], Ink]:
    """The text that can be seen on the page, by turn, in the order of the file, and how it is made.

    ``paints`` is what the page paints, None where nobody looked. Hidden text, and fragments whose
    middle lies outside of the visible page, are left out and told in the ink's ``unseen``. Raises
    what PyMuPDF raises.
    """
    textpage = page.get_textpage(flags=FLAGS)
    content = textpage.extractDICT()
    ink = Ink()
    if paints is not None and paints.spoken:
        content = _as_painted(page, content, paints.spoken, ink)
    _leave_out_hidden(page, content, paints, ink)
    raw: dict[tuple[float, ...], str] | None = None
    rotation = page.rotation
    matrix = page.rotation_matrix if rotation else None
    width, height = page.rect.width, page.rect.height
    turns: dict[int, list[Fragment]] = {}
    seen: set[tuple[str, int, int]] = set()
    for block in content["blocks"]:
        for line in block.get("lines", ()):
            found = _fragment(line, ink)
            if found is None:
                continue
            text, box, base, size, bold = found
            if len(text) >= 25 and "cut" not in line and RUN_TOGETHER.search(text):
                raw = raw if raw is not None else _respaced_lines(textpage)
                text = raw.get(tuple(line["bbox"]), text)
            dx, dy = line["dir"]
            bx, by = box.x0, base
            if matrix is not None:
                rect = pymupdf.Rect(box) * matrix
                box = Box(rect.x0, rect.y0, rect.x1, rect.y1)
                dx, dy = dx * matrix.a + dy * matrix.c, dx * matrix.b + dy * matrix.d
                point = pymupdf.Point(bx, by) * matrix
                bx, by = point.x, point.y
            middle_x, middle_y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            if not (0 <= middle_x <= width and 0 <= middle_y <= height):
                ink.unseen.append(text)
                continue
            # Shadows and false bold print the same text twice, a hair apart.
            key = (text, round(box.x0 / 2), round(box.y0 / 2))
            if key in seen:
                continue
            seen.add(key)
            turn = turn_of(dx, dy)
            if turn:
                box = to_upright(box, turn)
                base = box.y1 if line["wmode"] else to_upright(Box(bx, by, bx, by), turn).y0
            elif matrix is not None:
                base = by
            whole = Fragment(text, box.x0, box.y0, box.x1, box.y1, base, size, bold)
            parts = turns.setdefault(turn, [])
            if "   " in text:
                parts += _split(whole)
            elif text[-1] in _CURRENCIES and len(text) > 2 and text[-2] == " ":
                parts += _split_currency(whole)
            else:
                parts.append(whole)
    _stand_up(turns)
    if 1 in turns:
        turns[1] = _join_characters(turns[1])
    return turns, ink


def _as_painted(
    page: pymupdf.Page, content: dict[str, Any], spoken: Sequence[str], ink: Ink
) -> dict[str, Any]:
    """The page's content, or what its glyphs say where the file gives out something else."""
    painted = page.get_textpage(flags=FLAGS | pymupdf.TEXT_IGNORE_ACTUALTEXT)
    letters = _letters(painted.extractText())
    lies = [text for text in spoken if _letters(text) not in letters]
    if not lies:
        return content
    ink.unseen += [shown(text) for text in lies]
    as_painted: dict[str, Any] = painted.extractDICT()
    return as_painted


def _letters(text: str) -> str:
    return "".join(c for c in normalise(text).casefold() if c.isalnum())


def _leave_out_hidden(
    page: pymupdf.Page, content: dict[str, Any], paints: Paints | None, ink: Ink
) -> None:
    """Take the spans out of ``content`` that cannot be seen, and mark those of a scan's layer."""
    lines = [line for block in content["blocks"] for line in block.get("lines", ())]
    spans = [span for line in lines for span in line["spans"]]
    began = time.process_time()
    outside = []
    boxes = [span["bbox"] for span in spans]
    spans = [span for span in spans if not _is_blank(span["text"])]
    pieces = Pieces(spans)
    try:
        if paints is not None:
            outside = outside_spans(page, FLAGS, boxes, paints)
        found = find_hidden(page, pieces, paints)
    except DRAWING_ERRORS:
        found = find_hidden(page, pieces, None)
        ink.judged = False
    ink.seconds = time.process_time() - began
    if not found and not outside:
        return
    layer = {n for n, seen in found.items() if seen is Seen.LAYER}
    hidden = found.keys() - layer
    if not pieces.are_most(layer):
        # Amid other text. What the picture shows there OCR reads; this may be something else.
        over = {n for n in layer if len(spans[n]["text"].strip()) > _FEW}
        hidden |= over
        layer -= over
    for n in layer:
        spans[n]["layer"] = True
    gone = {id(spans[n]) for n in hidden}
    for line in lines:
        kept = [span for span in line["spans"] if id(span) not in gone]
        if len(kept) < len(line["spans"]):
            left_out = "".join(span["text"] for span in line["spans"] if id(span) in gone)
            ink.unseen.append(shown(left_out))
            line["spans"] = kept
            line["cut"] = True
    ink.unseen += [shown(span["text"]) for span in outside]


def _is_blank(text: str) -> bool:
    return text.isspace() or (len(text) <= 2 and not shown(text))


def shown(text: str) -> str:
    """The text without control characters, soft hyphens and needless spaces.

    Layouts typed with spaces keep their gaps of three and more: tables are found by them.
    """
    if not text.isascii() or not text.isprintable():
        text = text.translate(_UNSHOWN)
    text = text.strip()
    return text if "   " in text else " ".join(text.split())


def _fragment(line: dict[str, Any], ink: Ink) -> tuple[str, Box, float, float, bool] | None:
    """One line of MuPDF's as text, box, baseline, size and bold; None when it is blank."""
    pieces: list[str] = []
    x0 = y0 = 1e9
    x1 = y1 = -1e9
    longest = most = 0
    base = size = 0.0
    sizes: dict[float, int] = {}
    bold_characters = characters = 0
    for span in line["spans"]:
        raw = span["text"]
        pieces.append(raw)
        count = len(raw) - raw.count(" ")
        if not count or raw.isspace():
            continue
        characters += count
        style = span["char_flags"]
        if style & _NO_UNICODE:
            ink.strange += count
        elif not raw.isascii() or not raw.isprintable():
            ink.strange += len(_STRANGE.findall(raw))
        if "layer" in span:
            ink.hidden += count
        flags = span["flags"]
        if flags & _BOLD:
            bold_characters += count
        box = span["bbox"]
        x0, y0 = min(x0, box[0]), min(y0, box[1])
        x1, y1 = max(x1, box[2]), max(y1, box[3])
        here = span["size"]
        sizes[here] = total = sizes.get(here, 0) + count
        if total > most:
            most = total
            size = here
        if count > longest:
            longest = count
            base = span["origin"][1]
    if not characters:
        return None
    ink.characters += characters
    text = shown("".join(pieces))
    if not text:
        return None
    return text, Box(x0, y0, x1, y1), base, size, bold_characters * 2 > characters


def _split_currency(whole: Fragment) -> list[Fragment]:
    """Part an amount from the sign of the next one ("461 $"), which MuPDF runs together."""
    width = 0.56 * whole.size
    amount, sign = whole.text[:-2].rstrip(), whole.text[-1]
    return [
        replace(whole, text=amount, x1=max(whole.x0, whole.x1 - 1.5 * width)),
        replace(whole, text=sign, x0=max(whole.x0, whole.x1 - width)),
    ]


def _respaced_lines(textpage: pymupdf.TextPage) -> dict[tuple[float, ...], str]:
    """Lines that hold a word of implausible length, spaced by their characters, by box."""
    lines: dict[tuple[float, ...], str] = {}
    for block in textpage.extractRAWDICT()["blocks"]:
        for line in block.get("lines", ()):
            characters = [c for span in line["spans"] for c in span["chars"]]
            if RUN_TOGETHER.search("".join(c["c"] for c in characters)):
                text = respaced(characters, line["spans"][0]["size"]).translate(_UNSHOWN)
                lines[tuple(line["bbox"])] = " ".join(text.split())
    return lines


def _split(whole: Fragment) -> list[Fragment]:
    """Cut a run at gaps of three or more spaces, its width shared out evenly by characters."""
    advance = (whole.x1 - whole.x0) / len(whole.text)
    parts = []
    for match in re.finditer(r"\S+(?:\s{1,2}\S+)*", whole.text):
        x0, x1 = whole.x0 + match.start() * advance, whole.x0 + match.end() * advance
        text = " ".join(match.group().split())
        parts.append(Fragment(text, x0, whole.y0, x1, whole.y1, whole.base, whole.size, whole.bold))
    return parts


def _join_characters(fragments: list[Fragment]) -> list[Fragment]:
    """Vertical text comes one character a line: put neighbours together."""
    joined: list[Fragment] = []
    for f in fragments:
        last = joined[-1] if joined else None
        if (
            last is not None
            and abs(f.base - last.base) < 0.2 * f.size
            and -0.3 * f.size < f.x0 - last.x1 < 0.3 * f.size
            and is_cjk(f.text[0])
            and is_cjk(last.text[-1])
        ):
            last.text += f.text
            last.x1 = max(last.x1, f.x1)
            last.y0, last.y1 = min(last.y0, f.y0), max(last.y1, f.y1)
        else:
            joined.append(f)
    return joined


def _stand_up(turns: dict[int, list[Fragment]]) -> None:
    """Move stacks of single CJK characters, set one by one downwards, to the downward turn."""
    upright = turns.get(0)
    if not upright or sum(len(f.text) == 1 for f in upright) * 2 < len(upright):
        return
    stays: list[Fragment] = []
    stack: list[Fragment] = []

    def close() -> None:
        if len(stack) >= 3:
            down = turns.setdefault(1, [])
            for f in stack:
                box = to_upright(Box(f.x0, f.y0, f.x1, f.y1), 1)
                down.append(Fragment(f.text, *box, box.y1, f.size, f.bold))
        else:
            stays.extend(stack)
        stack.clear()

    for f in upright:
        if len(f.text) != 1 or not is_cjk(f.text):
            close()
            stays.append(f)
            continue
        if stack:
            last = stack[-1]
            step = f.y0 - last.y0
            if abs(f.x0 - last.x0) > 0.3 * f.size or not 0.3 * f.size < step < 2.5 * f.size:
                close()
        stack.append(f)
    close()
    if stays:
        turns[0] = stays
    else:
        del turns[0]
