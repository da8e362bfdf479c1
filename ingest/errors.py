"""What can go wrong on the way from a file to the store.

::

    IngestError
    ├── ReadError            one file cannot be read; the batch goes on
    │   ├── PasswordNeeded   encrypted, and no password given works
    │   ├── UnsupportedFile  not a format that any reader knows
    │   ├── DamagedFile      the reader gave up on it
    │   ├── LimitExceeded    time, memory, pages or pixels
    │   └── FileUnreachable  missing, locked, or no permission
    ├── StoreError           the vault file
    │   ├── WrongKey         the key does not open it, or it is no vault
    │   ├── NewerStore       written by a newer version
    │   ├── StoreBusy        another program holds it
    │   ├── StoreReadOnly    its folder or file cannot be written
    │   └── StoreFull        no space left on its disk
    └── ModelError           the embedding model's folder

Every error names what it is about, why, and what to do.
"""

from __future__ import annotations


class IngestError(Exception):
    """Base class. ``subject`` is the file or thing, ``cause`` why, ``remedy`` what to do."""

    def __init__(self, subject: str, cause: str, remedy: str) -> None:
        super().__init__(subject, cause, remedy)
        self.subject = subject
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.cause} {self.remedy}"


class ReadError(IngestError):
    """One file cannot be read."""


class PasswordNeeded(ReadError):
    """The file is encrypted and none of the passwords given opens it."""


class UnsupportedFile(ReadError):
    """No reader knows this format."""


class DamagedFile(ReadError):
    """The file is broken beyond what the reader repairs."""


class LimitExceeded(ReadError):
    """The file needs more time, memory, pages or pixels than it is allowed."""


class FileUnreachable(ReadError):
    """The file is missing, is no regular file, or may not be opened."""


class StoreError(IngestError):
    """The vault file cannot be used."""


class WrongKey(StoreError):
    """The key does not open the vault file."""


class NewerStore(StoreError):
    """The vault file was written by a newer version of the program."""


class StoreBusy(StoreError):
    """Another program holds the library."""


class StoreReadOnly(StoreError):
    """The library cannot be written."""


class StoreFull(StoreError):
    """The disk that holds the library is full."""


class ModelError(IngestError):
    """The embedding model cannot be loaded."""
