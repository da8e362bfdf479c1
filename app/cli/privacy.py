"""Commands that show what protects the documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import EXIT_FAILED, Json
from app.cli.output import print_json
from app.cli.plain import say
from app.cli.program import State, app

privacy_app = typer.Typer(
    help="Show what keeps the documents on this machine.", no_args_is_help=True
)
app.add_typer(privacy_app, name="privacy")


@privacy_app.command("report")
def report(
    file: Annotated[
        Path | None,
        typer.Argument(help="Write it to this file instead: .pdf, .json or .txt."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    json_: Json = False,
) -> None:
    """Try to reach the network, and say what protects the documents and where they lie.

    Needs no key: it tells nothing of a document. Fails where a promise is broken.
    """
    from app.core.privacy import make_report, text_of, verdict, write_report

    made = make_report(State.library)
    if file is not None:
        write_report(made, file, replace=force)
    if json_:
        print_json(made.as_json())
    else:
        say(text_of(made) if file is None else f"{file}: {verdict(made)}")
    if not made.kept:
        raise typer.Exit(EXIT_FAILED)


@privacy_app.command("sbom")
def sbom() -> None:
    """Print the list of libraries that the program is made of, as CycloneDX."""
    from app.core.components import components, cyclonedx

    print_json(cyclonedx(components()))
