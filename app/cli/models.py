"""Commands for models: those a library works with, and the group for language models."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from app.cli.opening import open_workspace
from app.cli.options import EXIT_FAILED, EXIT_INTERRUPTED, Json
from app.cli.output import error_fields, print_error, print_json
from app.cli.program import app
from app.cli.progress import Progress
from app.core.events import Progressed
from engine.errors import MemoryExceeded

models = typer.Typer(help="Language models: pack them, and see what they take.")
app.add_typer(models, name="models")

AModel = Annotated[
    Path, typer.Argument(help="A model: a published or a packed folder, or a GGUF file.")
]


class Bits(StrEnum):
    """Widths a model can be packed to."""

    FOUR = "4"
    EIGHT = "8"
    SIXTEEN = "16"


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


@models.command()
def pack(
    source: Annotated[Path, typer.Argument(help="The folder of a published model.")],
    destination: Annotated[Path, typer.Argument(help="The folder to write; it must be new.")],
    bits: Annotated[Bits, typer.Option(help="Bits a weight.")] = Bits.FOUR,
    json_: Json = False,
) -> None:
    """Pack a model: smaller, and opened in seconds. Nothing is left behind if it fails."""
    from engine.packer import pack_folder
    from engine.widths import Widths

    width = cast("Literal[4, 8, 16]", int(bits.value))
    with Progress(quiet=json_) as progress:

        def show(_: str, done: int, total: int) -> None:
            progress.show(Progressed("million weights", done // 10**6, -(-total // 10**6)))

        try:
            pack_folder(source, destination, Widths(width, width), show)
        except KeyboardInterrupt:
            progress.say("Stopped; nothing was left behind.")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    size = sum(path.stat().st_size for path in destination.iterdir())
    if json_:
        print_json({"packed": str(destination), "bits": width, "bytes": size})
    else:
        print(f"{destination}: {size / 1e9:,.2f} GB, {width} bits a weight.")


@models.command()
def plan(
    model: AModel,
    memory: Annotated[
        float | None,
        typer.Option(min=0.1, help="GB that may be used; what is free when left out."),
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of prompt and answer together.")
    ] = None,
    json_: Json = False,
) -> None:
    """Say what a model takes in memory, and whether it fits."""
    from engine.planner import plan as plan_model

    planned = plan_model(model, None if memory is None else round(memory * 1e9), context)
    refused: MemoryExceeded | None = None
    try:
        planned.check()
    except MemoryExceeded as error:
        refused = error
    if json_:
        told = {"error": error_fields(refused)} if refused else {}
        print_json({**_plan_fields(planned), **told})
    else:
        print(planned.summary())
    if refused:
        print_error(refused)
        raise typer.Exit(EXIT_FAILED)


@models.command()
def info(model: AModel, json_: Json = False) -> None:
    """Say what a model is."""
    from engine.info import inspect_model

    found = inspect_model(model)
    fields = {**asdict(found), "towers": list(found.towers)}
    if json_:
        print_json(fields)
        return
    for name, value in fields.items():
        print(f"{name.replace('_', ' '):<16} {_shown(value)}")


def _plan_fields(planned: Any) -> dict[str, Any]:
    """A plan of ``models plan --json``; ``planned`` is an `engine.planner.Plan`."""
    fields = asdict(planned)
    fields["widths"] = {"layers": planned.widths.layers, "embedding": planned.widths.embedding}
    fields["weights"] = {str(bits): size for bits, size in planned.weights}
    return {**fields, "needed": planned.needed, "fits": planned.fits}


def _shown(value: object) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
