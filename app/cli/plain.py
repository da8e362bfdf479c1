"""Text on its way to a terminal: what documents, file names and models say must not steer it.

Everything that the command line prints goes through `say` or a `PlainConsole`; a test holds that.
"""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console

from app.core.plain import STEERING, plain


def escaped(json_text: str) -> str:
    """JSON with the same signs written as JSON escapes; its meaning stays the same."""
    return STEERING.sub(_escape, json_text)


def _escape(sign: re.Match[str]) -> str:
    units = sign.group().encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def say(text: str = "", *, flush: bool = False) -> None:
    """Prints a text for a person."""
    print(plain(text), flush=flush)


class PlainConsole(Console):
    """A console that takes strings for text, not for markup or control sequences."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does, with strings made plain; styles belong in a `Text`."""
        texts = [plain(item) if isinstance(item, str) else item for item in objects]
        super().print(*texts, **{"markup": False, **options})
