"""Commands for the audit log: who did what in a library, and whether the log is whole."""

from __future__ import annotations

from collections import deque
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from app.cli.opening import open_workspace
from app.cli.options import DATE, EXIT_FAILED, Json, day
from app.cli.output import counted, print_json
from app.cli.plain import say
from app.cli.program import app
from app.core.audit_chain import Head
from app.core.audit_entries import Entry, Wanted, What, entry_fields

audit = typer.Typer(
    help="The audit log: who did what in the library, and whether the log is whole.",
    no_args_is_help=True,
)
app.add_typer(audit, name="audit")

_KINDS = sorted({word for what in What for word in (what.value, what.value.partition(".")[0])})


def _kind(text: str) -> str:
    if text and text not in _KINDS:
        raise typer.BadParameter(f"“{text}” is no kind of entry. There are: {', '.join(_KINDS)}.")
    return text


def _head(text: str) -> Head:
    return Head.parse(text)


Since = Annotated[
    date | None,
    typer.Option(parser=day, metavar=DATE, help="Only entries of this day (UTC) or later."),
]
Until = Annotated[
    date | None,
    typer.Option(parser=day, metavar=DATE, help="Only entries of this day (UTC) or earlier."),
]
Kind = Annotated[
    str,
    typer.Option(
        "--what",
        help="Only entries of this kind, such as document.removed, or of all about a document.",
        callback=_kind,
    ),
]


@audit.command("list")
def list_(
    since: Since = None,
    until: Until = None,
    what: Kind = "",
    about: Annotated[
        str,
        typer.Option(
            help="Only entries that tell of this name or question, as it was written; found by "
            "its keyed hash."
        ),
    ] = "",
    last: Annotated[int | None, typer.Option(min=1, help="Only the last so many.")] = None,
    json_: Json = False,
) -> None:
    """List entries: number, time (UTC), user of the operating system, what was done."""
    with open_workspace() as workspace:
        wanted = Wanted(since, until, what, workspace.audit.hash_of(about) if about else "")
        entries = deque(wanted.of(workspace.audit.entries()), maxlen=last)
    if json_:
        print_json({"entries": [entry_fields(entry) for entry in entries]})
        return
    for entry in entries:
        say(_line(entry))
    if not entries:
        say("No entries.")


@audit.command()
def verify(
    expect: Annotated[
        Head | None,
        typer.Option(
            parser=_head,
            metavar="HEAD",
            help="A head that `audit head` printed earlier and that was kept elsewhere: the log "
            "has to go on from it.",
        ),
    ] = None,
    after: Annotated[
        int,
        typer.Option(
            min=0,
            help="What is wrong up to this entry is known: it is told, and does not count.",
        ),
    ] = 0,
    json_: Json = False,
) -> None:
    """Check that no entry was edited, removed, moved or cut off, and name the first that was.

    The exit code is 1 if anything is wrong.
    """
    with open_workspace() as workspace:
        verdict = workspace.audit.verify(expect)
    wrong = [problem for problem in verdict.problems if problem.entry > after]
    if json_:
        problems = [
            {"entry": problem.entry, "cause": problem.cause, "known": problem.entry <= after}
            for problem in verdict.problems
        ]
        print_json(
            {
                "ok": not wrong,
                "entries": verdict.entries,
                "head": str(verdict.head),
                "problems": problems,
            }
        )
    else:
        for problem in verdict.problems:
            known = " (known)" if problem.entry <= after else ""
            say(f"entry {problem.entry}{known}: {problem.cause}")
        if not wrong:
            say(f"{verdict.entries:,} entries; none was edited, removed, moved or cut off.")
            if expect is None:
                say("Only a head kept elsewhere (--expect) tells that the log was not made anew.")
    if wrong:
        raise typer.Exit(EXIT_FAILED)


@audit.command()
def head(json_: Json = False) -> None:
    """Print how many entries there are and the last one's mark, to be kept elsewhere.

    Who has the library's key could make a whole log anew; `audit verify --expect HEAD` finds that.
    """
    with open_workspace() as workspace:
        found = workspace.audit.head
    print_json({"head": str(found), "entries": found.count}) if json_ else say(str(found))


@audit.command()
def export(
    file: Annotated[Path, typer.Argument(help="The file to write: .jsonl (JSON Lines) or .cef.")],
    since: Since = None,
    until: Until = None,
    what: Kind = "",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    json_: Json = False,
) -> None:
    """Write entries to a file for another program, such as a SIEM. Only your user may read it."""
    with open_workspace() as workspace:
        number = workspace.export_audit(file, Wanted(since, until, what), replace=force)
    if json_:
        print_json({"file": str(file), "entries": number})
    else:
        say(f"{file}: {counted(number, 'entry') if number == 1 else f'{number:,} entries'}")


def _line(entry: Entry) -> str:
    moment = entry.time[:19].replace("T", " ")
    told = f"  {entry.told()}" if entry.detail else ""
    return f"{entry.number:>6}  {moment}  {entry.user}  {entry.what}{told}"
