"""How much memory seeing and hearing take, from a model's files' headers. Loads no torch."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.media_config import (
    BUDGETS,
    DECODING_BYTES,
    PATCHES_AT_ONCE,
    STORE_BYTES,
    MediaConfig,
    VisionConfig,
    read_media,
)
from engine.sizes import GROUP, matrix_bytes, tower_width
from engine.tower_names import tower_entries
from engine.widths import Width, Widths

# torch, the modules of transformers and what they import, as measured.
_IMPORT_BYTES = 150_000_000


@dataclass(frozen=True)
class MediaNeeds:
    """``nbytes`` is towers, workspace and store; ``soft_rows`` see ``rows_at_once``."""

    nbytes: int = 0
    soft_rows: int = 0


def open_needs(path: Path) -> Callable[[Widths], MediaNeeds]:
    """What a model's towers need, by the widths of its decoder; nothing where it has none.

    Raises DamagedModel if its files cannot be read.
    """
    config = read_media(path)
    if config is None or not (config.vision or config.audio):
        return lambda _: MediaNeeds()
    names = tower_entries(path)
    eyes = [entry.shape for name, entry in names.items() if "vision" in name]
    ears = [entry.shape for name, entry in names.items() if "audio" in name]
    if not names:
        return lambda _: MediaNeeds()

    def needs(widths: Widths) -> MediaNeeds:
        width = tower_width(widths)
        # One of them is held at a time.
        nbytes = max(tower_bytes(eyes, width), tower_bytes(ears, width))
        nbytes += STORE_BYTES + _IMPORT_BYTES
        return MediaNeeds(nbytes + media_workspace(config), config.most_soft_rows)

    return needs


def tower_bytes(shapes: Iterable[tuple[int, ...]], width: Width) -> int:
    """Bytes in memory of what sees and hears, by its tensors' shapes; what is no matrix is fp32."""
    total = 0
    for shape in shapes:
        if len(shape) == 2:
            outputs, inputs = shape
            total += matrix_bytes(outputs, inputs, 16 if inputs % GROUP and width < 16 else width)
        else:
            total += 4 * math.prod(shape)
    return total


def media_workspace(config: MediaConfig, budget: int = max(BUDGETS)) -> int:
    """Bytes while an image of so many soft tokens is decoded, or encoded; an estimate."""
    if config.vision is None:
        return 0
    return max(DECODING_BYTES, encoding_bytes(config.vision, config.unified, budget))


def encoding_bytes(vision: VisionConfig, unified: bool, budget: int) -> int:
    """Bytes from pixels of so many soft tokens to those tokens; an estimate."""
    settings, patches = vision.settings, budget * vision.pool**2
    pixels = 3 * vision.patch**2
    if unified:
        row = 6 * vision.pool**2 * pixels + 6 * int(settings.get("mm_embed_dim", 3840))
        return 4 * budget * row
    hidden, wide = int(settings["hidden_size"]), int(settings["intermediate_size"])
    # Where a file leaves them out, those of transformers hold.
    size = int(settings.get("head_dim", 64))
    heads, kv_heads = (int(settings.get(f"num_{n}_heads", 12)) for n in ("attention", "key_value"))
    # Of all patches: pixels, hidden states, keys and values. Of a block: what attention and the
    # gated activation take and give. Half more for the kernels' and the processor's buffers.
    whole = pixels + hidden + 2 * kv_heads * size
    block = 6 * hidden + 3 * heads * size + 4 * wide
    return 6 * (patches * whole + PATCHES_AT_ONCE * block)
