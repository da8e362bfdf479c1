"""Checkpoints of zeros that take no room on the disk, for what depends on sizes only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path


def write_zero_tensors(path: Path, shapes: Mapping[str, list[int]]) -> None:
    """A safetensors file of bf16 zeros with these shapes."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)
