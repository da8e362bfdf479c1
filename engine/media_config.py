"""What a model needs besides its decoder to see and to hear, from its folder. Loads no torch.

Read from ``config.json`` and from the processor's files (``processor_config.json``, or the older
``preprocessor_config.json``). Field names follow ``transformers`` 5.24.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import DamagedModel

# Soft tokens an image may take at most, as the image processor offers them.
BUDGETS = (70, 140, 280, 560, 1120)
SAMPLE_RATE = 16_000
# An A4 page at 600 dots an inch has 35 million.
MOST_PIXELS = 40_000_000
# While an image is decoded and turned upright: Pillow takes four bytes a pixel.
DECODING_BYTES = 2 * 4 * MOST_PIXELS
# Patches that go through the vision tower's products at once: enough to keep them busy, and a
# multiple of the twelve rows that the kernels take together.
PATCHES_AT_ONCE = 504
# Soft tokens that are kept: some seventy images of 280 tokens for E2B.
STORE_BYTES = 1 << 27


@dataclass(frozen=True)
class Marks:
    """Token ids around soft tokens and in their place."""

    begin: int
    soft: int
    end: int


@dataclass(frozen=True)
class VisionConfig:
    """How a model sees. ``patch`` is in pixels; ``pool`` x ``pool`` patches make a soft token."""

    settings: dict[str, Any]
    marks: Marks
    patch: int
    pool: int
    usual: int
    both_ways: bool

    @property
    def budgets(self) -> tuple[int, ...]:
        """What may be asked for, the usual one first."""
        return (self.usual, *(budget for budget in BUDGETS if budget != self.usual))


@dataclass(frozen=True)
class AudioConfig:
    """How a model hears. ``features`` are settings of the feature extractor."""

    settings: dict[str, Any]
    marks: Marks
    features: dict[str, Any]
    most_tokens: int
    token_ms: int

    @property
    def seconds(self) -> int:
        """The longest audio."""
        return self.most_tokens * self.token_ms // 1000


@dataclass(frozen=True)
class MediaConfig:
    """What a model sees and hears; ``unified`` has no towers, only projections (12B)."""

    unified: bool
    hidden: int
    vision: VisionConfig | None
    audio: AudioConfig | None

    @property
    def most_soft_rows(self) -> int:
        """Rows that have to be read at once: an image whose tokens see each other both ways."""
        return max(BUDGETS) if self.vision and self.vision.both_ways else 0


def read_media(folder: Path) -> MediaConfig | None:
    """What ``folder/config.json`` says; None for a model, or a GGUF file, that only reads.

    Raises DamagedModel if the files cannot be read.
    """
    if folder.is_file():
        return None
    data = _read(folder / "config.json")
    kind = str(data.get("model_type", ""))
    if kind not in ("gemma4", "gemma4_unified") or "text_config" not in data:
        return None
    processor = _read(folder / "processor_config.json")
    older = _read(folder / "preprocessor_config.json")
    try:
        vision, audio = _vision(data, processor, older), _audio(data, processor, older)
        hidden = int(data["text_config"]["hidden_size"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedModel(
            str(folder / "config.json"),
            f"A setting of what sees or hears is missing or wrong ({error!r}).",
            "Copy the model again.",
        ) from error
    return MediaConfig(kind == "gemma4_unified", hidden, vision, audio)


def _vision(
    data: dict[str, Any], processor: dict[str, Any], older: dict[str, Any]
) -> VisionConfig | None:
    settings = data.get("vision_config")
    if not settings:
        return None
    images = processor.get("image_processor") or older
    usual = int(images.get("max_soft_tokens", 280))
    usually = "vision" if data["model_type"] == "gemma4_unified" else None
    if usual not in BUDGETS:
        raise ValueError(f"max_soft_tokens is {usual}")
    return VisionConfig(
        settings=settings,
        marks=Marks(
            int(data.get("boi_token_id", 255_999)),
            int(data.get("image_token_id", 258_880)),
            int(data.get("eoi_token_id", 258_882)),
        ),
        patch=int(settings.get("patch_size", 16)),
        pool=int(settings.get("pooling_kernel_size", 3)),
        usual=usual,
        both_ways=data["text_config"].get("use_bidirectional_attention", usually) == "vision",
    )


def _audio(
    data: dict[str, Any], processor: dict[str, Any], older: dict[str, Any]
) -> AudioConfig | None:
    settings = data.get("audio_config")
    if not settings:
        return None
    features = processor.get("feature_extractor") or {
        key: value for key, value in older.items() if key in _FEATURES
    }
    if int(features.get("sampling_rate", SAMPLE_RATE)) != SAMPLE_RATE:
        raise ValueError(f"sampling_rate is {features['sampling_rate']}")
    return AudioConfig(
        settings=settings,
        marks=Marks(
            int(data.get("boa_token_id", 256_000)),
            int(data.get("audio_token_id", 258_881)),
            int(data.get("eoa_token_index", 258_883)),
        ),
        features={key: value for key, value in features.items() if key in _FEATURES},
        most_tokens=int(processor.get("audio_seq_length", 750)),
        token_ms=int(processor.get("audio_ms_per_token", 40)),
    )


_FEATURES = frozenset(
    "feature_size sampling_rate padding_value frame_length_ms hop_length_ms min_frequency"
    " max_frequency preemphasis preemphasis_htk_flavor fft_overdrive dither input_scale_factor"
    " mel_floor per_bin_mean per_bin_stddev audio_samples_per_token".split()
)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DamagedModel(
            str(path), f"It cannot be read ({error}).", "Copy the model again."
        ) from error
    return found if isinstance(found, dict) else {}
