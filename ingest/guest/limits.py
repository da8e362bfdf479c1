"""How much one file may cost: time, memory, pages, pixels, text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

MEGABYTE = 1 << 20
FORBIDDEN_CALL = 99  # status of a guest that was ended for a system call and could not say which


@dataclass(frozen=True, slots=True)
class Limits:
    """What a guest may use.

    Waiting for a guest may take ``seconds`` plus ``seconds_per_page`` for every page and
    ``seconds_per_megabyte`` of the file in all. ``memory_bytes`` is address space beyond what
    the empty child has and beyond the file's own size. ``max_pixels`` holds for one page, and for
    all that wait for OCR at once beside it; ``max_text`` (characters) and ``max_lines`` hold for
    one page, the document's for all of them. The parent checks all but the memory itself.
    """

    seconds: float = 60.0
    seconds_per_page: float = 0.5
    seconds_per_megabyte: float = 0.5
    memory_bytes: int = 2048 * MEGABYTE
    max_pages: int = 5_000
    max_pixels: int = 120_000_000
    max_file_bytes: int = 2048 * MEGABYTE
    max_text: int = 1_000_000
    max_lines: int = 50_000
    max_document_text: int = 50_000_000
    max_document_lines: int = 1_000_000
    max_rendition_bytes: int = 1024 * MEGABYTE
    ocr_seconds: float = 300.0

    def to_wire(self) -> dict[str, float | int]:
        """A JSON object that `from_wire` reads."""
        return asdict(self)

    @classmethod
    def from_wire(cls, values: dict[str, Any]) -> Limits:
        """The limits that the parent sent."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    def opening_seconds(self, file_bytes: int) -> float:
        """How long a guest may take before it has said how many pages there are."""
        return self.seconds + self.seconds_per_megabyte * file_bytes / MEGABYTE

    def cpu_seconds(self, file_bytes: int) -> int:
        """Processor time no file may exceed, however many pages it claims to have."""
        pages = self.seconds_per_page * self.max_pages
        return int(self.opening_seconds(file_bytes) + pages) + 1
