"""What a packed model says of itself: ``muniment.json`` in its folder. Loads no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from engine.errors import DamagedModel, UnsupportedModel
from engine.widths import Width, Widths

NOTES, WEIGHTS, TOWERS = "muniment.json", "model.safetensors", "towers.safetensors"
# Raised when an older program could not read what is written.
FORMAT = 1
_PACK_AGAIN = "Pack the model again with `muniment models pack`."


@dataclass(frozen=True)
class PackedNotes:
    """``source`` is the name of the folder the model was packed from."""

    widths: Widths
    source: str


def is_packed(folder: Path) -> bool:
    """Whether the folder holds a packed model."""
    return (folder / NOTES).is_file()


def read_notes(folder: Path) -> PackedNotes:
    """Raises UnsupportedModel for a newer format, DamagedModel if the notes cannot be read."""
    path = folder / NOTES
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        version = int(data["format"])
        if version <= FORMAT:
            return PackedNotes(
                Widths(_width(data["layers"]), _width(data["embedding"])), str(data["source"])
            )
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise DamagedModel(str(path), f"It cannot be read ({error!r}).", _PACK_AGAIN) from error
    raise UnsupportedModel(
        str(path),
        f"It was packed by a newer version of the program (format {version}, known is {FORMAT}).",
        "Update the program, or pack the model again with this one.",
    )


def notes_text(notes: PackedNotes) -> str:
    """The contents of ``muniment.json``."""
    widths = notes.widths
    data = {"format": FORMAT, "layers": widths.layers, "embedding": widths.embedding}
    return json.dumps({**data, "source": notes.source}, indent=2) + "\n"


def _width(value: Any) -> Width:
    if value not in get_args(Width):
        raise ValueError(f"{value} bits")
    return cast(Width, value)
