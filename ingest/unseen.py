"""Characters that nobody sees, and the messages that can be written with them.

Unicode has signs that take no room on a page: tags, zero-width signs, signs that turn the
direction of text, selectors of variants. A model reads them all the same. Knows strings only.
"""

from __future__ import annotations

import re

TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TURNS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = "\u00ad\u034f\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"
_FILLERS = "\u115f\u1160\u17b4\u17b5\u3164\uffa0"
_FORMATS = "\u070f\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e00ff"

# A class of a regular expression, without its brackets.
INVISIBLE = TAGS + _SELECTORS + _TURNS + _ZERO_WIDTH + _FILLERS + _FORMATS

_FLAG = re.compile("(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_TAG_RUN = re.compile(f"[{TAGS}]+")
# Emoji and scripts from the right to the left put two or three such signs in a row, not eight.
_LONG_RUN = re.compile(f"[{INVISIBLE}]{{8,}}")
_OVERRIDES = re.compile("[\u202d\u202e]")
_SUSPECT = re.compile(f"[{TAGS}\u202d\u202e]|[{INVISIBLE}]{{8}}")


def seen(text: str) -> tuple[str, tuple[str, ...]]:
    """``text`` as it can be seen, and what was written in signs that cannot.

    Tags (but for those in the flags of England, Scotland and Wales), runs of eight and more signs
    without width, and overrides of direction are taken out; single joiners and marks of
    direction, which many scripts need, stay. A run of tags comes back as the letters it stands
    for, a run of other signs as its length. A single tag or override is no message.
    """
    if text.isascii() or not _SUSPECT.search(text):
        return text, ()
    messages: list[str] = []

    def take(run: re.Match[str]) -> str:
        messages.append(_decoded(run.group()))
        return ""

    flags = [flag.span() for flag in _FLAG.finditer(text)]
    pieces = []
    at = 0
    for start, end in [*flags, (len(text), len(text))]:
        plain = _LONG_RUN.sub(take, text[at:start])
        plain = _TAG_RUN.sub(take, plain)
        pieces += [_OVERRIDES.sub("", plain), text[start:end]]
        at = end
    return "".join(pieces), tuple(message for message in messages if len(message) > 1)


def _decoded(run: str) -> str:
    letters = "".join(
        chr(ord(sign) - 0xE0000) for sign in run if "\U000e0020" <= sign <= "\U000e007e"
    )
    return letters or f"({len(run)} signs without width)"
