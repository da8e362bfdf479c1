"""Options that several commands share, and the exit codes."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated

import typer

from ingest.naming import name_problem
from ingest.types import Box

EXIT_FAILED, EXIT_USAGE, EXIT_PARTLY, EXIT_INTERRUPTED = 1, 2, 3, 130
DEFAULT_COLLECTION = "Documents"
DATE = "YYYY-MM-DD"


def region_box(region: str) -> Box | None:
    """The rectangle of ``--region``; None when it was left out; wrong usage when it is none."""
    if not region:
        return None
    try:
        sides = [float(side) for side in region.split(",")]
    except ValueError:
        sides = []
    if len(sides) != 4 or not all(math.isfinite(side) for side in sides):
        raise typer.BadParameter(
            f"“{region}” is no region. Write four numbers, such as 72,90.5,300,240."
        )
    return Box(*sides)


def day(text: str) -> date:
    """A day of the command line; wrong usage when it is none."""
    try:
        # fromisoformat alone takes other forms as well.
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise typer.BadParameter(f"“{text}” is no such date. Write the date as {DATE}.")


def new_name(name: str | None) -> str | None:
    """The name of a collection that may be made by the command; wrong usage when none may be."""
    if name is not None and (problem := name_problem(name)):
        raise typer.BadParameter(f"{problem} Choose another name.")
    return name


Into = Annotated[str, typer.Option("--collection", "-c", help="The collection.", callback=new_name)]
AnyCollection = Annotated[
    str | None, typer.Option("--collection", "-c", help="The collection; all when left out.")
]
OneCollection = Annotated[
    str | None,
    typer.Option(
        "--collection",
        "-c",
        help=f"The collection; when left out, the only one, or {DEFAULT_COLLECTION}.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Passwords = Annotated[
    list[str], typer.Option("--password", help="Opens encrypted files; may be repeated.")
]
Region = Annotated[
    str,
    typer.Option(
        metavar="X0,Y0,X1,Y1",
        help="Only this rectangle of the page: points from the top left of the page as shown.",
    ),
]
OnlyDocuments = Annotated[
    list[str], typer.Option(help="Only in this document (number or name); may be repeated.")
]
