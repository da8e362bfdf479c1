"""Whether a question is answered from passages or from whole documents.

Whole documents are read where the question needs all of them: counting, listing, comparing,
"everything about". Pure functions; knows no store and no engine.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from ingest.types import Passage

_WHOLE = re.compile(
    r"\b(?:how many|how often|count|list|enumerate|all (?:the |of the |dates|names|parties)|every|"
    r"each|compare|comparison|differ(?:s|ences?)?|summar(?:y|i[sz]e|ies)|overview|outline|"
    r"everything|timeline|chronolog\w+|throughout|in total|total number|"
    r"wie ?viele|wie oft|liste|auflist\w*|alle[sr]?|jede[rsn]?|vergleich\w*|unterschiede?|"
    r"zusammenfass\w*|überblick|combien|énumér\w*|tous|toutes|compare[rz]?|résum\w+|aperçu|"
    r"cuánt[oa]s|enumer\w+|tod[oa]s|compar[ae]\w*|resum\w+)\b",
    re.IGNORECASE,
)
_ONE_DOCUMENT = 0.6  # of the passages' weight: then the question is about that document


def needs_whole(question: str) -> bool:
    """Whether the answer takes all of a document rather than a place in it.

    >>> needs_whole("How many visits were there?"), needs_whole("When was the first visit?")
    (True, False)
    """
    return _WHOLE.search(question) is not None


def document_meant(passages: Sequence[Passage]) -> int | None:
    """The document that most of the best passages come from, if one stands out."""
    weights: dict[int, float] = defaultdict(float)
    for place, passage in enumerate(passages):
        weights[passage.document_id] += 1 / (1 + place)
    if not weights:
        return None
    best = max(weights, key=lambda number: weights[number])
    return best if weights[best] >= _ONE_DOCUMENT * sum(weights.values()) else None


def within(passages: Sequence[Passage], tokens: int, most: int, fewest: int = 2) -> list[Passage]:
    """The first passages, as many as so many tokens allow (a token is about 3.5 characters)."""
    chosen: list[Passage] = []
    room = tokens * 3.5
    for passage in passages[:most]:
        room -= len(passage.text) + 120
        if room < 0 and len(chosen) >= fewest:
            break
        chosen.append(passage)
    return chosen
