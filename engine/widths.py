"""How many bits a weight takes: plain data, without torch."""

from dataclasses import dataclass
from typing import Literal

Width = Literal[4, 8, 16, 32]


@dataclass(frozen=True)
class Widths:
    """Bits a weight: of the layers' matrices, and of the embedding with the output head."""

    layers: Width = 4
    embedding: Width = 4
