"""Fields for tables that come with the program, read from ``resources/tables``.

Their questions are worded so that the search and the glossary know them. Light: the window lists
them itself.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from app.core.locations import resources_folder
from app.core.table_records import Preset, TableField
from ingest.errors import IngestError


class TableError(IngestError):
    """A table cannot be made so."""


def presets() -> list[Preset]:
    """All of them by name.

    Raises:
        IngestError: a file of them cannot be read.
    """
    return [_read(path) for path in sorted((resources_folder() / "tables").glob("*.toml"))]


def preset(name: str) -> Preset:
    """The one of that name.

    Raises:
        TableError: there is none.
    """
    found = {preset.name: preset for preset in presets()}
    if name not in found:
        raise TableError(
            f"preset {name!r}",
            "There is no such preset.",
            f"Choose one of: {', '.join(found)}. Or name fields of your own.",
        )
    return found[name]


def _read(path: Path) -> Preset:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        fields = tuple(TableField(str(f["name"]), str(f["question"])) for f in table["field"])
        return Preset(path.stem, str(table["title"]), fields)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IngestError(
            str(path), f"The preset cannot be read ({error}).", "Install it again."
        ) from error
