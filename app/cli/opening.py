"""The library that a command works on: opened with the person's key, and what is meant in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import DEFAULT_COLLECTION
from app.cli.output import print_error, stderr
from app.cli.program import State
from app.cli.secrets import (
    instead_of_keyring,
    key_for,
    new_passphrase,
    offers_recovery_key,
    patiently,
    show_recovery_key,
)
from app.core import policy, vault
from app.core.events import DocumentInfo
from app.core.locations import (
    VAULT_FILE,
    check_is_library,
    check_library_folder,
    check_new_library,
    check_vault,
)
from ingest.errors import IngestError, StoreFull

if TYPE_CHECKING:  # loaded when first needed: the window's process never needs it
    from app.core.workspace import Workspace

_NAMED = 10
_CLEANING = "Cleaning up after what was removed. Ctrl-C leaves it for the next command."
_SLOW_BYTES = 64 << 20  # of a vault that is not cleaned up in a moment


@contextmanager
def open_workspace(*, create: bool = False) -> Iterator[Workspace]:
    """The library of the program's options, for as long as a command works on it."""
    folder = State.library
    check_library_folder(folder)
    new = create and not vault.has_keys(folder)
    if new:
        check_new_library(folder)  # before a passphrase is asked for
    else:
        _check_there(folder, create=create)
    from app.core.workspace import Workspace

    if new:
        workspace = _create(folder)
    else:
        key = key_for(folder)
        try:
            workspace = patiently(key, lambda source: Workspace.open(folder, source))
        except vault.KeyringUnusable as error:
            instead = instead_of_keyring(folder, error)
            workspace = patiently(instead, lambda source: Workspace.open(folder, source))
    try:
        yield workspace
        _clean_up(workspace)
    finally:
        workspace.close()


def closed_library() -> tuple[Path, bytearray]:
    """The library's folder and data key, for what needs no hold on it."""
    from app.core.key_changes import unlocked_key

    folder = State.library
    check_library_folder(folder)
    _check_there(folder)
    policy.current()
    try:
        data_key = patiently(key_for(folder), lambda source: unlocked_key(folder, source))
    except vault.KeyringUnusable as error:
        instead = instead_of_keyring(folder, error)
        data_key = patiently(instead, lambda source: unlocked_key(folder, source))
    check_vault(folder)
    return folder, data_key


def _check_there(folder: Path, *, create: bool = False) -> None:
    check_is_library(folder)
    # A vault without keys is another matter: the core says what is wrong with it.
    if not create and not vault.has_keys(folder) and not _has_vault(folder):
        raise IngestError(
            str(folder), f"There is no library at {folder} yet.", "`muniment add PATH` makes one."
        )


def _clean_up(workspace: Workspace) -> None:
    """Goes over the files after what was removed, now or in a run that was interrupted."""
    if not workspace.has_remains:
        return
    if (workspace.folder / VAULT_FILE).stat().st_size >= _SLOW_BYTES:
        stderr.print(_CLEANING)
    try:
        workspace.erase_remains()
    except KeyboardInterrupt:
        stderr.print("Left for the next command.")
    except StoreFull as error:
        print_error(error)


def _create(folder: Path) -> Workspace:
    """A new library; at a terminal a recovery key is offered."""
    from app.core.workspace import Workspace

    key = vault.key_source_from_environment(folder) or new_passphrase(
        folder, vault.PASSPHRASE_VARIABLE
    )
    recovery = vault.new_recovery_key() if offers_recovery_key() else None
    workspace = Workspace.open(folder, key, create=vault.NewLibrary(recovery=recovery))
    if recovery is not None:
        show_recovery_key(recovery)
    else:
        stderr.print("It has no recovery key. To make one: muniment keys add recovery")
    return workspace


def _has_vault(folder: Path) -> bool:
    return (folder / VAULT_FILE).exists()


def chosen_collection(workspace: Workspace, named: str | None) -> str:
    """The collection to search: the one named, else the only one, else the default one."""
    names = [collection.name for collection in workspace.collections()]
    if not names:
        raise IngestError(
            str(workspace.folder), "The library is empty.", "Fill it: muniment add PATH"
        )
    wanted = named or (names[0] if len(names) == 1 else DEFAULT_COLLECTION)
    if wanted not in names:
        there = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        raise IngestError(
            f"collection {wanted!r}",
            "There is no such collection.",
            f"Name one with -c. There {'is' if len(names) == 1 else 'are'}: {there}.",
        )
    return wanted


def document_number(workspace: Workspace, wanted: str, collection: str | None) -> int:
    """A document's number from its number, name or path, in one collection or in all."""
    if collection:
        names = [chosen_collection(workspace, collection)]
    else:
        names = [c.name for c in workspace.collections()]
    documents = [d for name in names for d in workspace.documents(name)]
    path = str(Path(wanted).absolute())
    for matches in (
        [d for d in documents if str(d.id) == wanted],
        [d for d in documents if d.path == path],
        [d for d in documents if d.name == wanted],
    ):
        if len(matches) == 1:
            return matches[0].id
        if matches:
            raise _ambiguous(wanted, matches)
    where = f" in {collection}" if collection else ""
    raise IngestError(wanted, f"There is no such document{where}.", "See: muniment list")


def _ambiguous(wanted: str, matches: Sequence[DocumentInfo]) -> IngestError:
    found = "; ".join(f"{d.id} is {d.path} in {d.collection}" for d in matches[:_NAMED])
    remedy = "Give its number instead."
    if len({d.collection for d in matches}) == len(matches):
        remedy = "Give its number instead, or its collection with -c."
    return IngestError(wanted, f"{len(matches)} documents are meant by that: {found}.", remedy)
