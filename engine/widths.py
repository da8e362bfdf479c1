"""How many bits a weight takes: plain data, without torch."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, cast, get_args

Width = Literal[4, 8, 16, 32]


@dataclass(frozen=True)
class Widths:
    """Bits a weight: of the layers' matrices, and of the embedding with the output head."""

    layers: Width = 4
    embedding: Width = 4


Bits = Literal[2, 3, 4, 8]

# Raised when the same keys and values are coded otherwise; what was measured before is void then.
CODEC_VERSION = 2
# Positions of a coded cache that are attended exactly and give the statistics.
LEARN = 1024
# Exact positions before each query, at least.
RECENT = 256


_WIDTHS = "k([2348])v([2348])"
_APART = re.compile(rf"\+{_WIDTHS}@((?:0|[1-9][0-9]{{0,3}})(?:,(?:0|[1-9][0-9]{{0,3}}))*)")
_NAME = re.compile(rf"{_WIDTHS}((?:{_APART.pattern})*)")


@dataclass(frozen=True)
class KVBits:
    """Bits of a key's and of a value's number on global layers.

    apart: layers by index, ascending, that have other widths. ValueError for widths that there are
    not, and for a layer named twice, out of order or with the widths of all.
    """

    keys: Bits = 3
    values: Bits = 3
    apart: tuple[tuple[int, "KVBits"], ...] = ()

    def __post_init__(self) -> None:
        if not {self.keys, self.values} <= set(get_args(Bits)):
            raise ValueError(f"keys of {self.keys} and values of {self.values} bits")
        layers = [layer for layer, _ in self.apart]
        if layers != sorted(set(layers)) or min(layers, default=0) < 0:
            raise ValueError(f"layers {layers}")
        for layer, bits in self.apart:
            if bits.apart or (bits.keys, bits.values) == (self.keys, self.values):
                raise ValueError(f"layer {layer} has {bits.name} apart from {self._own}")

    @classmethod
    def parse(cls, name: str) -> "KVBits":
        """What :attr:`name` gives. ValueError for anything else."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} names no widths as k3v3 or k3v3+k4v4@14 do")
        apart = [
            (int(layer), _bits(part[1], part[2]))
            for part in _APART.finditer(found[3])
            for layer in part[3].split(",")
        ]
        own = _bits(found[1], found[2])
        return cls(own.keys, own.values, tuple(sorted(apart, key=lambda each: each[0])))

    @property
    def name(self) -> str:
        """For tables and file names: ``k3v3``, or ``k3v3+k4v3@11,17+k4v4@5``."""
        layers: dict[str, list[str]] = {}
        for layer, bits in self.apart:
            layers.setdefault(bits.name, []).append(str(layer))
        return "+".join([self._own, *(f"{name}@{','.join(layers[name])}" for name in layers)])

    def at(self, layer: int) -> "KVBits":
        """The widths of one layer."""
        return dict(self.apart).get(layer) or KVBits(self.keys, self.values)

    def check(self, layers: Collection[int]) -> None:
        """ValueError if a layer that is named is none of these, which can be coded."""
        if strange := [layer for layer, _ in self.apart if layer not in layers]:
            raise ValueError(f"{self.name}: no global layers with keys of their own are {strange}")

    @property
    def _own(self) -> str:
        return f"k{self.keys}v{self.values}"


def _bits(keys: str, values: str) -> KVBits:
    return KVBits(cast(Bits, int(keys)), cast(Bits, int(values)))
