"""Text from documents shown as what it is: data, never markup.

Qt guesses whether a label or tool tip is HTML; everything here takes that guess away.
"""

from __future__ import annotations

import html
import re

# What turns the direction of the text after it, and characters that nobody sees: a document's
# words must not reorder or hide the program's own.
_UNSEEN = {
    code: "\u200b"
    for first, last in (
        (0x00, 0x08),
        (0x0B, 0x1F),
        (0x7F, 0x9F),
        (0x202A, 0x202E),
        (0x2066, 0x2069),
    )
    for code in range(first, last + 1)
}
_UNSEEN |= {0x2028: "\n", 0x2029: "\n", 0xFFFC: "\u200b"}


def harmless(text: str) -> str:
    """The text without control characters and without marks that turn its direction."""
    return text.translate(_UNSEEN)


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
    return f'<div style="white-space:pre-wrap">{html.escape(text)}</div>' if text else ""


def one_line(text: str) -> str:
    """The text with its line breaks and runs of spaces as single spaces."""
    return " ".join(text.split())


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 page", "2 pages": with thin groups of thousands."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
