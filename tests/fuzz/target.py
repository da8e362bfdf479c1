"""What a fuzz target is, and the list of them. Importing this loads nothing that is fuzzed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

# name: (module of the target, modules whose branches guide the search)
TARGETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "frames": ("protocol", ("ingest.guest.frames", "json")),
    "wire": ("protocol", ("ingest.guest.wire", "ingest.guest.report")),
    "pages": ("pages", ("ingest",)),
    "mail": ("documents", ("ingest.formats", "email")),
    "html": ("documents", ("ingest.formats", "bs4", "soupsieve")),
    "markdown": ("documents", ("ingest.formats", "markdown_it")),
    "text": ("documents", ("ingest.formats",)),
    "markup": ("documents", ("ingest.formats",)),
    "docx": ("documents", ("ingest.formats", "docx")),
    "package": ("documents", ("ingest.formats", "zipfile")),
    "codec": ("stored", ("ingest.codec", "ingest.types")),
    "records": ("stored", ("app.core.record_codec", "app.core.records")),
    "keys": ("stored", ("app.core.vault_file",)),
    "snapshots": ("stored", ("engine.snapshot_folder",)),
    "wav": ("models", ("engine.audio", "wave", "chunk")),
    "safetensors": ("models", ("engine.safetensors_file", "json")),
    "gguf": ("models", ("engine.gguf_reader", "engine.gguf_config")),
    "notes": ("models", ("engine.packed_notes", "engine.config")),
}


@dataclass(frozen=True)
class Target:
    """``run`` takes hostile bytes; what it raises beyond ``answers`` is a finding.

    ``seeds`` are inputs of the right kind to begin with.
    """

    run: Callable[[bytes], None]
    answers: tuple[type[BaseException], ...]
    seeds: Callable[[], list[bytes]]

    def check(self, data: bytes) -> None:
        """Runs one input; raises what is no answer."""
        try:
            self.run(data)
        except self.answers:
            return


def load(name: str) -> Target:
    """The target of this name, which its module keeps in ``TARGETS``."""
    module = importlib.import_module(f"tests.fuzz.{TARGETS[name][0]}")
    target: Target = module.TARGETS[name]
    return target
