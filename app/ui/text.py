"""Text from documents shown as what it is: data, never markup.

Qt guesses whether a label or tool tip is HTML; everything here takes that guess away.
"""

from __future__ import annotations

import html
import re

from app.core.plain import plain

BREAK = "\u200b"  # takes no room; a line may end there
_LONG_WORD = re.compile(r"\S{24}(?=\S)")


def breakable(text: str) -> str:
    """The text with places in its long words where a line may end.

    >>> len(breakable("a" * 50)), breakable("short words")
    (52, 'short words')
    """
    return _LONG_WORD.sub(lambda word: word[0] + BREAK, text)


def tip(text: str) -> str:
    """A tool tip that shows exactly this text, wrapped."""
    return f'<div style="white-space:pre-wrap">{html.escape(plain(text))}</div>' if text else ""


def one_line(text: str) -> str:
    """The text in one line: breaks and runs of spaces are single spaces, and nothing steers."""
    return " ".join(plain(text).split())


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 page", "2 pages": with thin groups of thousands."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
