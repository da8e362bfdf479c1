"""Commands for what stands on pages: read again by a model, and every reading there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.opening import document_number, open_workspace
from app.cli.options import EXIT_INTERRUPTED, AnyCollection, Json, new_name
from app.cli.output import box_fields, counted, document_fields, print_json, stderr
from app.cli.plain import say
from app.cli.program import app
from app.cli.progress import Progress
from app.core.events import DocumentAdded, DocumentReplaced, PageTranscribed, TextWritten
from ingest.types import TextSource

_SOURCES = {
    TextSource.TEXT: "the file's own text",
    TextSource.OCR: "OCR",
    TextSource.MODEL: "a model",
}
ADocument = Annotated[str, typer.Argument(help="The document: number, name or path.")]


@app.command()
def transcribe(
    document: ADocument,
    page: Annotated[
        list[int], typer.Option(min=1, help="This page; may be repeated. Else the poor ones.")
    ] = [],  # noqa: B006 - typer copies it
    collection: AnyCollection = None,
    json_: Json = False,
) -> None:
    """Have the library's model write down pages whose OCR is poor, beside what OCR read.

    Nothing is overwritten: `muniment readings` shows both. A search finds both, and says of the
    model's that a model wrote it.
    """
    done: list[PageTranscribed] = []
    with open_workspace() as workspace, Progress(quiet=json_) as progress:
        number = document_number(workspace, document, collection)
        try:
            for event in workspace.transcribe(number, page or None):
                progress.show(event)
                if isinstance(event, PageTranscribed):
                    done.append(event)
        except KeyboardInterrupt:
            stderr.print("Stopped; the pages written down before are kept.", highlight=False)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if json_:
        print_json({"pages": [{"page": e.page, "lines": e.lines, "by": e.by} for e in done]})
        return
    for event in done:
        say(f"page {event.page}: {counted(event.lines, 'line')} by {event.by}")
    if not done:
        say("No page of it was read badly; name pages with --page.")


@app.command()
def dictation(
    recording: Annotated[Path, typer.Argument(help="A WAV file: 16 kHz, one channel, 16 bits.")],
    collection: Annotated[
        str | None,
        typer.Option(
            "--collection",
            "-c",
            help="Keep it in this collection; printed only when left out.",
            callback=new_name,
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Have the library's model write down a dictated note, and keep it if a collection is named.

    Recording and transcript are kept as one document, which says on its page, and wherever it is
    cited, that a model wrote the words.
    """
    text, kept = "", None
    with open_workspace() as workspace, Progress(quiet=json_) as progress:
        try:
            for event in (
                workspace.add_dictation(recording, collection)
                if collection
                else workspace.transcribe_audio(recording)
            ):
                progress.show(event)
                if isinstance(event, TextWritten):
                    text += event.text
                elif isinstance(event, DocumentAdded | DocumentReplaced):
                    kept = event.document
        except KeyboardInterrupt:
            stderr.print("Stopped; nothing was kept.", highlight=False)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if json_:
        document = document_fields(kept) if kept else None
        print_json({"recording": str(recording), "text": text.strip(), "document": document})
        return
    say(text.strip())
    if kept:
        say(f"\nKept in {kept.collection} as document {kept.id}. {kept.warnings[0]}")


@app.command()
def readings(
    document: ADocument,
    page: Annotated[int, typer.Option(min=1, help="The page, counted from 1.")] = 1,
    collection: AnyCollection = None,
    json_: Json = False,
) -> None:
    """Print every reading of a page: the file's own text, OCR, a model's."""
    with open_workspace() as workspace:
        number = document_number(workspace, document, collection)
        found = workspace.readings(number, page)
    if json_:
        fields = [
            {
                "source": reading.source.value,
                "by": reading.by or None,
                "made": reading.made or None,
                "confidence": reading.confidence,
                "lines": [
                    {"text": line.text, "box": box_fields(page, line.box)} for line in reading.lines
                ],
            }
            for reading in found
        ]
        print_json({"page": page, "readings": fields})
        return
    for reading in found:
        by = f", {reading.by}" if reading.by else ""
        sure = "" if reading.confidence is None else f", confidence {reading.confidence:.2f}"
        say(f"— read by {_SOURCES[reading.source]}{by}{sure}")
        for line in reading.lines:
            say(line.text)
