"""Markdown (CommonMark with tables), by way of HTML."""

from __future__ import annotations

import re
from dataclasses import replace

from markdown_it import MarkdownIt

from ingest.formats import html, text
from ingest.formats.blocks import Draft, Heading
from ingest.formats.detect import Kind

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*\n", re.S)
_FACT = re.compile(r"^(title|author|date):[ \t]*(.+?)[ \t]*$", re.M)


def read(data: bytes) -> Draft:
    """The draft of a Markdown file; its title is the first heading, or the front matter's."""
    source, warnings = text.decode(data)
    source = source.replace("\r\n", "\n")
    facts: dict[str, str] = {}
    if front := _FRONT_MATTER.match(source):
        facts = {name: value.strip("\"'") for name, value in _FACT.findall(front.group(1))}
        source = source[front.end() :]
    # Raw HTML is let through to the HTML reader, which keeps nothing but its text.
    markup = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source)
    draft = html.draft(markup)
    first = next((block.text for block in draft.blocks if isinstance(block, Heading)), "")
    return replace(
        draft,
        media_type=Kind.MARKDOWN.value,
        title=facts.get("title", first),
        author=facts.get("author", ""),
        created=facts.get("date", ""),
        warnings=warnings,
    )
