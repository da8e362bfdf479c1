"""Reads a library or backup through and says what is wrong with it; changes nothing.

A generator of `app.core.events`: progress, and `Checked` at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.core.events import Checked, Event, HurtDocument, Progressed
from ingest.checking import all_documents, faults_of_document, faults_of_file, faults_of_rest
from ingest.errors import StoreError
from ingest.schema import VERSION
from ingest.store import Store

CHECKING = "checking"
_OLDER = (
    "It is of an older version (format {}, now {}): the file was checked, the documents in it only "
    "once it is opened or restored with this version."
)


def check_library(folder: Path, data_key: bytes) -> Iterator[Event]:
    """Checks a library, also while another program has it open.

    Raises:
        StoreError: it cannot be opened; the class says why.
    """
    store = Store(folder, data_key, beside=True)
    try:
        with store.snapshot():
            yield from examine(store, str(folder))
    finally:
        store.close()


def examine(store: Store, subject: str) -> Iterator[Event]:
    """Checks what ``store`` holds."""
    yield Progressed(CHECKING, 0, 1)
    faults = faults_of_file(store)
    if store.format < VERSION:
        yield Checked(subject, 0, (), tuple(faults), _OLDER.format(store.format, VERSION))
        return
    documents, unlisted = all_documents(store)
    names = _collection_names(store)
    hurt = []
    for done, document in enumerate(documents, start=1):
        if found := faults_of_document(store, document):
            collection = names.get(document.collection_id, "")
            hurt.append(HurtDocument(document.id, collection, document.name, tuple(found)))
        yield Progressed(CHECKING, done, len(documents))
    faults += unlisted + faults_of_rest(store)
    yield Checked(subject, len(documents), tuple(hurt), tuple(faults))


def _collection_names(store: Store) -> dict[int, str]:
    try:
        return {collection.id: collection.name for collection in store.collections()}
    except StoreError:
        return {}  # told with the list of documents
