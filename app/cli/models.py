"""Commands for models: those a library works with, and the group for language models."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from app.cli.kv import measure_with_bar, name_in_use, print_table, table_fields
from app.cli.opening import open_workspace
from app.cli.options import EXIT_FAILED, EXIT_INTERRUPTED, Json
from app.cli.output import counted, error_fields, print_error, print_json, stderr
from app.cli.plain import say
from app.cli.program import app
from app.cli.progress import Progress
from app.core.events import Progressed
from app.core.measuring import keep_kv, stored_kv
from engine.errors import EngineError, MemoryExceeded
from engine.kv_table import LIMIT

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
    measure: Annotated[
        bool, typer.Option(help="Measure then what keys and values in few bits cost it.")
    ] = True,
    json_: Json = False,
) -> None:
    """Pack a model: smaller, and opened in seconds. Nothing is left behind if it fails.

    What is packed can be used from then on, also when the measuring after it fails or is stopped.
    """
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
    told = {"packed": str(destination), "bits": width, "bytes": size}
    if not json_:
        say(f"{destination}: {size / 1e9:,.2f} GB, {width} bits a weight.", flush=True)
    stopped = False
    try:
        found = _measured(destination, quiet=json_) if measure else {"kv": None}
    except KeyboardInterrupt:
        _say("Measuring was stopped; the packed model is whole. `muniment models kv` measures it.")
        found, stopped = {"kv": None}, True
    if json_:
        print_json({**told, **found})
    if stopped:
        raise typer.Exit(EXIT_INTERRUPTED)


def _measured(packed: Path, *, quiet: bool) -> dict[str, Any]:
    """What ``pack`` says of a packed model's keys and values; not being able to is no failure."""
    try:
        table = measure_with_bar(packed, LIMIT, quiet=quiet)
    except EngineError as error:
        _say("It could not be measured: keys and values stay exact.")
        print_error(error)
        return {"kv": None, "not_measured": error_fields(error)}
    if not quiet:
        print_table(table)
    return table_fields(table)


@models.command()
def use(
    model: Annotated[
        Path | None, typer.Argument(help="The model that writes answers; none goes without.")
    ] = None,
    json_: Json = False,
) -> None:
    """Let a language model write the answers of this library from now on."""
    with open_workspace() as workspace:
        facts = workspace.use_language_model(model)
    if json_:
        print_json({"language_model": str(model) if model else None,
                    "facts": asdict(facts) if facts else None})  # fmt: skip
    elif facts is None:
        say("Answers are made of the documents' own sentences.")
    else:
        say(
            f"{facts.name}: {facts.family}, {facts.weights} weights, "
            f"{facts.context:,} tokens of context, keys and values {facts.kv}, "
            f"kernels {facts.kernels}, {facts.device}."
        )
        for note in facts.notes:
            say(note)


@models.command("use-figures")
def use_figures(
    model: Annotated[
        Path | None,
        typer.Argument(help="A folder of a model for pictures and words; none goes without."),
    ] = None,
    json_: Json = False,
) -> None:
    """Let figures also be found by what they show, seen by an image embedding model.

    All figures of the library are looked at, which can be stopped: the same command goes on.
    """
    with open_workspace() as workspace, Progress(quiet=json_) as progress:
        try:
            for event in workspace.look_at_figures(model):
                progress.show(event)
        except KeyboardInterrupt:
            stderr.print("Stopped; what was looked at is kept.", highlight=False)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        seen = workspace.figures_seen()
    if json_:
        print_json({"image_model": seen.model or None, "figures": seen.figures,
                    "seen": seen.seen, "not_drawn": seen.failed})  # fmt: skip
    elif not seen.model:
        say("Figures are found by their captions and words.")
    else:
        say(f"{seen.model}: {seen.seen:,} of {counted(seen.figures, 'figure')} looked at.")
        if seen.failed:
            say(f"{counted(seen.failed, 'figure')} cannot be drawn; words alone find them.")


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

    room, stored = None if memory is None else round(memory * 1e9), stored_kv(model)
    planned = plan_model(model, room, context, kv=stored.kv)
    refused: MemoryExceeded | None = None
    try:
        planned.check()
    except MemoryExceeded as error:
        refused = error
    if json_:
        told = {"error": error_fields(refused)} if refused else {}
        print_json({**_plan_fields(planned), "kv": name_in_use(stored), **told})
    else:
        say(planned.summary())
        say(f"{'KV width':<16}{name_in_use(stored):>10}")
    if refused:
        print_error(refused)
        raise typer.Exit(EXIT_FAILED)


@models.command()
def info(model: AModel, json_: Json = False) -> None:
    """Say what a model is."""
    from engine.fingerprint import fingerprint
    from engine.info import inspect_model

    found, stored = inspect_model(model), stored_kv(model)
    fields = {
        **asdict(found),
        "towers": list(found.towers),
        "kv": name_in_use(stored),
        "kv_note": stored.note or None,
        "fingerprint": fingerprint(model),
    }
    if json_:
        print_json(fields)
        return
    for name, value in fields.items():
        say(f"{name.replace('_', ' '):<16} {_shown(value)}")


@models.command()
def kv(
    model: AModel,
    again: Annotated[
        bool, typer.Option("--again", help="Measure even if there are figures.")
    ] = False,
    limit: Annotated[
        float | None,
        typer.Option(min=0, help="Mean KLD that is accepted from now on; 0.03 at first."),
    ] = None,
    json_: Json = False,
) -> None:
    """Say what keys and values in few bits cost a model, and which width is in use.

    Measured when there are no figures, which takes minutes: the KL divergence of the next token's
    distribution from the exact cache, and how often the likeliest token is the same.
    """
    stored = stored_kv(model)
    table = stored.table
    measured = again or table is None
    if measured:
        if not again and not json_:
            _say(stored.note)
        kept = table.limit if table else LIMIT
        try:
            table = measure_with_bar(model, kept if limit is None else limit, quiet=json_)
        except KeyboardInterrupt:
            _say("Stopped; nothing was changed.")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    elif table and limit is not None and limit != table.limit:
        table = replace(table, limit=limit)
        keep_kv(model, table)
    assert table is not None
    if json_:
        print_json({"model": str(model), "measured": measured, **table_fields(table)})
    else:
        print_table(table)


def _plan_fields(planned: Any) -> dict[str, Any]:
    """A plan of ``models plan --json``; ``planned`` is an `engine.planner.Plan`."""
    fields = asdict(planned)
    fields["widths"] = {"layers": planned.widths.layers, "embedding": planned.widths.embedding}
    fields["weights"] = {str(bits): size for bits, size in planned.weights}
    return {**fields, "needed": planned.needed, "fits": planned.fits}


def _say(line: str) -> None:
    """A line on standard error."""
    stderr.print(line, markup=False, highlight=False, soft_wrap=True)


def _shown(value: object) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
