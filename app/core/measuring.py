"""How well a language model stands a coded KV cache: measured on the program's own text, and kept.

The figures lie beside the model; where that place cannot be written, in the user's data folder.
Importing this loads no torch; measuring does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.core.events import Progressed
from app.core.locations import data_folder, resources_folder
from engine.kv_table import LIMIT, KVTable, Stored, read_table, write_table

_TEXT = ("measuring", "conversation.txt")


def tables_folder() -> Path:
    """Where figures lie of models whose own place cannot be written."""
    return data_folder() / "kv"


def stored_kv(model: Path) -> Stored:
    """The figures kept for a model, with the width they lead to.

    Raises:
        ModelError: the model cannot be read.
    """
    return read_table(model, tables_folder())


def measure_kv(model: Path, limit: float = LIMIT) -> Iterator[Progressed | KVTable]:
    """Measures a model and keeps the figures, which come last. Closing it keeps nothing.

    Raises:
        EngineError: it cannot be measured, or nothing can be written.
    """
    from engine.kv_measure import measure_model

    text = resources_folder().joinpath(*_TEXT).read_text(encoding="utf-8")
    for event in measure_model(model, text, limit=limit):
        if isinstance(event, KVTable):
            keep_kv(model, event)
            yield event
        else:
            yield Progressed("tokens measured", event.tokens, event.of)


def keep_kv(model: Path, table: KVTable) -> Path:
    """Keeps figures for a model; gives the file they are in.

    Raises:
        EngineError: nothing can be written.
    """
    return write_table(model, table, tables_folder())
