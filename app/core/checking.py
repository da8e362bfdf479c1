"""Reads a library or backup through and says what is wrong with it; changes nothing.

A generator of `app.core.events`: progress, and `Checked` at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

from app.core.events import Checked, Event, HurtDocument, Progressed
from app.core.vault import vault_cipher
from ingest.checking import all_documents, faults_of_document, faults_of_file, faults_of_rest
from ingest.errors import StoreError
from ingest.schema import VERSION
from ingest.store import Store

CHECKING = "checking"
_OLDER = (
    "It is of an older version (format {}, now {}): the file was checked, the documents in it only "
    "once it is opened or restored with this version."
)


def check_library(folder: Path, data_key: bytes | bytearray) -> Generator[Event, None, None]:
    """Checks a library, also while another program has it open.

    Raises:
        StoreError: it cannot be opened; the class says why.
    """
    cipher = vault_cipher(folder)
    yield from examine(lambda: Store(folder, data_key, cipher=cipher, beside=True), str(folder))


class Reopened:
    """A store that is opened anew after a damaged page; see `ingest.checking`.

    Each time it is one state of the library, so long as nothing is damaged the same one.
    """

    def __init__(self, open_: Callable[[], Store]) -> None:
        self._open = open_
        self._exits = ExitStack()
        self.store = self.anew()

    def anew(self) -> Store:
        """The store, opened anew."""
        self.close()
        self.store = self._open()
        self._exits.callback(self.store.close)
        self._exits.enter_context(self.store.snapshot())
        return self.store

    def close(self) -> None:
        """Lets go of the file."""
        self._exits.close()


def examine(open_: Callable[[], Store], subject: str) -> Iterator[Event]:
    """Checks what the stores hold that ``open_`` opens."""
    reopened = Reopened(open_)
    try:
        yield from _examined(reopened, subject)
    finally:
        reopened.close()


def _examined(reopened: Reopened, subject: str) -> Iterator[Event]:
    yield Progressed(CHECKING, 0, 1)
    faults = faults_of_file(reopened.store)
    if reopened.store.format < VERSION:
        older = _OLDER.format(reopened.store.format, VERSION)
        yield Checked(subject, 0, (), tuple(faults), older)
        return
    if faults:
        reopened.anew()
    names = collection_names(reopened.store)
    documents, unlisted = all_documents(reopened.anew if faults else lambda: reopened.store)
    hurt = []
    for done, document in enumerate(documents, start=1):
        if found := faults_of_document(reopened.store, document):
            collection = names.get(document.collection_id, "")
            hurt.append(HurtDocument(document.id, collection, document.name, tuple(found)))
            reopened.anew()
        yield Progressed(CHECKING, done, len(documents))
    faults += unlisted + faults_of_rest(reopened.store)
    yield Checked(subject, len(documents), tuple(hurt), tuple(dict.fromkeys(faults)))


def collection_names(store: Store) -> dict[int, str]:
    """The names of collections by number; none, where they cannot be read."""
    try:
        return {collection.id: collection.name for collection in store.collections()}
    except StoreError:
        return {}  # told with the list of documents
