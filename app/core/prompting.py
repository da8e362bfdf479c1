"""Builds what a model reads: fixed rules, numbered passages in fences, the question last.

Nothing that changes from question to question stands before the passages, so that what was read
stays usable. Text of documents is data: it is cleaned (`app.core.fence`), and cannot close its
fence or forge another. Knows no engine.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.answerer import Picture, Task
from app.core.fence import clean, label
from app.core.locations import resources_folder
from engine.options import Image, Message, Part
from ingest.clusters import common
from ingest.types import Passage

NOT_FOUND = "NOT FOUND"
# Where a text stops that goes on a prompt instead of answering in a conversation.
STOPS = ("\nQuestion:", "\n<passage", "\n</passage")
_BLANK_LINE = "\n\n"


@dataclass(frozen=True, slots=True)
class Built:
    """A prompt: messages for a conversation, or a text for models that only go on with one.

    ``passages`` are all that the model was given, by the numbers it knows them under. ``kept``
    is how much of the first question's message is passages, in characters; ``kept_text`` is how
    much of the text comes before that question.
    """

    messages: tuple[Message, ...]
    text: str
    passages: Mapping[int, Passage]
    pictures: Mapping[int, Picture]
    kept: int
    kept_text: int


@functools.cache
def instructions(name: str = "answer") -> str:
    """A fixed text of `resources/prompts`."""
    path = resources_folder() / "prompts" / f"{name}.txt"
    return path.read_text(encoding="utf-8").strip()


def prompt_version() -> str:
    """Names the rules that answers are written under."""
    return hashlib.sha256(instructions().encode()).hexdigest()[:16]


def in_document_order(passages: Sequence[Passage]) -> list[Passage]:
    """Passages as they stand in their documents; the same ones always in the same order."""
    last = (1 << 62,)
    return sorted(passages, key=lambda p: (p.document_id, p.chunk_ids or last, p.pages, p.text))


def build(task: Task) -> Built:
    """The prompt of a task, after those of its conversation."""
    number = 0
    known: dict[int, Passage] = {}
    pictures: dict[int, Picture] = {}
    messages = [Message("system", instructions())]
    texts = [instructions()]
    kept = 0
    turns = [(t.question, t.passages, t.pictures, t.raw) for t in task.earlier]
    for question, passages, shown, raw in [
        *turns,
        (task.question, task.new, task.pictures, None),
    ]:
        parts: list[Part] = []
        for passage in passages:
            number += 1
            known[number] = passage
            seen = [p for p in shown if _shows(p, passage)]
            parts.append(_fenced(number, passage, closed=not seen))
            for picture in seen:
                pictures[number] = picture
                parts += [Image(picture.png, picture.tokens), "\n"]
            if seen:
                parts.append("</passage>\n")
        block = "".join(part for part in parts if isinstance(part, str))
        if len(messages) == 1:
            kept = len(block)
        asked = f"\nQuestion: {clean(question).strip()}"
        messages.append(Message("user", _joined([*parts, asked])))
        texts.append(f"{block}{asked}\nAnswer:")
        if raw is not None:
            # A turn must not be empty, and never holds more than was written.
            said = raw.strip() or NOT_FOUND
            messages.append(Message("assistant", said))
            texts[-1] += f" {said}"
    text = _BLANK_LINE.join(texts)
    kept_text = len(instructions()) + len(_BLANK_LINE) + kept
    return Built(tuple(messages), text, known, pictures, kept, kept_text)


def _fenced(number: int, passage: Passage, *, closed: bool) -> str:
    pages = passage.pages
    where = str(pages[0]) if len(pages) == 1 else f"{pages[0]}-{pages[-1]}"
    head = f'<passage n="{number}" document="{label(passage.document)}" page="{where}"'
    if passage.heading:
        head += f' section="{label(" > ".join(passage.heading))}"'
    if passage.by:
        head += ' source="written down by a model, may be wrong"'
    text = clean(passage.text.replace("\t", " | ")).strip()
    return f"{head}>\n{text}\n" + ("</passage>\n" if closed else "")


def _shows(picture: Picture, passage: Passage) -> bool:
    crop = picture.crop
    if crop.document_id != passage.document_id:
        return False
    return any(line.page == crop.page and common(line.box, crop.box) > 0 for line in passage.lines)


def _joined(parts: Sequence[Part]) -> str | tuple[Part, ...]:
    """Neighbouring texts as one; a text alone if nothing else is there."""
    out: list[Part] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        else:
            out.append(part)
    return out[0] if len(out) == 1 and isinstance(out[0], str) else tuple(out)


def is_not_found(text: str) -> bool:
    """Whether a model says that the passages do not hold the answer."""
    return bool(re.match(r"[\s\"'*]*NOT[ _]FOUND\b", text, re.IGNORECASE))
