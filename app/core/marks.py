"""Citations and quotations as they stand in a sentence: found, taken out, rewritten.

Knows text; knows no passages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# "[3]", "[2, 5]", "[2-4]"; some models write "[passage 3]".
MARK = re.compile(r"\[(?:passages?\s+)?(\d{1,4}(?:\s*[,;–-]\s*\d{1,4})*)\]", re.IGNORECASE)
# Opening and closing marks of quotations; the first that opens decides what closes.
QUOTE = re.compile(
    r"\"([^\"]+)\"|“([^“”]+)[”“]|„([^„“”]+)[“”]|«\s*([^«»]+?)\s*»|»([^«»]+)«|‘‘([^’]+)’’"
)


def numbers_of(inside: str) -> list[int]:
    """The numbers of one mark: ``1, 3``, ``2-4``."""
    numbers: list[int] = []
    for part in re.split(r"[,;]", inside):
        ends = [int(word) for word in re.findall(r"\d+", part)]
        if len(ends) == 2 and 0 <= ends[1] - ends[0] < 20:
            numbers += range(ends[0], ends[1] + 1)
        else:
            numbers += ends
    return numbers


def without_them(
    sentence: str,
    marks: Sequence[tuple[int, int, list[int]]],
    quotes: Sequence[tuple[int, int, str]],
) -> str:
    """The sentence without its citations and quotations."""
    out, at = "", 0
    for start, end in sorted((s, e) for s, e, _ in [*marks, *quotes]):
        if start >= at:
            out += sentence[at:start] + " "
            at = end
    return out + sentence[at:]


def rewritten(
    sentence: str,
    marks: Sequence[tuple[int, int, list[int]]],
    numbers: Mapping[int, int],
    repairs: Sequence[tuple[int, int, str]],
) -> str:
    """The sentence with our citations' numbers, and with the documents' words where repaired."""
    changes: list[tuple[int, int, str]] = []
    for start, end, cited in marks:
        ours = "".join(f"[{numbers[n]}]" for n in dict.fromkeys(cited) if n in numbers)
        changes.append((start, end, ours))
    for start, end, words in repairs:
        opening, closing = sentence[start], sentence[end - 1]
        changes.append((start, end, f"{opening}{words}{closing}"))
    out, at = "", 0
    for start, end, new in sorted(changes):
        if start < at:
            continue
        out += sentence[at:start]
        if not new and sentence[end : end + 1] in ("", " ", ".", ",", ";", ":", "!", "?", "\n"):
            out = out.rstrip(" ")
        out += new
        at = end
    return out + sentence[at:]
