"""Commands for the models that a library works with. A group of them is added to `app` here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.opening import open_workspace
from app.cli.options import Json
from app.cli.output import print_json
from app.cli.program import app
from app.cli.progress import Progress


@app.command()
def embed(
    model: Annotated[Path | None, typer.Option(help="A sentence-transformers folder.")] = None,
    json_: Json = False,
) -> None:
    """Embed every document anew, with another model or the one that comes with the program."""
    with open_workspace() as workspace, Progress(quiet=json_) as progress:
        for event in workspace.change_model(model):
            progress.show(event)
        if json_:
            print_json({"model": workspace.embedder.model, "backend": workspace.embedder.backend})


@app.command()
def rerank(
    model: Annotated[
        Path | None, typer.Argument(help="A cross-encoder's folder; none goes without.")
    ] = None,
    json_: Json = False,
) -> None:
    """Let a cross-encoder order the best passages of this library from now on."""
    with open_workspace() as workspace:
        workspace.use_reranker(model)
    if json_:
        print_json({"reranker": str(model) if model else None})
