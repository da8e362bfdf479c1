"""Commands that look into documents: search, ask, show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.opening import chosen_collection, document_number, open_workspace
from app.cli.options import (
    DATE,
    AnyCollection,
    Json,
    OneCollection,
    OnlyDocuments,
    Region,
    day,
    region_box,
)
from app.cli.output import (
    answer_fields,
    box_fields,
    counted,
    figure_fields,
    print_answer,
    print_json,
)
from app.cli.passages import Found
from app.cli.plain import say
from app.cli.program import app
from app.cli.reading import Reading
from app.core.answers import Crop, Mode, Scope
from app.core.events import Answered, PassagesFound
from app.core.marking import Marked
from app.core.written import WritingSettings
from ingest.clusters import area
from ingest.errors import IngestError

if TYPE_CHECKING:  # loaded when a library is opened
    from app.core.workspace import Workspace


class AskMode(StrEnum):
    """What an answer is written over."""

    AUTO = "auto"
    PASSAGES = "passages"
    WHOLE = "whole"


_MOST_PIXELS = 60_000_000


def _not_empty(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("It is empty. Put words between the quotation marks.")
    return text


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="What to look for.", callback=_not_empty)],
    collection: OneCollection = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Passages to show.")] = 10,
    document: OnlyDocuments = [],  # noqa: B006 - typer copies it
    since: Annotated[
        date | None,
        typer.Option(
            parser=day,
            metavar=DATE,
            help="Only files last changed on this day or later, as YYYY-MM-DD.",
        ),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(
            parser=day,
            metavar=DATE,
            help="Only files last changed on this day or earlier, as YYYY-MM-DD.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Print passages whole, not only about the words.")
    ] = False,
    json_: Json = False,
) -> None:
    """Find passages."""
    with open_workspace() as workspace:
        where = chosen_collection(workspace, collection)
        chosen = [document_number(workspace, name, where) for name in document] or None
        passages = workspace.search(
            words,
            where,
            k=k,
            documents=chosen,
            since=since,
            until=until,
        )
        numbers = {passage.document_id for passage in passages}
        found = Found(words, passages, {n: workspace.document(n).title for n in numbers})
    print_json(found.as_fields()) if json_ else found.print(full=full)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.", callback=_not_empty)],
    collection: OneCollection = None,
    document: OnlyDocuments = [],  # noqa: B006 - typer copies it
    page: Annotated[
        int | None, typer.Option(min=1, help="Only from this page of the document, from 1.")
    ] = None,
    region: Region = "",
    model: Annotated[
        Path | None,
        typer.Option(help="A language model for this question; else the library's, if it has one."),
    ] = None,
    mode: Annotated[
        AskMode, typer.Option(help="Read passages or whole documents; auto chooses.")
    ] = AskMode.AUTO,
    conversation: Annotated[
        int | None, typer.Option(min=1, help="Go on with this conversation.")
    ] = None,
    keep: Annotated[bool, typer.Option(help="Keep question and answer in the library.")] = True,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of chance, when the temperature is above 0.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0.0, max=2.0, help="0 writes the same each time.")
    ] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 600,
    json_: Json = False,
) -> None:
    """Answer a question with cited statements, or say that the documents hold no answer."""
    box = region_box(region)
    if box is not None and page is None:
        raise typer.BadParameter("A region lies on a page. Name it with --page.")
    answer: Answered | None = None
    crops: tuple[Crop, ...] = ()
    with open_workspace() as workspace:
        where = chosen_collection(workspace, collection)
        chosen = [document_number(workspace, name, where) for name in document] or None
        scope = None
        if page is not None:
            scope = Scope(_one_document(workspace, where, chosen), page, box)
        if model is not None:
            workspace.use_language_model(model, for_now=True)
        events = workspace.ask(
            question,
            where,
            documents=chosen,
            scope=scope,
            mode=Mode(mode.value),
            conversation=conversation,
            keep=keep,
            writing=WritingSettings(max_tokens, temperature, seed),
        )
        with Reading(quiet=json_) as reading:
            for event in events:
                reading.show(event)
                if isinstance(event, PassagesFound):
                    crops = event.crops
                elif isinstance(event, Answered):
                    answer = event
    assert answer is not None
    if json_:
        print_json(answer_fields(answer, crops))
    else:
        print_answer(answer)


def _one_document(workspace: Workspace, collection: str, chosen: Sequence[int] | None) -> int:
    """The document whose page is meant: the one named, or the only one there is."""
    numbers = list(chosen or [d.id for d in workspace.documents(collection)])
    if len(numbers) == 1:
        return numbers[0]
    raise IngestError(
        "--page",
        f"{len(numbers)} documents are meant, and a page is that of one.",
        "Name it with --document.",
    )


@app.command()
def show(
    document: Annotated[str, typer.Argument(help="The document: number, name or path.")],
    png: Annotated[Path, typer.Option(help="The picture to write.")],
    page: Annotated[int, typer.Option(min=1, help="The page, counted from 1.")] = 1,
    dpi: Annotated[int, typer.Option(min=36, max=600, help="Dots per inch.")] = 150,
    region: Region = "",
    collection: AnyCollection = None,
    highlight: Annotated[
        str,
        typer.Option(
            help="Mark the lines that hold these words, this phrase in quotation marks, or this "
            "sentence; fails when the page does not hold them."
        ),
    ] = "",
    json_: Json = False,
) -> None:
    """Draw a page as a PNG file. The picture is readable by anyone who may read the file."""
    box = region_box(region)
    if box is not None and highlight.strip():
        raise typer.BadParameter("A region is drawn as it is; leave --highlight or --region out.")
    if png.exists() and png.suffix.casefold() != ".png":
        raise IngestError(
            str(png), "It is there already and is no PNG file.", "Choose another name."
        )
    with open_workspace() as workspace:
        number = document_number(workspace, document, collection)
        info = workspace.document(number)
        marked = workspace.mark(number, page, highlight) if highlight.strip() else Marked()
        pixels = 1 if box is None else max(round(area(box) * (dpi / 72.0) ** 2), 1)
        workspace.export_page(
            number,
            page,
            png,
            dpi=dpi,
            boxes=marked.boxes,
            region=box,
            pixels=min(pixels, _MOST_PIXELS),
        )
        figures = workspace.figures(number, page)
        confidence = workspace.page_confidence(number, page)
    if json_:
        boxes = [box_fields(page, box) for box in marked.boxes]
        print_json(
            {
                "png": str(png),
                "document": info.name,
                "page": page,
                "boxes": boxes,
                "missing": list(marked.missing),
                "warnings": list(info.warnings),
                "figures": [figure_fields(figure) for figure in figures],
                "ocr_confidence": None if confidence is None else round(confidence, 4),
            }
        )
        return
    lines = f", {counted(len(marked.boxes), 'line')} marked" if highlight.strip() else ""
    say(f"{png}: page {page} of {info.name}{lines}")
    for warning in info.hidden:
        say(f"Warning: {warning}")
    if marked.missing:
        say(f"Not on this page: {', '.join(marked.missing)}.")
