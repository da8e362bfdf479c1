"""How many bits a weight takes: plain data, without torch."""

from dataclasses import dataclass
from typing import Literal

Width = Literal[4, 8, 16, 32]


@dataclass(frozen=True)
class Widths:
    """Bits a weight: of the layers' matrices, and of the embedding with the output head."""

    layers: Width = 4
    embedding: Width = 4


Bits = Literal[2, 3, 4, 8]

# Raised when the same keys and values are coded otherwise; what was measured before is void then.
CODEC_VERSION = 1
# Positions of a coded cache that are attended exactly and give the statistics.
LEARN = 1024
# Exact positions before each query, at least.
RECENT = 256


@dataclass(frozen=True)
class KVBits:
    """Bits of a key's and of a value's number on global layers."""

    keys: Bits = 3
    values: Bits = 3

    @property
    def name(self) -> str:
        """For tables and file names."""
        return f"k{self.keys}v{self.values}"
