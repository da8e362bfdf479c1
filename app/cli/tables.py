"""Commands for tables: the same questions, asked of every document of a collection."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.asking import AskMode
from app.cli.opening import chosen_collection, document_number, open_workspace
from app.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    AnyCollection,
    Json,
    OneCollection,
    OnlyDocuments,
)
from app.cli.output import counted, print_json
from app.cli.plain import say
from app.cli.program import app
from app.cli.stopping import Stopping
from app.cli.table_output import (
    Filling,
    info_fields,
    preset_fields,
    print_table,
    table_fields,
    table_line,
)
from app.core.answers import Mode
from app.core.exporting.paper import one_line
from app.core.presets import preset, presets
from app.core.table_records import TableField
from ingest.errors import IngestError

if TYPE_CHECKING:  # loaded when a library is opened
    from app.core.workspace import Workspace

tables = typer.Typer(
    help="Tables: the same questions, asked of every document of a collection.",
    no_args_is_help=True,
)
app.add_typer(tables, name="table")

ATable = Annotated[int, typer.Argument(help="The table's number.", min=1)]


@tables.command()
def new(
    title: Annotated[str, typer.Argument(help="Its title, such as “Clauses”.")],
    collection: OneCollection = None,
    field: Annotated[
        list[str],
        typer.Option(
            help="A column, as “Name: question”, or a question alone; may be repeated.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    preset_: Annotated[
        str | None,
        typer.Option("--preset", help="Columns that come with the program; see `table presets`."),
    ] = None,
    document: OnlyDocuments = [],  # noqa: B006 - typer copies it
    mode: Annotated[
        AskMode, typer.Option(help="What a model reads of each document.")
    ] = AskMode.AUTO,
    json_: Json = False,
) -> None:
    """Ask every document of a collection the same questions, and keep the answers as a table.

    Each cell is kept as soon as it is answered. Ctrl-C stops it; `table resume` goes on.
    """
    fields = [*(preset(preset_).fields if preset_ else ()), *map(_field, field)]
    if not fields:
        raise typer.BadParameter("Name columns with --field, or a --preset.")
    with open_workspace() as workspace:
        where = chosen_collection(workspace, collection)
        documents = [document_number(workspace, name, where) for name in document]
        made = workspace.new_table(
            title, where, fields, documents=documents or None, mode=Mode(mode.value)
        )
        code = _fill(workspace, made.id, json_=json_)
    raise typer.Exit(code)


@tables.command()
def resume(table: ATable, json_: Json = False) -> None:
    """Go on with a table: fill the cells that are missing, also of documents added since.

    Cells of documents that have changed are answered anew.
    """
    with open_workspace() as workspace:
        code = _fill(workspace, table, json_=json_)
    raise typer.Exit(code)


@tables.command("list")
def list_tables(collection: AnyCollection = None, json_: Json = False) -> None:
    """List tables."""
    with open_workspace() as workspace:
        names = [c.name for c in workspace.collections()]
        if collection:
            names = [chosen_collection(workspace, collection)]
        found = [info for name in names for info in workspace.tables(name)]
    if json_:
        print_json({"tables": [info_fields(info) for info in found]})
        return
    for info in found:
        say(table_line(info))
    if not found:
        say("No tables.")


@tables.command()
def show(table: ATable, json_: Json = False) -> None:
    """Print a table: each document with its cells, their places and how well they are borne out."""
    with open_workspace() as workspace:
        whole = workspace.table(table)
    if json_:
        print_json(table_fields(whole))
    else:
        print_table(whole)


@tables.command()
def export(
    table: ATable,
    file: Annotated[Path, typer.Argument(help="The file to write: .csv, .xlsx or .docx.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    json_: Json = False,
) -> None:
    """Write a table as a file, also one that is not full.

    The file is not encrypted any more; only your user may read it. In a CSV file, values that
    spreadsheet programs would take for formulas begin with an apostrophe.
    """
    with open_workspace() as workspace:
        workspace.export_table(table, file, replace=force)
    if json_:
        print_json({"file": str(file), "table": table})
    else:
        say(f"{file}: table {table}")


@tables.command("remove")
def remove_table(
    table: ATable,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")] = False,
    json_: Json = False,
) -> None:
    """Remove a table with all its cells; the documents stay."""
    with open_workspace() as workspace:
        info = workspace.table_info(table)
        cells = counted(info.cells - info.missing, "cell")
        if not yes:
            if not sys.stdin.isatty():
                raise IngestError(
                    f"table {table}",
                    f"Removing it with its {cells} has to be confirmed.",
                    "Add --yes, or run it in a terminal.",
                )
            question = f"Remove “{one_line(info.title)}” with its {cells}?"
            typer.confirm(question, abort=True, err=True)
        workspace.remove_table(table)
        if json_:
            print_json({"removed": info_fields(info)})
        else:
            say(f"Removed “{one_line(info.title)}” with {cells}.")


@tables.command("presets")
def list_presets(json_: Json = False) -> None:
    """List the columns that come with the program."""
    found = presets()
    if json_:
        print_json({"presets": [preset_fields(known) for known in found]})
        return
    for known in found:
        say(f"{known.name}: {known.title}")
        for field in known.fields:
            say(f"    {field.name}: {field.question}")


def _field(text: str) -> TableField:
    """A column from "Name: question"; a question alone is its own name."""
    name, colon, question = text.partition(":")
    if not colon:
        name = question = text
    if not name.strip() or not question.strip():
        raise typer.BadParameter(f"“{text}” is no column. Write it as “Name: question”.")
    return TableField(name.strip(), question.strip())


def _fill(workspace: Workspace, table: int, *, json_: bool) -> int:
    """Fills a table, tells how it went, and returns the exit code."""
    filling = Filling(quiet=json_)
    stopping = Stopping(lambda: filling.say("Stopping. Ctrl-C again ends it at once."))
    interrupted = False
    try:
        with stopping, filling, closing(workspace.fill_table(table)) as events:  # type: ignore[type-var]
            for event in events:
                filling.show(event)
                if stopping.event.is_set():
                    break
    except KeyboardInterrupt:
        interrupted = True
    info = workspace.table_info(table)
    interrupted = interrupted or (stopping.event.is_set() and not filling.ended)
    if json_:
        print_json({**filling.as_fields(info), "interrupted": interrupted})
    else:
        filling.finish(info)
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_PARTLY if filling.failures else 0
