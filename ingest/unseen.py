"""Text that nobody sees: signs without width, and how hidden text is told of.

Unicode has signs that take no room on a page: tags, zero-width signs, signs that turn the
direction of text, selectors of variants. A model reads them all the same. Knows no formats; the
readers find what is hidden by how it is painted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ingest.types import UNSEEN, Figure, Page

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
# Fewer words give no orders: page numbers, printers' marks, an editor's identifiers.
_PLAIN_WORD = re.compile(r"[^\w\s]*[^\W\d_]{2,}(?:[^\w\s]*|[’'-][^\W\d_]+[^\w\s]*)")
_WORDS_IN_A_ROW = re.compile(r"(?:[^\W\d_]{2,}[^\w\s]*\s+){3,}[^\W\d_]{2,}")
_MANY_WORDS = 6
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af]{8}")
_WORD = re.compile(r"\w+")
_EXCERPT = 120
_PAGES_TOLD = 5
_PLACES_TOLD = 3
_RUN = re.compile(r"\(\d+ signs without width\)")
_KNOWN = 0.8  # of the words of a hidden text: so many stand on its page for all to see

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


def is_prose(text: str) -> bool:
    """Whether a text says something: mostly words, and four of them in a row, one of which is in
    small letters, or six; or eight signs in a row of a script without spaces."""
    if _SPACELESS.search(text):
        return True
    tokens = text.split()
    words = sum(_PLAIN_WORD.fullmatch(token) is not None for token in tokens)
    if words * 2 <= len(tokens):
        return False
    return any(
        len(run) >= _MANY_WORDS or any(word.islower() for word in run)
        for run in (found.group().split() for found in _WORDS_IN_A_ROW.finditer(text))
    )


def excerpt(text: str) -> str:
    """The beginning of a hidden text, in one line, for a warning."""
    line = " ".join(re.sub(f"[{INVISIBLE}\x00-\x1f\x7f-\x9f]", " ", text).split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1].rstrip() + "…"


def unseen_warnings(pages: Sequence[Page], figures: Iterable[Figure]) -> list[str]:
    """What to tell of the text on pages that cannot be seen.

    Nothing is told of a few letters, nor of what can be read elsewhere: shadows, running heads
    that are covered on some pages, the text of pictures that has been laid over them.
    """
    found = [(page, " ".join(page.unseen)) for page in pages if page.unseen]
    found = [(page, text) for page, text in found if is_message(text)]
    if not found:
        return []
    shown = _letters(line.text for page in pages for line in page.lines)
    read: dict[int, list[str]] = {}
    for figure in figures:
        read.setdefault(figure.page, []).extend(line.text for line in figure.inside)
    told = []
    for page, _ in found:
        texts = [text for text in page.unseen if _letters([text]) not in shown]
        visible = [line.text for line in page.lines] + read.get(page.number, [])
        known = set(_WORD.findall(" ".join(visible).casefold()))
        words = _WORD.findall(" ".join(texts).casefold())
        if is_message(" ".join(texts)) and sum(w in known for w in words) < _KNOWN * len(words):
            told.append((page.number, excerpt(" ".join(texts))))
    return _told(told)


def hidden_warnings(texts: Iterable[str]) -> list[str]:
    """What to tell of hidden text in a document whose pages are made by us."""
    told = [excerpt(text) for text in dict.fromkeys(texts) if is_message(text)]
    more = f" and {len(told) - _PLACES_TOLD:,} more" if len(told) > _PLACES_TOLD else ""
    quoted = ", ".join(f"“{text}”" for text in told[:_PLACES_TOLD])
    return [f"It holds {UNSEEN}: {quoted}{more}"] if told else []


def is_message(text: str) -> bool:
    """Whether hidden text is worth telling of: prose, or a long run of signs without width."""
    return is_prose(text) or _RUN.search(text) is not None


def _letters(texts: Iterable[str]) -> str:
    return re.sub(r"[\W_]+", "", "".join(texts)).casefold()


def _told(found: Sequence[tuple[int, str]]) -> list[str]:
    if len(found) <= _PAGES_TOLD:
        return [f"Page {n} holds {UNSEEN} on the page: “{text}”" for n, text in found]
    numbers = ", ".join(str(n) for n, _ in found[:_PAGES_TOLD])
    first, text = found[0]
    return [
        f"Pages {numbers} and {len(found) - _PAGES_TOLD:,} more hold {UNSEEN} on them, page "
        f"{first} for one: “{text}”"
    ]
