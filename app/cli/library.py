"""Commands for what a library holds: add, list, remove, collections."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.opening import chosen_collection, document_number, open_workspace
from app.cli.options import (
    DEFAULT_COLLECTION,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    AnyCollection,
    Into,
    Json,
    Passwords,
)
from app.cli.outcome import Outcome
from app.cli.output import (
    collection_fields,
    counted,
    document_fields,
    error_fields,
    print_documents,
    print_error,
    print_json,
)
from app.cli.plain import say
from app.cli.program import app
from app.cli.progress import Progress
from app.cli.stopping import Stopping
from app.core.files import expand
from ingest.errors import IngestError, ModelError, StoreError


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    collection: Into = DEFAULT_COLLECTION,
    password: Passwords = [],  # noqa: B006 - typer copies it
    json_: Json = False,
) -> None:
    """Add files to a collection. A file that fails is named with the reason; the rest goes on.

    Ctrl-C stops it: what was finished stays, and the files that are left are named.
    """
    outcome = Outcome()
    refused: StoreError | ModelError | None = None
    progress = Progress(quiet=json_)
    stopping = Stopping(lambda: progress.say("Stopping. Ctrl-C again ends it at once."))
    interrupted = False
    try:
        with open_workspace(create=True) as workspace, stopping, progress:
            events = workspace.add(paths, collection, passwords=password, stop=stopping.event)
            try:
                for event in events:
                    progress.show(event)
                    outcome.take(event)
            except (StoreError, ModelError) as error:
                refused = error
    except KeyboardInterrupt:
        interrupted = True
    if interrupted := interrupted or stopping.event.is_set():
        outcome.leave(str(path) for path in expand(paths) if isinstance(path, Path))
        for fields in outcome.files["left"]:
            progress.say_file(fields)
    progress.finish(outcome.summary())
    if json_:
        told = {"error": error_fields(refused)} if refused else {}
        print_json({**outcome.as_fields(), "interrupted": interrupted, **told})
    if refused:
        print_error(refused)
        raise typer.Exit(EXIT_FAILED)
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if outcome.counts["failed"]:
        raise typer.Exit(EXIT_PARTLY)


@app.command("list")
def list_(
    collection: AnyCollection = None,
    json_: Json = False,
) -> None:
    """List documents."""
    with open_workspace() as workspace:
        names = [c.name for c in workspace.collections()]
        if collection:
            names = [chosen_collection(workspace, collection)]
        documents = [d for name in names for d in workspace.documents(name)]
    if json_:
        print_json({"documents": [document_fields(d) for d in documents]})
    else:
        print_documents(documents)


@app.command()
def remove(
    document: Annotated[
        str | None,
        typer.Argument(help="The document: number, name or path; none removes the collection."),
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option(
            "--collection",
            "-c",
            help="The collection that the document is in; all when left out. Without a document, "
            "the collection to remove.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove a collection without asking.")
    ] = False,
    json_: Json = False,
) -> None:
    """Remove a document and all that came of it, or a collection with all its documents."""
    if document is None:
        if collection is None:
            raise typer.BadParameter("Name a document, or a collection with -c.")
        _remove_collection(collection, yes=yes, json_=json_)
        return
    with open_workspace() as workspace:
        number = document_number(workspace, document, collection)
        removed = workspace.document(number)
        for _ in workspace.remove(number):
            pass
        if json_:
            print_json({"removed": document_fields(removed)})
        else:
            say(f"Removed {removed.name}.")


def _remove_collection(name: str, *, yes: bool, json_: bool) -> None:
    with open_workspace() as workspace:
        found = next((c for c in workspace.collections() if c.name == name), None)
        if found is None:
            chosen_collection(workspace, name)  # says which there are
            return
        documents = counted(found.documents, "document")
        if not yes:
            if not sys.stdin.isatty():
                raise IngestError(
                    f"collection {name!r}",
                    f"Removing it with its {documents} has to be confirmed.",
                    "Add --yes, or run it in a terminal.",
                )
            question = f"Remove the collection {name} and its {documents} from the library?"
            typer.confirm(question, abort=True, err=True)
        workspace.remove_collection(name)
        if json_:
            print_json({"removed_collection": collection_fields(found)})
        else:
            say(f"Removed the collection {name} with {documents}.")


@app.command()
def collections(json_: Json = False) -> None:
    """List collections."""
    with open_workspace() as workspace:
        found = workspace.collections()
    if json_:
        print_json({"collections": [collection_fields(c) for c in found]})
        return
    for collection in found:
        documents = counted(collection.documents, "document")
        say(f"{collection.name}\t{documents}\t{counted(collection.pages, 'page')}")
