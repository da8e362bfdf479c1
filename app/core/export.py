"""Answers and conversations as files for other programs: DOCX, PDF and Markdown, with footnotes.

The part of `app.core.workspace.Workspace` that exports. What leaves is readable by whoever may
read the file, so it is written for the person alone, never over a file unasked, and never where
the program would take it for a document.
"""

from __future__ import annotations

import errno
import os
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from app.core import policy
from app.core.audit_entries import What
from app.core.conversations import ConversationKeeping
from app.core.exporting.answer_paper import paper_of_answer, paper_of_conversation
from app.core.exporting.paper import Paper
from app.core.private_file import write_whole
from ingest.errors import IngestError

_FULL = (errno.ENOSPC, errno.EDQUOT)
F = TypeVar("F", bound=StrEnum)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class ExportError(IngestError):
    """A file cannot be exported."""


class Format(StrEnum):
    """What can be exported, by the ending of the file's name."""

    DOCX = ".docx"
    PDF = ".pdf"
    MARKDOWN = ".md"


def format_of(path: Path, formats: type[F], what: str) -> F:
    """The format that a file's name asks for; ``what`` says in an error which ones there are.

    Raises:
        ExportError: none of them.
    """
    try:
        return formats(path.suffix.casefold())
    except ValueError:
        *others, last = formats
        raise ExportError(
            str(path),
            f"Its name ends in “{path.suffix}”, which is no format {what}."
            if path.suffix
            else "Its name does not say in which format it is to be written.",
            f"Let it end in {', '.join(others)} or {last}.",
        ) from None


def written(paper: Paper, form: Format) -> bytes:
    """The paper in a format."""
    # Each of these libraries takes its time to load.
    match form:
        case Format.DOCX:
            from app.core.exporting import docx_document

            return docx_document.write(paper)
        case Format.PDF:
            from app.core.exporting import pdf_document

            return pdf_document.write(paper)
        case Format.MARKDOWN:
            from app.core.exporting import markdown_document

            return markdown_document.write(paper)


def check_target(path: Path, *, replace: bool) -> None:
    """Says so when nothing can be written at ``path``, before any work is done.

    Raises:
        ExportError: it is there already and is not to be replaced, or is no file.
    """
    if not path.parent.is_dir():
        raise ExportError(
            str(path), f"There is no folder {path.parent}.", "Make it, or name another one."
        )
    if os.path.lexists(path) and not path.is_file():
        raise ExportError(str(path), "It is there already and is no file.", "Choose another name.")
    if os.path.lexists(path) and not replace:
        raise _there(path)


def write_file(path: Path, data: bytes, *, replace: bool) -> None:
    """Writes an exported file, mode 0600, whole or not at all.

    Raises:
        ExportError: it is there already and is not to be replaced, or it cannot be written.
    """
    try:
        write_whole(path, data, replace=replace)
    except FileExistsError:
        raise _there(path) from None
    except OSError as error:
        if error.errno in _FULL:
            cause, remedy = "No space is left on its disk.", "Free some, and export it again."
        elif error.errno in _REFUSED:
            cause, remedy = "It may not be written there.", "Choose a folder that you may write to."
        else:
            cause = f"It cannot be written: {error.strerror}."
            remedy = "Check the folder and its disk, or choose another place."
        raise ExportError(str(path), cause, remedy) from error


def _there(path: Path) -> ExportError:
    return ExportError(
        str(path),
        "It is there already; nothing was written.",
        "Choose another name, or say that it is to be replaced (--force).",
    )


class Exporting(ConversationKeeping):
    """Exports the conversations of one library."""

    folder: Path

    def export_answer(
        self, record_id: int, path: Path, *, with_record: bool = False, replace: bool = False
    ) -> None:
        """Writes one kept answer to ``path``, in the format that its name ends in.

        ``with_record`` adds what it takes to write the same answer again.

        Raises:
            StoreError: there is no such answer, or it went with a document.
            PolicyForbids: nothing may be exported.
            ExportError: the file cannot be written; the error says why.
        """
        form = self._checked(path, replace)
        self.record(record_id)  # says so when it went with a document
        paper = paper_of_answer(self.exchange(record_id), with_record=with_record)
        self._record_export("answer", record_id, path)
        write_file(path, written(paper, form), replace=replace)

    def export_conversation(
        self, conversation_id: int, path: Path, *, with_record: bool = False, replace: bool = False
    ) -> None:
        """Writes a kept conversation to ``path``; see `export_answer`."""
        form = self._checked(path, replace)
        info = self.conversation_info(conversation_id)
        exchanges = self.exchanges(conversation_id)
        paper = paper_of_conversation(info, exchanges, with_record=with_record)
        self._record_export("conversation", conversation_id, path)
        write_file(path, written(paper, form), replace=replace)

    def _checked(self, path: Path, replace: bool) -> Format:
        form = format_of(path, Format, "that can be exported")
        self._check_place(path, replace)
        return form

    def _record_export(self, of: str, number: int, path: Path) -> None:
        """The log has it before the file is there."""
        named = self.audit.named(str(path.absolute()), "file")
        form = path.suffix.casefold()
        self.audit.record(What.EXPORT_WRITTEN, of=of, number=number, format=form, **named)

    def _check_place(self, path: Path, replace: bool) -> None:
        with self.audit.refusals("export"):
            policy.check_export()
        self._check_folder(path, replace)

    def _check_folder(self, path: Path, replace: bool) -> None:
        check_target(path, replace=replace)
        folder = path.parent.resolve()
        if folder.is_relative_to(self.folder.resolve()):
            raise ExportError(
                str(path), "The library lies in this folder.", "Choose another folder."
            )
        for collection in self._store.collections():
            for followed in self._store.followed(collection.id):
                if folder.is_relative_to(followed):
                    raise ExportError(
                        str(path),
                        f"The collection {collection.name} follows the folder {followed}: the "
                        "file would become one of its documents.",
                        "Choose another folder.",
                    )
