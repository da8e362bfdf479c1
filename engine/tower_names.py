"""Which of a model's tensors belong to what sees and hears. Loads no torch.

Names are made those of the modules of ``transformers`` 5.24, whatever a checkpoint calls them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from engine.packed_notes import TOWERS, is_packed
from engine.safetensors_file import Entry, SafetensorsFolder, read_header

_NAME = re.compile(r"(?:^|\.)((?:vision_tower|audio_tower|embed_vision|embed_audio)\..*)$")
# The unified model's files name the parts of ``embed_vision`` otherwise.
_UNIFIED = re.compile(r"(?:^|\.)vision_embedder\.(.*)$")
_PROJECTION = "embed_vision.embedding_projection."


def tower_entries(path: Path) -> dict[str, Entry]:
    """The towers' tensors of a model by the name that they have in the modules.

    Empty for a GGUF file, and where none were packed. Raises DamagedModel if the files cannot be
    read.
    """
    if path.is_file():
        return {}
    if not is_packed(path):
        return tower_names(SafetensorsFolder(path).entries.values())
    towers = path / TOWERS
    return tower_names(read_header(towers)[0].values()) if towers.exists() else {}


def tower_names(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The towers' tensors among all, by the name that they have in the modules."""
    given, found = list(entries), {}
    unified = any(_UNIFIED.search(entry.name) for entry in given)
    for entry in given:
        if match := _UNIFIED.search(entry.name):
            found[f"embed_vision.{match[1]}"] = entry
        elif match := _NAME.search(entry.name):
            name = match[1]
            if unified and name.startswith(_PROJECTION):
                name = name.replace("embed_vision.", "embed_vision.multimodal_embedder.", 1)
            found[name] = entry
    return found
