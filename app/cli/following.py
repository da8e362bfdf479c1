"""The command that lets collections follow folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.opening import open_workspace
from app.cli.options import (
    DEFAULT_COLLECTION,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    AnyCollection,
    Json,
    new_name,
)
from app.cli.outcome import Outcome
from app.cli.output import counted, event_fields, print_json
from app.cli.plain import say
from app.cli.program import app
from app.cli.progress import Progress
from app.cli.stopping import Stopping
from ingest.errors import IngestError

if TYPE_CHECKING:  # loaded when first needed
    from app.core.workspace import Workspace


@app.command()
def follow(
    folder: Annotated[Path | None, typer.Argument(help="The folder; none lists them.")] = None,
    collection: Annotated[
        str | None,
        typer.Option(
            "--collection",
            "-c",
            help="The collection; when left out, the one that follows the folder already, or "
            f"{DEFAULT_COLLECTION}. For a list: all.",
            callback=new_name,
        ),
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Follow it no longer.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Catch up with all followed folders, then end.")
    ] = False,
    json_: Json = False,
) -> None:
    """Let a collection follow a folder: what is new, changed or gone there is followed here.

    Runs until Ctrl-C, for all folders that the library follows. Without a folder, lists them.
    """
    if stop and folder is None:
        raise typer.BadParameter("Name the folder to follow no longer.", param_hint="--stop")
    if folder is None and not once:
        _list(collection, json_)
    elif stop and folder is not None:
        _stop(folder, collection, json_)
    else:
        _follow(folder, collection, once=once, json_=json_)


def _list(collection: AnyCollection, json_: bool) -> None:
    with open_workspace() as workspace:
        followed = _followed(workspace, collection)
    if json_:
        print_json({"followed": [{"collection": c, "folder": f} for c, f in followed]})
        return
    for name, path in followed:
        say(f"{name}\t{path}")
    if not followed:
        say("No folder is followed. Follow one: muniment follow FOLDER")


def _stop(folder: Path, collection: str | None, json_: bool) -> None:
    with open_workspace() as workspace:
        followed = _followed(workspace, collection)
        ended = [(name, path) for name, path in followed if path == str(folder.resolve())]
        if not ended:
            there = "; ".join(f"{path} ({name})" for name, path in followed) or "none"
            raise IngestError(
                str(folder), "It is not followed.", f"These folders are followed: {there}."
            )
        if len(ended) > 1:
            names = ", ".join(name for name, _ in ended)
            raise IngestError(
                str(folder), f"Several collections follow it: {names}.", "Name one with -c."
            )
        ((name, path),) = ended
        workspace.unfollow(name, path)
        below = Path(path)
        kept = sum(below in Path(d.path).parents for d in workspace.documents(name))
    if json_:
        print_json({"stopped": {"collection": name, "folder": path}})
    else:
        stay = f"{counted(kept, 'document')} from it {'stays' if kept == 1 else 'stay'} there"
        say(f"{name} follows {path} no longer; {stay}.")


def _follow(folder: Path | None, collection: str | None, *, once: bool, json_: bool) -> None:
    if folder is not None and not folder.is_dir():
        raise IngestError(str(folder), "There is no such folder.", "Name an existing folder.")
    outcome = Outcome(keep_files=False)
    progress = Progress(quiet=json_)
    from app.core.following import Following

    with open_workspace(create=folder is not None) as workspace:
        if folder is not None:
            workspace.follow(_collection_for(workspace, folder, collection), str(folder))
        following = Following(workspace)
        stopping = Stopping(following.stop)
        with stopping, progress:
            for event in following.events(once=once):
                progress.show(event)
                outcome.take(event)
                if json_ and (fields := event_fields(event)) is not None:
                    print_json(fields)
            outcome.counts["unchanged"] += following.untouched()
            progress.finish(outcome.summary())
    if json_:
        print_json({"state": "finished", **outcome.counts})
    if stopping.event.is_set():
        raise typer.Exit(EXIT_INTERRUPTED)
    if outcome.counts["failed"]:
        raise typer.Exit(EXIT_PARTLY)


def _collection_for(workspace: Workspace, folder: Path, collection: str | None) -> str:
    already = [name for name, path in _followed(workspace, None) if path == str(folder.resolve())]
    return collection or (already[0] if len(already) == 1 else DEFAULT_COLLECTION)


def _followed(workspace: Workspace, collection: str | None) -> list[tuple[str, str]]:
    names = [collection] if collection else [c.name for c in workspace.collections()]
    return [(name, path) for name in names for path in workspace.followed(name)]
