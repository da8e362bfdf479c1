"""Text as it is searched, beside text as the document shows it.

The shown text is never changed; these functions make a copy in which ligatures, odd spaces,
quotation marks, dashes and end-of-line hyphens no longer keep equal words apart.
"""

from __future__ import annotations

import re
import unicodedata

_QUOTES = {"‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'"}
_QUOTES |= {"“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"'}
_DASHES = {"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-"}
_REPLACED = str.maketrans(_QUOTES | _DASHES)
_DROPPED = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_PLAIN = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*\Z")


def normalise(text: str) -> str:
    """The search copy of ``text``: one line, single spaces, end-of-line hyphenation joined."""
    if _PLAIN.match(text) and "`" not in text:
        return text
    return normalise_with_map(text)[0]


def normalise_with_map(text: str) -> tuple[str, list[int]]:
    """`normalise`, and for each character of the result the offset it came from in ``text``."""
    out: list[str] = []
    origin: list[int] = []
    at, length = 0, len(text)
    while at < length:
        char = text[at]
        if char in _DROPPED:
            at += 1
            continue
        if char.isspace():
            end = at + 1
            while end < length and (text[end].isspace() or text[end] in _DROPPED):
                end += 1
            if out and end < length:
                if _joins(out, text, at, end):
                    out.pop()
                    origin.pop()
                elif not (out[-1] == "-" and "\n" in text[at:end] and _word_before(out)):
                    out.append(" ")
                    origin.append(at)
            at = end
            continue
        plain = char if char.isascii() else unicodedata.normalize("NFKC", char)
        for piece in plain.translate(_REPLACED):
            if piece.isspace() and (not out or out[-1] == " "):
                continue
            out.append(" " if piece.isspace() else piece)
            origin.append(at)
        at += 1
    return "".join(out), origin


def _word_before(out: list[str]) -> bool:
    return len(out) >= 2 and out[-2].isalnum()


def _joins(out: list[str], text: str, at: int, end: int) -> bool:
    """Whether the hyphen just written only breaks a word over two lines.

    ``well-\\nknown`` cannot be told from ``hyphen-\\nation``: a lower-case letter on both sides
    joins without the hyphen, everything else keeps it.
    """
    return (
        out[-1] == "-"
        and "\n" in text[at:end]
        and len(out) >= 3
        and out[-2].islower()
        and out[-3].isalpha()
        and text[end].islower()
    )
