"""What is whole in a hurt library, in a new one; the hurt one stays as it is.

Document by document, through the store, so that nothing of a damaged page comes along. The new
library has the same keys. Conversations and tables, which know documents by their numbers, stay
behind, and so does what the library remembers of a document beyond the document itself.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from app.core.checking import CHECKING, Reopened, collection_names
from app.core.events import Event, HurtDocument, Progressed, Rescued
from app.core.private_file import write_whole
from app.core.restoring import new_library
from app.core.vault import vault_cipher
from app.core.vault_file import KEYS_FILE
from ingest.checking import all_documents, faults_of_document
from ingest.errors import StoreError
from ingest.records import Document, NewDocument
from ingest.schema import VERSION
from ingest.store import Store

_UNNAMED = "Rescued"


def rescue(folder: Path, data_key: bytes | bytearray, to: Path) -> Generator[Event, None, None]:
    """Makes a library in ``to``, missing or empty, of every document that is whole in ``folder``.

    Raises:
        StoreError: it cannot be read at all; there is something in ``to``; there is no room.
    """
    cipher = vault_cipher(folder)
    reopened = Reopened(lambda: Store(folder, data_key, cipher=cipher, beside=True))
    try:
        if reopened.store.format < VERSION:
            raise StoreError(
                str(folder),
                "The library is of an older version.",
                "Open it once with this version, or rescue it with the one that wrote it.",
            )
        with new_library(to) as partial:
            write_whole(partial / KEYS_FILE, (folder / KEYS_FILE).read_bytes())
            new = Store(partial, data_key, cipher=cipher)
            try:
                done = yield from _copied(reopened, new, to)
            finally:
                new.close()
    finally:
        reopened.close()
    yield done


def _copied(reopened: Reopened, new: Store, to: Path) -> Generator[Event, None, Rescued]:
    documents, faults = all_documents(reopened.anew)
    names = collection_names(reopened.anew())
    if not names:
        reopened.anew()
    left = []
    for done, document in enumerate(documents, start=1):
        name = names.get(document.collection_id, _UNNAMED)
        if found := faults_of_document(reopened.store, document):
            left.append(HurtDocument(document.id, name, document.name, tuple(found)))
            reopened.anew()
        else:
            new.put(new.add_collection(name).id, _as_new(reopened.store, document))
        yield Progressed(CHECKING, done, len(documents))
    return Rescued(str(to), len(documents) - len(left), tuple(left), tuple(faults))


def _as_new(store: Store, document: Document) -> NewDocument:
    """All that is kept of a document, as it was when it was first stored."""
    pages = store.pages(document.id)
    rows = store.index_rows(document.collection_id, document_id=document.id)
    vectors = [batch.vectors for batch in rows]
    original, shown = store.original(document.id), store.shown_pdf(document.id)
    readings = [store.readings(document.id, page.number) for page in pages]
    return NewDocument(
        name=document.name,
        title=document.title,
        path=document.path,
        media_type=document.media_type,
        content_hash=document.content_hash,
        size=document.bytes,
        modified=document.modified,
        password=document.password,
        warnings=document.warnings,
        pages=pages,
        chunks=[stored.chunk for stored in store.document_chunks(document.id)],
        vectors=np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float32),
        model=document.model,
        original=original,
        rendition=None if shown == original else shown,
        figures=[stored.figure for stored in store.figures(document.id)],
        readings=[reading for found in readings if len(found) > 1 for reading in found],
    )
