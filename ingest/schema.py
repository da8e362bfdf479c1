"""The vault's tables as ordered, named migrations: SQL, or a function.

A migration is never edited once released; a new one is added at the end. ``user_version`` of the
file counts those applied, so a file written by a newer program is recognised and refused.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from ingest.sealing import ContentKeys
from ingest.sealing_older import seal_older

Step = Callable[[apsw.Connection, ContentKeys], None]

MIGRATIONS: tuple[tuple[str, str | Step], ...] = (
    (
        "documents, pages, chunks, vectors",
        """
        CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE collection (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            created TEXT NOT NULL
        );
        CREATE TABLE document (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            collection_id INTEGER NOT NULL REFERENCES collection(id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            title TEXT NOT NULL,
            path TEXT NOT NULL,
            media_type TEXT NOT NULL,
            content_hash TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            modified TEXT NOT NULL,
            added TEXT NOT NULL,
            password TEXT NOT NULL,
            warnings TEXT NOT NULL,
            page_count INTEGER NOT NULL,
            ocr_pages INTEGER NOT NULL,
            unreadable_pages INTEGER NOT NULL,
            chunk_count INTEGER NOT NULL,
            model TEXT NOT NULL,
            UNIQUE (collection_id, content_hash)
        );
        CREATE INDEX document_by_path ON document (collection_id, path);
        CREATE TABLE history (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            time TEXT NOT NULL,
            what TEXT NOT NULL,
            path TEXT NOT NULL,
            content_hash TEXT NOT NULL
        );
        CREATE INDEX history_by_document ON history (document_id);
        CREATE TABLE original (
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            piece INTEGER NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (document_id, kind, piece)
        );
        CREATE TABLE page (
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            width REAL NOT NULL,
            height REAL NOT NULL,
            unreadable TEXT NOT NULL,
            lines BLOB NOT NULL,
            PRIMARY KEY (document_id, number)
        ) WITHOUT ROWID;
        CREATE TABLE chunk (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            ordinal INTEGER NOT NULL,
            search_text TEXT NOT NULL,
            body BLOB NOT NULL
        );
        CREATE INDEX chunk_by_document ON chunk (document_id, ordinal);
        CREATE TABLE vector (
            chunk_id INTEGER PRIMARY KEY REFERENCES chunk(id) ON DELETE CASCADE,
            words TEXT NOT NULL,
            data BLOB NOT NULL
        );
        CREATE TABLE followed (
            collection_id INTEGER NOT NULL REFERENCES collection(id) ON DELETE CASCADE,
            folder TEXT NOT NULL,
            PRIMARY KEY (collection_id, folder)
        ) WITHOUT ROWID;
        """,
    ),
    (
        "figures, readings, confidence of pages",
        # ocr_confidence is a function of ours; what was stored before gets its value from it.
        """
        CREATE TABLE figure (
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            page INTEGER NOT NULL,
            x0 REAL NOT NULL,
            y0 REAL NOT NULL,
            x1 REAL NOT NULL,
            y1 REAL NOT NULL,
            kind TEXT NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (document_id, number)
        ) WITHOUT ROWID;
        CREATE TABLE reading (
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            page INTEGER NOT NULL,
            source TEXT NOT NULL,
            author TEXT NOT NULL,
            made TEXT NOT NULL,
            confidence REAL,
            lines BLOB NOT NULL,
            PRIMARY KEY (document_id, page, source, author)
        ) WITHOUT ROWID;
        ALTER TABLE chunk ADD COLUMN figure INTEGER;
        ALTER TABLE page ADD COLUMN confidence REAL;
        UPDATE page SET confidence = ocr_confidence(lines)
            WHERE document_id IN (SELECT id FROM document WHERE ocr_pages > 0);
        """,
    ),
    (
        "conversations",
        # A removed document's words live on in no answer that was written from it, whichever way
        # it is removed: hence a trigger.
        """
        CREATE TABLE conversation (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            collection_id INTEGER NOT NULL REFERENCES collection(id) ON DELETE CASCADE,
            title TEXT NOT NULL,
            created TEXT NOT NULL,
            changed TEXT NOT NULL
        );
        CREATE INDEX conversation_by_collection ON conversation (collection_id, changed);
        CREATE TABLE exchange (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation_id INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
            ordinal INTEGER NOT NULL,
            made TEXT NOT NULL,
            words TEXT NOT NULL,
            body BLOB,
            UNIQUE (conversation_id, ordinal)
        );
        CREATE TABLE exchange_document (
            exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            PRIMARY KEY (exchange_id, document_id)
        ) WITHOUT ROWID;
        CREATE INDEX exchange_by_document ON exchange_document (document_id);
        CREATE TRIGGER document_leaves_answers BEFORE DELETE ON document BEGIN
            UPDATE exchange SET words = '', body = NULL
                WHERE id IN (SELECT exchange_id FROM exchange_document WHERE document_id = OLD.id);
        END;
        """,
    ),
    (
        "tables over documents",
        # TABLE is SQL's word, so the store calls them sheets. A cell's hash is that of its
        # document's content when it was answered.
        """
        CREATE TABLE sheet (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            collection_id INTEGER NOT NULL REFERENCES collection(id) ON DELETE CASCADE,
            title TEXT NOT NULL,
            created TEXT NOT NULL,
            fields TEXT NOT NULL,
            settings TEXT NOT NULL
        );
        CREATE INDEX sheet_by_collection ON sheet (collection_id);
        CREATE TABLE cell (
            sheet_id INTEGER NOT NULL REFERENCES sheet(id) ON DELETE CASCADE,
            document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
            field INTEGER NOT NULL,
            made TEXT NOT NULL,
            content_hash TEXT NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (sheet_id, document_id, field)
        ) WITHOUT ROWID;
        CREATE INDEX cell_by_document ON cell (document_id);
        """,
    ),
    (
        "audit log",
        # Entries are only ever added, one after the other; app.core.audit_chain says what a mark
        # is. INSERT OR REPLACE deletes without asking the second trigger, hence the third.
        """
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY,
            time TEXT NOT NULL,
            user TEXT NOT NULL,
            what TEXT NOT NULL,
            detail TEXT NOT NULL,
            mark BLOB NOT NULL
        ) STRICT;
        CREATE TRIGGER audit_is_not_edited BEFORE UPDATE ON audit BEGIN
            SELECT RAISE(ABORT, 'entries of the audit log are not changed');
        END;
        CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN
            SELECT RAISE(ABORT, 'entries of the audit log are not removed');
        END;
        CREATE TRIGGER audit_is_added_to_at_its_end BEFORE INSERT ON audit
        WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM audit) BEGIN
            SELECT RAISE(ABORT, 'entries of the audit log are added at its end');
        END;
        """,
    ),
    ("content keys", seal_older),
)

VERSION = len(MIGRATIONS)
