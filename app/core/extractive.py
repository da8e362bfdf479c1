"""Answers made of the documents' own sentences; they serve when no model is installed.

Chooses what to quote among the sentences that `app.core.support` has weighed. Knows no store and
no index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from app.core.answerer import Draft, Task, Told
from app.core.answers import Mode, Statement
from app.core.candidates import Candidate
from app.core.citations import boxes_between, cite, shown
from app.core.events import CitationChecked, StatementChecked, TextWritten
from app.core.lacking import holding
from app.core.layout import PageLines
from app.core.support import LEAST_TO_QUOTE, Examined, examine
from ingest.embedder import Embedder
from ingest.glossary import Glossary
from ingest.normalise import normalise
from ingest.question import core_of, identifiers


@dataclass(frozen=True, slots=True)
class ExtractiveSettings:
    """How many sentences are quoted, and when none is.

    None is where support is below ``least_support``. A sentence is quoted while its rank is at
    least ``least_share`` of the best one's; a second one of the same page needs
    ``least_share_of_page``. Where sentences hold the number or code that is asked about, others
    are no answer.
    """

    most_sentences: int = 5
    least_support: float = LEAST_TO_QUOTE
    least_share: float = 0.7
    least_share_of_page: float = 0.97


class ExtractiveAnswerer:
    """Answers with the best verbatim sentences."""

    name = "extractive"

    def __init__(
        self,
        embedder: Embedder,
        glossary: Glossary | None = None,
        settings: ExtractiveSettings | None = None,
        page_lines: PageLines | None = None,
    ) -> None:
        self._embedder = embedder
        self._glossary = glossary
        self._settings = settings or ExtractiveSettings()
        self._page_lines = page_lines

    def answer(self, task: Task) -> Iterator[Told | Draft]:
        """The best sentences, each with its citation."""
        examined = examine(
            task.question, task.passages, self._embedder, self._glossary, self._page_lines
        )
        chosen = self._choose(core_of(task.question), examined, task.mode)
        text, citations, statements = "", [], []
        for n, candidate in enumerate(chosen, start=1):
            citation = cite(n, candidate.passage, candidate.quote)
            piece = f"{shown(candidate.quote)} [{n}]"
            if text:
                text += "\n"
                yield TextWritten("\n")
            statement = Statement(len(text), len(text) + len(piece), citation.status, (n,))
            text += piece
            citations.append(citation)
            statements.append(statement)
            yield TextWritten(piece)
            yield CitationChecked(citation)
            yield StatementChecked(statement, piece)
        yield Draft(bool(citations), text, tuple(citations), tuple(statements))

    def _choose(self, question: str, examined: Examined, mode: Mode) -> list[Candidate]:
        settings, ranks = self._settings, examined.ranks
        if not examined.candidates or examined.support < settings.least_support:
            return []
        order = sorted(range(len(ranks)), key=lambda n: -ranks[n])
        best = ranks[order[0]]
        named = identifiers(question)
        with_name = holding(named, [c.whole for c in examined.candidates])
        if any(ranks[n] >= settings.least_share * best for n in with_name):
            order = [n for n in order if n in with_name]
        taken: list[Candidate] = []
        seen: set[str] = set()
        pages: Counter[tuple[int, int]] = Counter()
        for n in order:
            candidate = examined.candidates[n]
            page = (candidate.passage.document_id, _page(candidate))
            # Who points at a page wants all that answers there.
            again = pages[page] and mode is not Mode.PLACE
            share = settings.least_share_of_page if again else settings.least_share
            words = normalise(candidate.quote).casefold()
            if ranks[n] < share * best or words in seen:
                continue
            seen.add(words)
            pages[page] += 1
            taken.append(candidate)
            if len(taken) == settings.most_sentences:
                break
        return taken


def _page(candidate: Candidate) -> int:
    sentence, passage = candidate.sentence, candidate.passage
    boxes = boxes_between(passage.lines, sentence.start, sentence.end)
    return boxes[0].page if boxes else passage.pages[0]
