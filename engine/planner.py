"""Says before anything is loaded what a model will take, and what of it fits. Loads no torch.

Widths and context are chosen here: 8 bits where everything fits in half of the memory, else 4; the
longest context that fits, up to what was asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.config import ModelConfig, read_config
from engine.errors import DamagedModel, MemoryExceeded, PromptTooLong
from engine.media_sizes import open_needs
from engine.memory import available_memory
from engine.packed_notes import WEIGHTS, is_packed, read_notes
from engine.safetensors_file import read_header
from engine.sizes import (
    cache_bytes,
    matrix_bytes,
    table_bytes,
    weight_bytes,
    workspace_bytes,
)
from engine.widths import KVBits, Width, Widths

# The longest context that is set aside without being asked for.
_USUAL_CONTEXT = 32_768
# Less than this is not worth loading a model for, unless less is asked for.
_LEAST_CONTEXT = 2_048
# Before less than this is left for documents, a model is opened without what sees and hears.
_SEEING_CONTEXT = 8_192
_STEP = 256
# Python, torch and the tokenizer, as measured.
_BASE_BYTES = 450_000_000
_FOUR_BITS, _WITH_MINIMA = ("Q4_0", "Q4_1", "Q4_K"), ("Q4_1", "Q4_K")
_UNROUNDED = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Plan:
    """What a model takes. All sizes in bytes.

    form: published, packed or gguf. weights: (bits, bytes) for each width there is, the scales
    included. table: the per-layer embeddings, on disk, mapped and not counted. base: Python and its
    libraries. asked: the context asked for, or what is usual. media: what seeing and hearing takes,
    towers and workspace; 0 where the model only reads, or where there is no memory for it, which is
    then ``media_left_out``. soft_rows: see :func:`engine.sizes.rows_at_once`.
    """

    model: str
    form: str
    family: str
    widths: Widths
    weights: tuple[tuple[int, int], ...]
    table: int
    cache: int
    workspace: int
    base: int
    memory: int
    context: int
    asked: int
    longest_context: int
    media: int = 0
    media_left_out: int = 0
    soft_rows: int = 0

    @property
    def media_refusal(self) -> MemoryExceeded | None:
        """Why images and audio cannot be taken, if they cannot for want of memory."""
        if not self.media_left_out:
            return None
        return MemoryExceeded(
            self.model,
            f"There is no memory to see and hear: it takes {_size(self.media_left_out)} more.",
            "Close other programs, or open the model with a shorter context or fewer bits.",
        )

    @property
    def weight_bytes(self) -> int:
        """Of all widths."""
        return sum(size for _, size in self.weights)

    @property
    def needed(self) -> int:
        """All that counts."""
        return self.weight_bytes + self.cache + self.workspace + self.base + self.media

    @property
    def fits(self) -> bool:
        """Whether there is as much memory."""
        return self.needed <= self.memory

    def summary(self) -> str:
        """For a person, a line for each number."""
        widths = ", ".join(f"{_size(size)} in {bits} bits" for bits, size in self.weights)
        asked = "" if self.context == self.asked else f" of {self.asked:,} asked for"
        lines = [
            ("weights", self.weight_bytes, widths),
            ("keys and values", self.cache, f"for {self.context:,} tokens{asked}"),
            ("workspace", self.workspace, ""),
            ("program", self.base, ""),
            ("needed", self.needed, "fits" if self.fits else "does not fit"),
            ("available", self.memory, ""),
        ]
        if self.media or self.media_left_out:
            note = "" if self.media else f"no memory for {_size(self.media_left_out)}"
            lines.insert(3, ("images, audio", self.media, note))
        if self.table:
            lines.insert(1, ("on disk", self.table, "per-layer table, not counted"))
        return "\n".join(
            f"{name:<16}{_size(size):>10}{f'  ({note})' if note else ''}"
            for name, size, note in lines
        )

    def check(self) -> None:
        """Raises MemoryExceeded, with the numbers, unless it fits."""
        if self.fits:
            return
        remedies = ["Close other programs", "choose a smaller model"]
        if self.form == "published" and self.widths.layers > 4:
            remedies.insert(0, "Use 4 bits")
            remedies[1] = "close other programs"
        raise MemoryExceeded(
            self.model,
            f"It needs {_size(self.needed)}: {_size(self.weight_bytes)} of weights, "
            f"{_size(self.cache)} of keys and values for {self.context:,} tokens, "
            f"{_size(self.workspace + self.base)} to work with; there are {_size(self.memory)}.",
            f"{', '.join(remedies[:-1])} or {remedies[-1]}.",
        )


def plan(
    folder: Path,
    memory: int | None = None,
    context: int | None = None,
    widths: Widths | None = None,
    *,
    exact_cache: bool = False,
    kv: KVBits | None = None,
) -> Plan:
    """The plan for a published folder, a packed folder or a GGUF file.

    memory: bytes that may be used; None asks the system. context: tokens wanted; None takes what is
    usual. widths: None chooses; a packed folder has its own. exact_cache: keys and values in fp32.
    kv: bits of keys and values on global layers; None keeps them as they are.
    Raises ModelError for a model that cannot be read, PromptTooLong for a context that the model
    does not have, ValueError for one below 1 and for layers in ``kv`` that are no global ones.
    """
    config, form, sizes, table = _open(folder)
    memory = available_memory() if memory is None else memory
    if context is not None and context < 1:
        raise ValueError(f"a context of {context} tokens")
    if context is not None and context > config.context:
        raise PromptTooLong(
            str(folder),
            f"The model has a context of {config.context:,} tokens, not of {context:,}.",
            f"Ask for {config.context:,} or less.",
        )
    asked = context or min(config.context, _USUAL_CONTEXT)
    if form == "packed":
        widths = read_notes(folder).widths

    media = open_needs(folder)

    def planned(widths: Widths, context: int, seeing: bool = True) -> Plan:
        needs = media(widths)
        soft_rows = needs.soft_rows if seeing else 0
        number_bytes = 4 if exact_cache or widths.layers == 32 else 2
        return Plan(
            model=str(folder),
            form=form,
            family=config.family,
            widths=widths,
            weights=tuple(sizes(widths).items()),
            table=table(widths),
            cache=cache_bytes(config, context, number_bytes, kv, soft_rows),
            workspace=workspace_bytes(config, context, soft_rows),
            base=_BASE_BYTES,
            memory=memory,
            context=context,
            asked=asked,
            longest_context=config.context,
            media=needs.nbytes if seeing else 0,
            media_left_out=0 if seeing else needs.nbytes,
            soft_rows=soft_rows,
        )

    if widths is None:
        generous = planned(Widths(8, 8), asked)
        if generous.needed <= memory // 2:
            return generous
        widths = Widths(4, 4)
    chosen = planned(widths, asked)
    if chosen.fits:
        return chosen
    shorter = _longest(lambda context: planned(widths, context), asked)
    # Who asks for a context wants that first; who does not wants a model that sees.
    long_enough = shorter.fits and shorter.context >= min(asked, _SEEING_CONTEXT)
    if not chosen.media or (context is None and long_enough):
        return shorter
    chosen = planned(widths, asked, seeing=False)
    if chosen.fits:
        return chosen
    return _longest(lambda context: planned(widths, context, seeing=False), asked)


def _longest(planned: Callable[[int], Plan], asked: int) -> Plan:
    """The plan with the longest context that fits, or with the least one if none does."""
    least = min(asked, _LEAST_CONTEXT)
    low, high = 0, (asked - least) // _STEP
    while low < high:
        middle = (low + high + 1) // 2
        if planned(least + middle * _STEP).fits:
            low = middle
        else:
            high = middle - 1
    return planned(least + low * _STEP)


_Sizes = Callable[[Widths], dict[Width, int]]


def _open(folder: Path) -> tuple[ModelConfig, str, _Sizes, Callable[[Widths], int]]:
    """Configuration, form, and the sizes of weights and table for given widths."""
    if not folder.exists():
        raise DamagedModel(str(folder), "There is no such model.", "Name a model's folder or file.")
    if folder.is_file():
        return _open_gguf(folder)
    config = read_config(folder)
    if is_packed(folder):
        read_header(folder / WEIGHTS)
        form = "packed"
    else:
        form = "published"

    def sizes(widths: Widths) -> dict[Width, int]:
        return weight_bytes(config, widths)

    def table(widths: Widths) -> int:
        if form == "packed":
            return table_bytes(config, widths)
        return 2 * config.per_layer_vocabulary * config.per_layer_size * len(config.layers)

    return config, form, sizes, table


def _open_gguf(path: Path) -> tuple[ModelConfig, str, _Sizes, Callable[[Widths], int]]:
    from engine.gguf_config import gguf_config
    from engine.gguf_reader import GgufReader

    reader = GgufReader(path)
    config = gguf_config(path, reader)
    tables = [t for name, t in reader.tensors.items() if name.startswith("per_layer_token_embd")]

    def sizes(widths: Widths) -> dict[Width, int]:
        found: dict[Width, int] = {}
        for name, tensor in reader.tensors.items():
            if tensor in tables:
                continue
            wanted = (
                widths.embedding
                if name in ("token_embd.weight", "output.weight")
                else widths.layers
            )
            kind, width = tensor.kind.name, wanted
            if len(tensor.shape) < 2 or "ffn_gate_inp" in name:
                width = 32
            elif wanted < 16 and kind not in _UNROUNDED:
                width = 4 if kind in _FOUR_BITS else 8
            rows, inputs = tensor.nbytes // tensor.row_bytes, tensor.shape[-1]
            minima = width == 4 and kind in _WITH_MINIMA
            found[width] = found.get(width, 0) + (
                matrix_bytes(rows, inputs, width, minima=minima)
                if len(tensor.shape) > 1
                else 4 * inputs
            )
        return dict(sorted(found.items()))

    return config, "gguf", sizes, lambda _: sum(tensor.nbytes for tensor in tables)


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e9:,.2f} GB" if nbytes >= 1e8 else f"{nbytes / 1e6:,.1f} MB"
