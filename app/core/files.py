"""The files that a person means: those named, and those in the folders named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.core.watching import is_ignored

SUFFIXES = frozenset(
    ".pdf .png .jpg .jpeg .tif .tiff .webp .docx .txt .text .md .markdown .html .htm .eml".split()
)


def expand(paths: Sequence[Path]) -> Iterator[Path]:
    """Absolute paths of the files; of a folder, those with a known ending, at any depth.

    A file that is named itself is taken whatever its ending. Hidden files of folders, links to
    folders and the same path twice are left out.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _files(path):
            absolute = Path(os.path.abspath(found))  # noqa: PTH100 - resolve() would follow links
            if str(absolute) not in seen:
                seen.add(str(absolute))
                yield absolute


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not is_ignored(name))
        for name in sorted(names):
            found = Path(folder) / name
            if not is_ignored(name) and found.suffix.casefold() in SUFFIXES and found.is_file():
                yield found
