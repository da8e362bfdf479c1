"""Commands that keep a library from being lost: backup, restore, check."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.opening import closed_library
from app.cli.options import EXIT_INTERRUPTED, EXIT_PARTLY, Json
from app.cli.output import counted, print_json, stderr
from app.cli.plain import say
from app.cli.program import app
from app.cli.progress import Progress
from app.cli.secrets import key_for
from app.core import policy
from app.core.events import BackedUp, Checked, Event, HurtDocument, Rescued, Restored
from app.core.locations import check_library_folder
from app.core.vault import vault_cipher
from ingest.errors import StoreBusy, StoreReadOnly

_SHOWN = 20
_UNRECORDED = "The audit log says nothing of this backup:"


@app.command()
def backup(
    place: Annotated[
        Path,
        typer.Argument(help="A folder to put the backup in, as on a USB stick, or a file's name."),
    ],
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read it back from the disk and check it before it counts."),
    ] = False,
    json_: Json = False,
) -> None:
    """Write an encrypted backup of the library: one file, opened by the library's own keys.

    The library may be in use meanwhile. An older backup of it at the same place gives way once the
    new one is complete. Models and snapshots are not in it: they can be had again.
    """
    from app.core.backup import back_up

    folder, data_key = closed_library()
    _record(folder, data_key, place)
    done = _told(back_up(folder, data_key, place, verify=verify), json_=json_)[BackedUp]
    if json_:
        print_json(asdict(done))
        return
    size = f"{done.bytes / 1e6:,.1f} MB"
    say(f"Backed up to {done.path} ({size}{', read back and checked' if verify else ''}).")


@app.command()
def restore(
    backup_file: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="A file that `muniment backup` has written.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where the library is to be: a new folder.")],
    json_: Json = False,
) -> None:
    """Make a library of a backup, in a new folder, after checking it. Nothing is written over.

    It is opened by what opened the library when the backup was made.
    """
    from app.core.restoring import restore as restored

    check_library_folder(folder)
    found = _told(restored(backup_file, folder, key_for), json_=json_)
    done, checked = found[Restored], found[Checked]
    if json_:
        print_json({**asdict(done), "check": check_fields(checked)})
    else:
        print_check(checked)
        say(
            f"Restored {counted(done.documents, 'document')} of {done.made} to {done.folder}. "
            f"To use it: muniment --library {done.folder}"
        )
    if not checked.sound:
        raise typer.Exit(EXIT_PARTLY)


@app.command()
def check(
    backup_file: Annotated[
        Path | None,
        typer.Argument(metavar="[BACKUP]", help="A backup; the library when left out."),
    ] = None,
    rescue: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Put every document that is whole into a new library in this folder; "
            "conversations and tables stay behind.",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Read the library, or a backup, through: is every document in it whole?

    Nothing is changed, and the library may be in use meanwhile. Exit code 3 when anything is
    hurt.
    """
    if rescue is not None:
        if backup_file is not None:
            raise typer.BadParameter("A backup is restored first: muniment restore.")
        _rescue(rescue, json_=json_)
        return
    from app.core.backup import check_backup
    from app.core.checking import check_library

    if backup_file is None:
        events = check_library(*closed_library())
    else:
        events = check_backup(backup_file, key_for)
    found = _told(events, json_=json_)[Checked]
    if json_:
        print_json(check_fields(found))
    else:
        print_check(found)
    if not found.sound:
        raise typer.Exit(EXIT_PARTLY)


def _record(folder: Path, data_key: bytes | bytearray, place: Path) -> None:
    """Puts the backup into the audit log, where nobody else holds the library."""
    from app.core import audit

    try:
        with audit.opened(folder, data_key, vault_cipher(folder)) as log:
            log.backed_up(place)
    except StoreBusy as error:
        if policy.current().audit_required:
            raise policy.PolicyForbids(
                error.subject,
                "The policy of this computer requires that everything is recorded, and another "
                "program holds the library.",
                "Back it up there: Library, Back up the library.",
            ) from error
        stderr.print(f"{_UNRECORDED} another program holds the library.")
    except StoreReadOnly:
        stderr.print(f"{_UNRECORDED} the library can only be read.")


def _told(events: Generator[Event, None, None], *, json_: bool) -> dict[type[Event], Any]:
    """Shows the events as they come; gives the last of each kind."""
    found: dict[type[Event], Any] = {}
    try:
        with Progress(quiet=json_) as progress, closing(events):
            for event in events:
                progress.show(event)
                found[type(event)] = event
    except KeyboardInterrupt:
        stderr.print("Stopped. Everything is as it was.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return found


def _rescue(to: Path, *, json_: bool) -> None:
    from app.core.rescuing import rescue

    folder, data_key = closed_library()
    done = _told(rescue(folder, data_key, to), json_=json_)[Rescued]
    if json_:
        print_json({**asdict(done), "left": _hurt_fields(done.left)})
    else:
        _print_hurt(done.left, done.faults)
        say(
            f"{counted(done.documents, 'document')} put into {done.folder}, "
            f"{len(done.left):,} left. To use it: muniment --library {done.folder}"
        )
    if done.left or done.faults:
        raise typer.Exit(EXIT_PARTLY)


def _hurt_fields(hurt: Sequence[HurtDocument]) -> list[dict[str, Any]]:
    return [{**asdict(document), "faults": list(document.faults)} for document in hurt]


def check_fields(found: Checked) -> dict[str, Any]:
    """The object that ``check --json`` prints."""
    return {
        "subject": found.subject,
        "sound": found.sound,
        "documents": found.documents,
        "hurt": _hurt_fields(found.hurt),
        "faults": list(found.faults),
        "note": found.note or None,
    }


def print_check(found: Checked) -> None:
    """What a check found, for a person."""
    _print_hurt(found.hurt, found.faults)
    if found.note:
        say(found.note)
    documents = counted(found.documents, "document")
    if found.sound:
        say(f"Sound: {'the file' if found.note else documents}, {found.subject}")
    else:
        whole = found.documents - len(found.hurt)
        say(f"Not sound: {whole:,} of {documents} are whole, {found.subject}")


def _print_hurt(hurt: Sequence[HurtDocument], faults: Sequence[str]) -> None:
    for document in hurt[:_SHOWN]:
        say(f"hurt: {document.name} ({document.collection}): {'; '.join(document.faults)}")
    if len(hurt) > _SHOWN:
        say(f"hurt: {len(hurt) - _SHOWN:,} more; --json names them all")
    for fault in faults:
        say(f"fault: {fault}")
