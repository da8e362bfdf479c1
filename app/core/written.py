"""Answers written by a model, checked sentence by sentence while they are written.

What the model writes is shown as it comes; when a sentence is whole it has been compared with the
passages that it cites, and is shown anew, with its state. Knows the engine's events, no store.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol

from app.core.answerer import Draft, Task, Told
from app.core.answers import Citation, CitationStatus, Effort, Statement, WrittenBy
from app.core.events import CitationChecked, PromptProgress, StatementChecked, TextWritten
from app.core.prompting import NOT_FOUND, STOPS, Built, build, is_not_found, prompt_version
from app.core.statements import Sentences, numbered
from app.core.verifier import Verifier
from engine.options import Event as EngineEvent
from engine.options import Finished, Keep, Message, ModelFacts, Options, PromptRead, Written


class Writer(Protocol):
    """What writes: `engine.Engine`, or what stands in for it."""

    def facts(self) -> ModelFacts:
        """What the model is."""

    def generate(
        self, prompt: Sequence[Message] | Sequence[int] | str, options: Options = ...
    ) -> Generator[EngineEvent, None, None]:
        """Writes after the prompt."""


def words_of(writer: Writer, prompt: Sequence[Message] | str, options: Options) -> Iterator[str]:
    """What a model writes after a prompt, without its thinking. Closing it stops the model."""
    with closing(writer.generate(prompt, options)) as stream:
        for event in stream:
            if isinstance(event, Written) and not event.thought:
                yield event.text


@dataclass(frozen=True, slots=True)
class WritingSettings:
    """How a model writes. Temperature 0 writes the same each time; a seed does so above it."""

    max_tokens: int = 600
    temperature: float = 0.0
    seed: int | None = None


DEFAULT_WRITING = WritingSettings()


class WrittenAnswerer:
    """Writes with a model over passages."""

    def __init__(self, writer: Writer, settings: WritingSettings = DEFAULT_WRITING) -> None:
        self._writer = writer
        self._settings = settings
        self._facts = writer.facts()
        self.name = self._facts.name

    @property
    def by(self) -> WrittenBy:
        """What writes, and how."""
        facts, settings = self._facts, self._settings
        return WrittenBy(
            facts.name,
            facts.fingerprint,
            facts.weights,
            facts.kv,
            facts.kernels,
            metadata.version("muniment"),
            prompt_version(),
            settings.temperature,
            settings.seed,
            settings.max_tokens,
        )

    def prompt(self, built: Built) -> tuple[Message, ...] | str:
        """The prompt in the form that the model takes."""
        return built.messages if self._facts.chat else built.text

    def answer(self, task: Task) -> Iterator[Told | Draft]:
        """Streams the answer; the `Draft` comes last.

        Raises:
            EngineError: the model cannot be loaded, is busy, or the prompt is too long.
        """
        begun = time.perf_counter()
        built = build(task)
        crops = {n: picture.crop for n, picture in built.pictures.items()}
        scribe = _Scribe(Verifier(built.passages, task.question, crops), frozenset(built.passages))
        raw, first, held = "", 0.0, True
        read, done = PromptRead(0, 0), Finished("end", 0, 0, 0.0, 0.0)
        stream = self._writer.generate(self.prompt(built), self._options(task, built))
        try:
            for event in stream:
                match event:
                    case PromptRead():
                        read = event
                        yield PromptProgress(event.tokens, event.of, event.reused, event.restored)
                    case Written(text, thought):
                        if thought:
                            continue
                        first = first or time.perf_counter() - begun
                        raw += text
                        # It may become the one word for nothing, which is not shown.
                        if held and _may_be_not_found(raw):
                            continue
                        yield from scribe.write(raw if held else text)
                        held = False
                    case Finished():
                        done = event
        finally:
            stream.close()
        if not is_not_found(raw):
            if held:
                yield from scribe.write(raw)
            yield from scribe.finish()
        effort = Effort(
            done.prompt_tokens,
            read.reused,
            read.restored,
            done.written_tokens,
            first,
            time.perf_counter() - begun,
        )
        yield scribe.draft(raw, self.by, effort)

    def _options(self, task: Task, built: Built) -> Options:
        settings, chat = self._settings, self._facts.chat
        keep = None
        if task.owner:
            # The first question stands in the message after the rules.
            keep = Keep(task.owner, 1, built.kept) if chat else Keep(task.owner, 0, built.kept_text)
        return Options(
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            seed=settings.seed,
            stop=() if chat else STOPS,
            keep=keep,
        )


class _Scribe:
    """The answer as far as it is written: shown text, statements, citations."""

    def __init__(self, verifier: Verifier, known: frozenset[int]) -> None:
        self._verifier = verifier
        self._known = known
        self._sentences = Sentences()
        self._text = ""
        self._begun = 0  # where the sentence under way begins in the text
        self._raw = ""  # that sentence as the model wrote it
        self._numbers: dict[int, int] = {}
        self._citations: list[Citation] = []
        self._statements: list[Statement] = []
        self._removed = 0

    def write(self, text: str) -> Iterator[Told]:
        """Takes what the model wrote next."""
        for stretch, ends in self._sentences.feed(text):
            yield from self._take(stretch, ends)

    def finish(self) -> Iterator[Told]:
        """What was written last is a sentence, too."""
        for stretch, ends in self._sentences.finish():
            yield from self._take(stretch, ends)

    def draft(self, raw: str, by: WrittenBy, effort: Effort) -> Draft:
        """The whole answer; found only if a page supports some of it."""
        text = self._text.strip()
        if any(c.status is not CitationStatus.UNVERIFIED for c in self._citations):
            shift = len(self._text) - len(self._text.lstrip())
            statements = tuple(
                Statement(s.start - shift, s.end - shift, s.status, s.citations, s.missing)
                for s in self._statements
            )
            return Draft(
                True, text, tuple(self._citations), statements, "", self._removed, raw, by, effort
            )
        return Draft(False, "", (), (), text, self._removed, raw, by, effort)

    def _take(self, stretch: str, ends: bool) -> Iterator[Told]:
        self._raw += stretch
        shown = numbered(stretch, self._numbers, self._known, len(self._citations) + 1)
        if shown:
            self._text += shown
            yield TextWritten(shown)
        if ends:
            yield from self._check()

    def _check(self) -> Iterator[Told]:
        raw, self._raw, self._numbers = self._raw, "", {}
        body = raw.strip()
        if body:
            lead = len(raw) - len(raw.lstrip())
            tail = raw[len(raw.rstrip()) :]
            checked = self._verifier.check(body, len(self._citations) + 1)
            self._removed += checked.removed
            start = self._begun + lead
            statement = Statement(
                start,
                start + len(checked.text),
                checked.status,
                tuple(c.n for c in checked.citations),
                checked.missing,
            )
            self._text = self._text[:start] + checked.text + tail
            self._citations += checked.citations
            for citation in checked.citations:
                yield CitationChecked(citation)
            if checked.claims:
                self._statements.append(statement)
                yield StatementChecked(statement, checked.text + tail)
        self._begun = len(self._text)


def _may_be_not_found(raw: str) -> bool:
    """Whether this may be the beginning of the words for "nothing there"."""
    said = raw.strip(" \n\t\"'*").upper().replace("_", " ")
    return is_not_found(raw) or NOT_FOUND.startswith(said)
