"""Commands about the program itself: how well it does, and whether all is in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import EXIT_FAILED, Json
from app.cli.output import print_json, stderr
from app.cli.plain import say
from app.cli.program import State, app


@app.command("eval")
def evaluate(
    what: Annotated[
        str,
        typer.Argument(help="answers, pages, contracts, figures, scans, parse, nasty, retrieval"),
    ],
    folder: Annotated[Path, typer.Argument(help="The folder with documents and gold answers.")],
    model: Annotated[
        Path | None,
        typer.Option(help="The language model that answers; with none, sentences are quoted."),
    ] = None,
    json_: Json = False,
) -> None:
    """Measure on documents with gold answers."""
    from app.evaluation import run

    result = run(what, folder, stderr, model)
    print_json(result) if json_ else say(json.dumps(result, indent=2, ensure_ascii=False))


@app.command()
def doctor(json_: Json = False) -> None:
    """Say whether everything that the program needs is here, and what protects it."""
    from app.core.doctor import examine

    findings = examine(State.library)
    if json_:
        print_json({"checks": findings, "ok": all(f["ok"] for f in findings)})
    else:
        for finding in findings:
            say(f"{'ok  ' if finding['ok'] else 'FAIL'} {finding['name']}: {finding['detail']}")
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(EXIT_FAILED)
