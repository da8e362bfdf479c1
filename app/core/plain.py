"""Text of documents on its way to a person's eyes: it must not steer what shows it.

Knows strings only; `app.cli.plain` and `app.ui.text` show them.
"""

from __future__ import annotations

import re

# Controls but for tab and newline (escape sequences among them), signs that turn the direction of
# what follows, and tags, which nobody sees.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """The text with a space for every sign that could steer a terminal or turn words about."""
    return text if text.isascii() and text.isprintable() else STEERING.sub(" ", text)
