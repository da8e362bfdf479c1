"""The library panel's view model: collections, documents, additions under way, what failed.

It asks through the bridge and knows no widget.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.core.events import (
    BatchFinished,
    ChunksEmbedded,
    CollectionInfo,
    DocumentAdded,
    DocumentInfo,
    DocumentMoved,
    DocumentRemoved,
    DocumentReplaced,
    DocumentUnchanged,
    FileFailed,
    FileStarted,
    PageRead,
)
from app.ui.bridge import Bridge
from app.ui.document_list import DocumentListModel
from app.ui.messages import UNASKED, Failure
from app.ui.text import counted

FIRST_COLLECTION = "Documents"


@dataclass(slots=True)
class Addition:
    """An addition under way. One file may be read while another is made searchable."""

    request: int
    collection: str
    index: int = 0
    total: int = 0
    done: int = 0
    path: str = ""  # of the file in view: the one begun last
    doing: str = "Waiting"
    shares: dict[str, float] = field(default_factory=dict)  # of the files begun, 0 to 1
    cancelling: bool = False
    sums: BatchFinished | None = None

    @property
    def file(self) -> str:
        """The name of the file in view."""
        return Path(self.path).name

    @property
    def share(self) -> float:
        """How much of the file in view is done, 0 to 1."""
        return self.shares.get(self.path, 1.0)

    @property
    def overall(self) -> float:
        """How much of all files is done, 0 to 1."""
        begun = self.done + sum(self.shares.values())
        return min(1.0, begun / self.total) if self.total else 0.0

    def begin(self, path: str, index: int, total: int) -> None:
        """A file begins and comes into view."""
        self.index, self.total = index, total
        self.path, self.shares[path] = path, 0.0
        self.doing = "Reading"

    def advance(self, path: str, share: float, doing: str) -> None:
        """So much of a file is done."""
        self.shares[path] = share
        if path == self.path:
            self.doing = doing

    def finish(self, path: str) -> None:
        """A file is through, well or badly; another that is under way comes into view."""
        if self.shares.pop(path, None) is not None:
            self.done += 1
        if path == self.path and self.shares:
            self.path = next(reversed(self.shares))


@dataclass(slots=True)
class _Collections:
    known: list[CollectionInfo] = field(default_factory=list)
    selected: str = ""


class LibraryModel(QObject):
    """What the library panel shows and can do."""

    collections_changed = Signal()
    collection_selected = Signal(str)
    documents_loaded = Signal()
    addition_changed = Signal(object)  # Addition | None
    file_failed = Signal(object)  # FileFailed
    addition_finished = Signal(str)  # its sums in a sentence
    document_changed = Signal(int)  # document id; removed, or replaced by a newer version
    followed_loaded = Signal(list)  # folders
    request_failed = Signal(object)  # Failure

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._collections = _Collections()
        self._additions: dict[int, Addition] = {}
        self.documents = DocumentListModel()
        bridge.event_received.connect(self._on_unasked)

    @property
    def collections(self) -> list[CollectionInfo]:
        """The collections, as the library lists them."""
        return self._collections.known

    @property
    def selected(self) -> str:
        """The name of the collection in view; empty when there is none."""
        return self._collections.selected

    def load(self, select: str = "") -> None:
        """Asks for the collections, then for the documents of the selected one."""

        def loaded(value: Any) -> None:
            self._collections.known = list(value)
            names = [c.name for c in self._collections.known]
            wanted = select or self.selected
            name = wanted if wanted in names else (names[0] if names else "")
            self.collections_changed.emit()
            self.select(name)

        self._bridge.call("collections", on_value=loaded, on_failed=self.request_failed.emit)

    def select(self, name: str) -> None:
        """Shows another collection."""
        changed = name != self.selected
        self._collections.selected = name
        if changed:
            self.documents.set_documents([])
            self.collection_selected.emit(name)
        self.load_documents()
        if changed and name:
            self._bridge.call("prepare", name, on_failed=self.request_failed.emit)

    def load_documents(self) -> None:
        """Asks for the documents of the selected collection."""
        name = self.selected
        if not name:
            self.documents.set_documents([])
            self.documents_loaded.emit()
            return

        def loaded(value: Any) -> None:
            if name == self.selected:
                self.documents.set_documents(value)
                self.documents_loaded.emit()

        self._bridge.call("documents", name, on_value=loaded, on_failed=self.request_failed.emit)

    def create_collection(self, name: str) -> None:
        """Makes a collection and shows it."""
        self._bridge.call(
            "create_collection",
            name,
            on_value=lambda _info: self.load(select=name),
            on_failed=self.request_failed.emit,
        )

    def add(self, paths: Sequence[Path], passwords: Sequence[str] = ()) -> None:
        """Adds files and folders to the selected collection, or to a first one."""
        collection = self.selected or FIRST_COLLECTION
        request = self._bridge.call(
            "add",
            list(paths),
            collection,
            passwords=list(passwords),
            on_event=lambda event: self._on_event(request, event),
            on_finished=lambda cancelled: self._on_end(request, cancelled),
            on_failed=lambda failure: self._on_failure(request, failure),
        )
        self._additions[request] = Addition(request, collection)
        self._show_addition()

    def cancel_addition(self) -> None:
        """Stops the addition in view; the file being read is dropped, the others stay."""
        for addition in self._additions.values():
            addition.cancelling = True
            addition.doing = "Stopping"
            self._bridge.cancel(addition.request)
        self._show_addition()

    def remove(self, documents: Iterable[DocumentInfo]) -> None:
        """Removes documents from the library; their files stay where they are."""
        for document in documents:
            self._bridge.call(
                "remove",
                document.id,
                on_event=self._on_removal,
                on_finished=lambda _cancelled: self.load(),
                on_failed=self.request_failed.emit,
            )

    def rename_collection(self, name: str) -> None:
        """Gives the selected collection another name."""
        chosen = next((c for c in self.collections if c.name == self.selected), None)
        if chosen is not None:
            self._bridge.call(
                "rename_collection",
                chosen.id,
                name,
                on_value=lambda _none: self.load(select=name),
                on_failed=self.request_failed.emit,
            )

    def remove_collection(self) -> None:
        """Removes the selected collection with all its documents; the files stay."""
        self._bridge.call(
            "remove_collection",
            self.selected,
            on_value=lambda _none: self.load(),
            on_failed=self.request_failed.emit,
        )

    def load_followed(self) -> None:
        """Asks which folders the selected collection follows; `followed_loaded` follows."""
        if self.selected:
            self._bridge.call(
                "followed",
                self.selected,
                on_value=self.followed_loaded.emit,
                on_failed=self.request_failed.emit,
            )

    def follow(self, folder: Path) -> None:
        """The selected collection follows a folder from now on; what is in it is added."""
        collection = self.selected or FIRST_COLLECTION

        def followed(_none: object) -> None:
            self.load_followed()
            self.add([folder])

        self._bridge.call(
            "follow",
            collection,
            str(folder),
            on_value=followed,
            on_failed=self.request_failed.emit,
        )

    def unfollow(self, folder: str) -> None:
        """The selected collection no longer follows a folder; its documents stay."""
        self._bridge.call(
            "unfollow",
            self.selected,
            folder,
            on_value=lambda _none: self.load_followed(),
            on_failed=self.request_failed.emit,
        )

    def _put(self, document: DocumentInfo, *, replaced: bool) -> None:
        if document.collection == self.selected:
            self.documents.put(document)
            self.documents_loaded.emit()
        if replaced:
            self.document_changed.emit(document.id)

    def _on_unasked(self, request: int, event: object) -> None:
        """What a followed folder brought."""
        if request != UNASKED:
            return
        match event:
            case DocumentAdded(_, document) | DocumentMoved(_, document):
                self._put(document, replaced=False)
            case DocumentReplaced(_, document):
                self._put(document, replaced=True)
            case DocumentRemoved():
                self._on_removal(event)
                self.documents_loaded.emit()
            case FileFailed():
                self.file_failed.emit(event)

    def _on_removal(self, event: object) -> None:
        if isinstance(event, DocumentRemoved):
            self.documents.take(event.document.id)
            self.document_changed.emit(event.document.id)

    def _on_event(self, request: int, event: object) -> None:
        addition = self._additions.get(request)
        if addition is None:
            return
        match event:
            case FileStarted(path, index, total):
                addition.begin(path, index, total)
            case PageRead(path, page, pages, source):
                words = f"Reading page {page:,} of {pages:,}"
                words += " by OCR" if source == "ocr" else ""
                addition.advance(path, 0.8 * page / max(pages, 1), words)
            case ChunksEmbedded(path, done, total):
                share = 0.8 + 0.2 * done / max(total, 1)
                addition.advance(path, share, "Making it searchable")
            case (
                DocumentAdded(path, document)
                | DocumentReplaced(path, document)
                | DocumentMoved(path, document)
                | DocumentUnchanged(path, document)
            ):
                addition.finish(path)
                self._put(document, replaced=isinstance(event, DocumentReplaced))
            case FileFailed(path):
                addition.finish(path)
                self.file_failed.emit(event)
            case BatchFinished():
                addition.sums = event
        if addition.cancelling:
            addition.doing = "Stopping"
        self._show_addition()

    def _on_end(self, request: int, cancelled: bool) -> None:
        addition = self._additions.pop(request)
        self._show_addition()
        self.load(select="" if self.selected else addition.collection)
        if cancelled:
            self.addition_finished.emit("Stopped. What was finished before is in the library.")
        elif addition.sums is not None:
            self.addition_finished.emit(summary(addition.sums))

    def _on_failure(self, request: int, failure: Failure) -> None:
        self._additions.pop(request, None)
        self._show_addition()
        self.load()
        self.request_failed.emit(failure)

    def _show_addition(self) -> None:
        self.addition_changed.emit(next(iter(self._additions.values()), None))


def summary(sums: BatchFinished) -> str:
    """The sums of an addition in a sentence."""
    parts = [
        f"{counted(sums.added, 'document')} added" if sums.added else "",
        f"{sums.replaced:,} replaced by a newer version" if sums.replaced else "",
        f"{sums.moved:,} found at a new place" if sums.moved else "",
        f"{sums.unchanged:,} here already" if sums.unchanged else "",
        f"{sums.failed:,} failed" if sums.failed else "",
        f"{counted(sums.skipped, 'file')} of a kind that is not read" if sums.skipped else "",
    ]
    words = ", ".join(part for part in parts if part)
    return f"{words}." if words else "Nothing to add was found there."
