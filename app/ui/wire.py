"""What the window accepts from the pipe: the plain data of a few light modules, nothing else.

Unpickling imports the module of whatever it finds. The background process handles untrusted
files, and its modules are heavy; so only the kinds below are taken.
"""

from __future__ import annotations

import io
import pickle
from enum import EnumType
from typing import Any

from app.ui.messages import Failure

MODULES = frozenset(
    {
        "app.core.answers",
        "app.core.events",
        "app.core.records",
        "app.core.table_records",
        "app.ui.messages",
        "engine.options",
        "ingest.types",
    }
)


def _member(kind: object, name: str) -> object:
    """What Python 3.11.0 to 3.11.3 calls ``getattr`` for: the member of an enumeration."""
    if not isinstance(kind, EnumType):
        raise pickle.UnpicklingError("builtins.getattr")
    return kind[name]


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):
            return _member
        if module not in MODULES or "." in name:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def loads(data: bytes) -> object:
    """The message.

    Raises:
        pickle.UnpicklingError: it holds something of another module.
    """
    message: object = _Reader(io.BytesIO(data)).load()
    return message


def unknown(error: Exception) -> Failure:
    """The failure that stands for a message that was not accepted."""
    return Failure(
        "Background process",
        f"It sent something that the window does not take: {error}.",
        "Report it with this text; the program's parts do not fit each other.",
        "UnknownMessage",
    )
