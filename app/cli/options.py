"""Options that several commands share, and the exit codes."""

from __future__ import annotations

from typing import Annotated

import typer

EXIT_FAILED, EXIT_USAGE, EXIT_PARTLY, EXIT_INTERRUPTED = 1, 2, 3, 130
DEFAULT_COLLECTION = "Documents"

Into = Annotated[str, typer.Option("--collection", "-c", help="The collection.")]
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
OnlyDocuments = Annotated[
    list[str], typer.Option(help="Only in this document (number or name); may be repeated.")
]
