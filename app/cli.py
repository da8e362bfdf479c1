"""The command line: the same core without a window. ``docs/cli.md`` describes what it prints."""

from app.core import offline

offline.enforce()

# The guard above comes before every other import, on purpose.
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from datetime import datetime  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Annotated, Any, NoReturn  # noqa: E402

import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from app.cli_output import (  # noqa: E402
    Progress,
    answer_fields,
    as_json,
    collection_fields,
    document_fields,
    event_fields,
    passage_fields,
    print_answer,
    print_documents,
    print_passages,
)
from app.core import vault  # noqa: E402
from app.core.events import Answered, BatchFinished  # noqa: E402
from app.core.locations import default_library  # noqa: E402
from ingest.errors import IngestError, StoreError  # noqa: E402

if TYPE_CHECKING:  # loaded when first needed: the window's process never needs it
    from app.core.workspace import Workspace

EXIT_FAILED, EXIT_PARTLY = 1, 3  # 2 is wrong usage

app = typer.Typer(
    name="muniment",
    help="Ask your documents. Nothing leaves the desk.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some files failed.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)

Collection = Annotated[str, typer.Option("--collection", "-c", help="The collection.")]
AnyCollection = Annotated[
    str | None, typer.Option("--collection", "-c", help="The collection; all when left out.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Passwords = Annotated[
    list[str], typer.Option("--password", help="Opens encrypted files; may be repeated.")
]


class _State:
    library: Path = Path()


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    library: Annotated[
        Path | None, typer.Option(envvar="MUNIMENT_LIBRARY", help="The library's folder.")
    ] = None,
) -> None:
    """Without a command, opens the window."""
    _State.library = library or default_library()
    if context.invoked_subcommand is None:
        displays = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        if sys.platform == "linux" and not any(map(os.environ.get, displays)):
            raise IngestError(
                "window", "There is no display to open it on.", "Use a command: muniment --help"
            )
        from app.ui.main import main as window

        raise typer.Exit(window(["muniment", "--library", str(_State.library)]))


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    collection: Collection = "Documents",
    password: Passwords = [],  # noqa: B006 - typer copies it
    json_: Json = False,
) -> None:
    """Add files to a collection. A file that fails is named with the reason; the rest goes on."""
    finished = BatchFinished(0, 0, 0, 0, 0)
    failures: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    refused: StoreError | None = None
    with _workspace(create=True) as workspace, Progress(console, quiet=json_) as progress:
        try:
            for event in workspace.add(paths, collection, passwords=password):
                progress.show(event)
                fields = event_fields(event)
                if isinstance(event, BatchFinished):
                    finished = event
                elif fields is not None:
                    lists = {"failed": failures, "skipped": skipped}
                    lists.get(fields["state"], documents).append(fields)
        except StoreError as error:
            refused = error
    if json_:
        sums = {name: getattr(finished, name) for name in BatchFinished.__slots__}
        files = {"documents": documents, "failures": failures, "skipped_files": skipped}
        told = {"error": _error_fields(refused)} if refused else {}
        _print_json({**sums, **files, **told})
    if refused:
        _print_error(refused)
        raise typer.Exit(EXIT_FAILED)
    if failures:
        raise typer.Exit(EXIT_PARTLY)


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="What to look for.")],
    collection: Collection = "Documents",
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Passages to show.")] = 10,
    document: Annotated[
        list[str], typer.Option(help="Only in this document (number or name); may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only files last changed on this day or later."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only files last changed on this day or earlier."),
    ] = None,
    json_: Json = False,
) -> None:
    """Find passages."""
    with _workspace() as workspace:
        chosen = [_document(workspace, name, collection) for name in document] or None
        passages = workspace.search(
            words,
            collection,
            k=k,
            documents=chosen,
            since=since.date() if since else None,
            until=until.date() if until else None,
        )
    if json_:
        _print_json({"passages": [passage_fields(passage) for passage in passages]})
    else:
        print_passages(passages)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    collection: Collection = "Documents",
    document: Annotated[
        list[str], typer.Option(help="Only in this document (number or name); may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
    json_: Json = False,
) -> None:
    """Answer a question with cited statements, or say that the documents hold no answer."""
    answer: Answered | None = None
    with _workspace() as workspace:
        chosen = [_document(workspace, name, collection) for name in document] or None
        for event in workspace.ask(question, collection, documents=chosen):
            if isinstance(event, Answered):
                answer = event
    assert answer is not None
    if json_:
        _print_json(answer_fields(answer))
    else:
        print_answer(answer)


@app.command("list")
def list_(
    collection: AnyCollection = None,
    json_: Json = False,
) -> None:
    """List documents."""
    with _workspace() as workspace:
        names = [collection] if collection else [c.name for c in workspace.collections()]
        documents = [d for name in names for d in workspace.documents(name)]
    if json_:
        _print_json({"documents": [document_fields(d) for d in documents]})
    else:
        print_documents(documents)


@app.command()
def remove(
    document: Annotated[str, typer.Argument(help="The document: number, name or path.")],
    collection: AnyCollection = None,
    json_: Json = False,
) -> None:
    """Remove a document and all that came of it."""
    with _workspace() as workspace:
        number = _document(workspace, document, collection)
        removed = workspace.document(number)
        for _ in workspace.remove(number):
            pass
    if json_:
        _print_json({"removed": document_fields(removed)})
    else:
        print(f"Removed {removed.name}.")


@app.command()
def show(
    document: Annotated[str, typer.Argument(help="The document: number, name or path.")],
    png: Annotated[Path, typer.Option(help="The picture to write.")],
    page: Annotated[int, typer.Option(min=1, help="The page, counted from 1.")] = 1,
    dpi: Annotated[int, typer.Option(min=36, max=600, help="Dots per inch.")] = 150,
    collection: AnyCollection = None,
    highlight: Annotated[
        str, typer.Option(help="Highlight the passages that a search for these words finds.")
    ] = "",
    json_: Json = False,
) -> None:
    """Draw a page as a PNG file. The picture is readable by anyone who may read the file."""
    if png.exists() and png.suffix.casefold() != ".png":
        raise IngestError(
            str(png), "It is there already and is no PNG file.", "Choose another name."
        )
    with _workspace() as workspace:
        number = _document(workspace, document, collection)
        info = workspace.document(number)
        passages = (
            workspace.search(highlight, info.collection, k=5, documents=[number])
            if highlight
            else []
        )
        data = workspace.page_png(number, page, dpi=dpi, quotes=passages)
    try:
        png.write_bytes(data)
    except OSError as error:
        raise IngestError(
            str(png), f"It cannot be written ({error.strerror}).", "Choose another place."
        ) from error
    if json_:
        _print_json({"png": str(png), "document": info.name, "page": page})


@app.command()
def collections(json_: Json = False) -> None:
    """List collections."""
    with _workspace() as workspace:
        found = workspace.collections()
    if json_:
        _print_json({"collections": [collection_fields(c) for c in found]})
        return
    for collection in found:
        print(f"{collection.name}\t{collection.documents} documents\t{collection.pages} pages")


@app.command()
def follow(
    folder: Annotated[Path | None, typer.Argument(help="The folder; none lists them.")] = None,
    collection: Collection = "Documents",
    stop: Annotated[bool, typer.Option("--stop", help="Follow it no longer.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Catch up, then end.")] = False,
    json_: Json = False,
) -> None:
    """Let a collection follow a folder: what is new, changed or gone there is followed here."""
    from app.core.following import Following

    with _workspace(create=True) as workspace:
        if folder is None:
            folders = workspace.followed(collection)
            _print_json({"followed": folders}) if json_ else print("\n".join(folders))
            return
        if stop:
            workspace.unfollow(collection, str(folder))
            return
        if not folder.is_dir():
            raise IngestError(str(folder), "There is no such folder.", "Name an existing folder.")
        workspace.follow(collection, str(folder))
        with Progress(console, quiet=json_) as progress:
            for event in Following(workspace).events(once=once):
                progress.show(event)
                if json_ and (fields := event_fields(event)) is not None:
                    print(as_json(fields), flush=True)


@app.command()
def embed(
    model: Annotated[Path | None, typer.Option(help="A sentence-transformers folder.")] = None,
    json_: Json = False,
) -> None:
    """Embed every document anew, with another model or the one that comes with the program."""
    with _workspace() as workspace, Progress(console, quiet=json_) as progress:
        for event in workspace.change_model(model):
            progress.show(event)
        if json_:
            _print_json({"model": workspace.embedder.model, "backend": workspace.embedder.backend})


@app.command()
def rerank(
    model: Annotated[
        Path | None, typer.Argument(help="A cross-encoder's folder; none goes without.")
    ] = None,
    json_: Json = False,
) -> None:
    """Let a cross-encoder order the best passages of this library from now on."""
    with _workspace() as workspace:
        workspace.use_reranker(model)
    if json_:
        _print_json({"reranker": str(model) if model else None})


@app.command("eval")
def evaluate(
    what: Annotated[str, typer.Argument(help="pages, contracts, scans, parse, nasty, retrieval")],
    folder: Annotated[Path, typer.Argument(help="The folder with documents and gold answers.")],
    json_: Json = False,
) -> None:
    """Measure on documents with gold answers."""
    from app.evaluation import run

    result = run(what, folder, console)
    _print_json(result) if json_ else print(json.dumps(result, indent=2, ensure_ascii=False))


@app.command()
def doctor(json_: Json = False) -> None:
    """Say whether everything that the program needs is here, and what protects it."""
    from app.core.doctor import examine

    findings = examine(_State.library)
    if json_:
        _print_json({"checks": findings, "ok": all(f["ok"] for f in findings)})
    else:
        for finding in findings:
            print(f"{'ok  ' if finding['ok'] else 'FAIL'} {finding['name']}: {finding['detail']}")
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(EXIT_FAILED)


def main() -> NoReturn:
    """Entry point of ``muniment``; turns our errors into a message and an exit code."""
    sys.argv[1:] = _library_first(sys.argv[1:])
    try:
        app()
    except IngestError as error:
        if "--json" in sys.argv:
            _print_json({"error": _error_fields(error)})
        _print_error(error)
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output went away; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(EXIT_FAILED)
    sys.exit(0)


def _library_first(arguments: list[str]) -> list[str]:
    """``--library`` belongs to the program, but people write it after the command as well."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            return [*first, *rest, argument, *waiting]
        if argument == "--library" and waiting:
            first += [argument, waiting.pop(0)]
        else:
            (first if argument.startswith("--library=") else rest).append(argument)
    return [*first, *rest]


@contextmanager
def _workspace(*, create: bool = False) -> "Iterator[Workspace]":
    source = vault.key_source_from_environment()
    if source is None:
        if not sys.stdin.isatty():
            raise IngestError(
                str(_State.library),
                "No passphrase was given.",
                "Set MUNIMENT_PASSPHRASE or MUNIMENT_KEY_FILE, or run it in a terminal.",
            )
        new = create and not vault.has_keys(_State.library)
        question = "Passphrase"
        if new:
            question = f"New passphrase (at least {vault.LEAST_CHARACTERS} characters)"
        text = typer.prompt(question, hide_input=True, confirmation_prompt=new, err=True)
        source = vault.Passphrase(text)
    from app.core.workspace import Workspace

    workspace = Workspace.open(_State.library, source, create=create)
    try:
        yield workspace
    finally:
        workspace.close()


def _document(workspace: "Workspace", wanted: str, collection: str | None) -> int:
    """A document's number from its number, name or path."""
    names = [collection] if collection else [c.name for c in workspace.collections()]
    documents = [d for name in names for d in workspace.documents(name)]
    path = str(Path(wanted).absolute())
    for matches in (
        [d for d in documents if str(d.id) == wanted],
        [d for d in documents if d.path == path],
        [d for d in documents if d.name == wanted],
    ):
        if len(matches) == 1:
            return matches[0].id
        if matches:
            numbers = ", ".join(str(d.id) for d in matches)
            raise IngestError(
                wanted, f"Several documents are called so ({numbers}).", "Give the number."
            )
    raise IngestError(wanted, "There is no such document.", "See: muniment list")


def _error_fields(error: IngestError) -> dict[str, str]:
    return {"subject": error.subject, "cause": error.cause, "remedy": error.remedy}


def _print_error(error: IngestError) -> None:
    console.print(f"{error.subject}: {error.cause}\n{error.remedy}", markup=False)


def _print_json(value: dict[str, Any]) -> None:
    print(as_json(value))
