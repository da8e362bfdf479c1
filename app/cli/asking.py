"""Commands that look into documents: search, ask, show."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from app.cli.opening import chosen_collection, document_number, open_workspace
from app.cli.options import AnyCollection, Json, OneCollection, OnlyDocuments
from app.cli.output import (
    answer_fields,
    box_fields,
    counted,
    print_answer,
    print_json,
)
from app.cli.passages import Found
from app.cli.program import app
from app.core.events import Answered
from app.core.marking import Marked
from ingest.errors import IngestError

_DATE = "YYYY-MM-DD"


def _not_empty(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("It is empty. Put words between the quotation marks.")
    return text


def _day(text: str) -> date:
    try:
        # fromisoformat alone takes other forms as well.
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise typer.BadParameter(f"“{text}” is no such date. Write the date as {_DATE}.")


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="What to look for.", callback=_not_empty)],
    collection: OneCollection = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Passages to show.")] = 10,
    document: OnlyDocuments = [],  # noqa: B006 - typer copies it
    since: Annotated[
        date | None,
        typer.Option(
            parser=_day,
            metavar=_DATE,
            help="Only files last changed on this day or later, as YYYY-MM-DD.",
        ),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(
            parser=_day,
            metavar=_DATE,
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
    json_: Json = False,
) -> None:
    """Answer a question with cited statements, or say that the documents hold no answer."""
    answer: Answered | None = None
    with open_workspace() as workspace:
        where = chosen_collection(workspace, collection)
        chosen = [document_number(workspace, name, where) for name in document] or None
        for event in workspace.ask(question, where, documents=chosen):
            if isinstance(event, Answered):
                answer = event
    assert answer is not None
    if json_:
        print_json(answer_fields(answer))
    else:
        print_answer(answer)


@app.command()
def show(
    document: Annotated[str, typer.Argument(help="The document: number, name or path.")],
    png: Annotated[Path, typer.Option(help="The picture to write.")],
    page: Annotated[int, typer.Option(min=1, help="The page, counted from 1.")] = 1,
    dpi: Annotated[int, typer.Option(min=36, max=600, help="Dots per inch.")] = 150,
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
    if png.exists() and png.suffix.casefold() != ".png":
        raise IngestError(
            str(png), "It is there already and is no PNG file.", "Choose another name."
        )
    with open_workspace() as workspace:
        number = document_number(workspace, document, collection)
        info = workspace.document(number)
        marked = workspace.mark(number, page, highlight) if highlight.strip() else Marked()
        data = workspace.page_png(number, page, dpi=dpi, boxes=marked.boxes)
    try:
        png.write_bytes(data)
    except OSError as error:
        raise IngestError(
            str(png), f"It cannot be written ({error.strerror}).", "Choose another place."
        ) from error
    if json_:
        boxes = [box_fields(page, box) for box in marked.boxes]
        print_json(
            {
                "png": str(png),
                "document": info.name,
                "page": page,
                "boxes": boxes,
                "missing": list(marked.missing),
            }
        )
        return
    lines = f", {counted(len(marked.boxes), 'line')} marked" if highlight.strip() else ""
    print(f"{png}: page {page} of {info.name}{lines}")
    if marked.missing:
        print(f"Not on this page: {', '.join(marked.missing)}.")
