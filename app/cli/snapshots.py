"""Snapshots of what models have read of the documents, and how much disk they take."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.opening import open_workspace
from app.cli.options import Json
from app.cli.output import print_json
from app.cli.plain import say
from app.cli.program import app


@app.command()
def snapshots(
    limit: Annotated[
        int | None, typer.Option(help="The most MiB they may take from now on; 0 keeps none.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Delete them all.")] = False,
    json_: Json = False,
) -> None:
    """See how much disk is taken by what models have read, so that they need not read it again.

    Snapshots are encrypted as the library is, and go with their documents. Those used least
    recently are deleted first. Without one, a document is read again, which takes its time.
    """
    with open_workspace() as workspace:
        if limit is not None:
            workspace.snapshots.limit(limit)
        deleted = workspace.snapshots.forget_all() if clear else 0
        state = workspace.snapshots.state
    if json_:
        print_json(asdict(state) | {"deleted": deleted})
        return
    if clear:
        say(f"{deleted} deleted.")
    say(
        f"{state.files} {'snapshot' if state.files == 1 else 'snapshots'}, "
        f"{state.nbytes / (1 << 20):,.1f} of {state.limit_mib:,} MiB."
    )
