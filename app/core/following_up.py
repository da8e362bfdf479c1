"""A follow-up question: what it means by itself, as a search query.

With a model, the model is asked in the same conversation, so that what it has read stays of use;
without, the question is searched together with the one before it. Knows no store.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.core.answerer import Task, Turn
from app.core.prompting import build, instructions
from app.core.written import Writer, words_of
from engine.options import Options
from ingest.words import content_words

# Pronouns for what was spoken of; not those that stand for nothing ("is there", "gibt es").
_POINTS_BACK = re.compile(
    r"\b(?:it|its|he|she|him|his|hers?|they|them|theirs?|these|those|what about|how about|"
    r"the same|the former|the latter|the others?|"
    r"(?:is|was|does|did|of|for|about|to|by|with|in|on|after|before|since|under) (?:this|that)|"
    r"er|sie|ihn|ihm|ihr(?:e[nmrs]?)?|dessen|deren|diese[nmrs]?|jene[nmrs]?|davon|dazu|damit|"
    r"elles?|ils|lui|leurs?|cela|ça|celui|celles?|ceux|ella|ellos|ellas|él|eso|esto)\b"
    r"|^\s*(?:and|but|or|und|aber|et|mais|pero|y)\b",
    re.IGNORECASE,
)
_FEW_WORDS = 3
_LONGEST = 300
_LEAST_KNOWN = 0.5  # of a query's words that question or conversation have
_MOST_TOKENS = 60


def depends(question: str) -> bool:
    """Whether a question cannot be understood without the ones before it.

    >>> depends("And what was its dose?"), depends("Which law governs the supply agreement?")
    (True, False)
    """
    return len(content_words(question)) < _FEW_WORDS or _POINTS_BACK.search(question) is not None


def joined(question: str, before: str) -> str:
    """The question with the one before it: what can be searched for without a model."""
    return f"{before.strip()} {question.strip()}"


def rewritten(question: str, turns: Sequence[Turn], writer: Writer) -> str:
    """The search query that a model makes of it; empty if it makes nothing of use.

    Raises what `engine.Engine.generate` raises.
    """
    facts = writer.facts()
    built = build(Task(f"{instructions('query')}\n\n{question}", (), earlier=tuple(turns)))
    prompt = built.messages if facts.chat else built.text
    options = Options(max_tokens=_MOST_TOKENS, stop=("\n",))
    text = "".join(words_of(writer, prompt, options))
    query = " ".join(text.split()).strip("\"'“”")
    known = set(content_words(" ".join([question, *(f"{t.question} {t.raw}" for t in turns)])))
    known |= {w for t in turns for p in t.passages for w in content_words(p.text)}
    words = content_words(query)
    sound = words and sum(word in known for word in words) >= _LEAST_KNOWN * len(words)
    return query if sound and len(query) <= _LONGEST else ""
