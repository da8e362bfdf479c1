"""Spaces that MuPDF misses: words set without space characters and with narrow gaps.

Looks at single characters, which is slow, so it is only asked about lines that hold a word of
implausible length.
"""

from __future__ import annotations

import re
from itertools import pairwise
from statistics import median
from typing import Any

# Long enough for German compounds to be rare; addresses and paths hold other characters.
RUN_TOGETHER = re.compile(r"(?<![/@.:_\w])[^\W\d_]{25,}+(?![/@_])")

_GAP = 0.07  # ems
_TOUCHING = 0.03  # ems: the usual gap inside of words must be clearly smaller


def respaced(characters: list[dict[str, Any]], size: float) -> str:
    """The text of one line's characters (MuPDF's ``bbox`` and ``c``), a space added wherever two
    stand apart although neighbours in this line usually touch."""
    gaps = [b["bbox"][0] - a["bbox"][2] for a, b in pairwise(characters) if a["c"] != " " != b["c"]]
    text = "".join(c["c"] for c in characters)
    if not gaps or median(abs(gap) for gap in gaps) > _TOUCHING * size:
        return text
    pieces = [characters[0]["c"]]
    for a, b in pairwise(characters):
        if a["c"] != " " != b["c"] and b["bbox"][0] - a["bbox"][2] > _GAP * size:
            pieces.append(" ")
        pieces.append(b["c"])
    return "".join(pieces)
