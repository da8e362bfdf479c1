"""Text from documents shown as what it is: data, never markup.

Qt guesses whether a label or tool tip is HTML; everything here takes that guess away.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection

from app.core.plain import plain

_REFERENCE = re.compile(r"\[(\d{1,4})\]")


def tip(text: str) -> str:
    """A tool tip that shows exactly this text, wrapped."""
    return f'<div style="white-space:pre-wrap">{html.escape(plain(text))}</div>' if text else ""


def one_line(text: str) -> str:
    """The text in one line: breaks and runs of spaces are single spaces, and nothing steers."""
    return " ".join(plain(text).split())


def answer_html(text: str, numbers: Collection[int], accent: str) -> str:
    """The answer as escaped HTML; ``[n]`` becomes a link ``cite:n`` where citation n exists."""

    def link(match: re.Match[str]) -> str:
        number = int(match[1])
        if number not in numbers:
            return match[0]
        style = f"color:{accent};text-decoration:none;font-weight:600"
        return f'<a href="cite:{number}" style="{style}">[{number}]</a>'

    escaped = html.escape(plain(text).strip())
    lines = _REFERENCE.sub(link, escaped).replace("\n", "<br>")
    return f'<div style="line-height:130%">{lines}</div>'


def cited_number(link: str) -> int | None:
    """The n of a ``cite:n`` link, None for every other link."""
    scheme, _, number = link.partition(":")
    return int(number) if scheme == "cite" and number.isdigit() else None


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 page", "2 pages": with thin groups of thousands."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
