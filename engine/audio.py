"""WAV files to the samples that a model hears. Loads no torch.

16 kHz, mono, PCM of 8, 16, 24 or 32 bits; anything else is refused rather than resampled unheard.
"""

import io
import wave

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadMedia
from engine.images import read_source
from engine.media_config import SAMPLE_RATE, AudioConfig

_CONVERT = "Convert it to WAV with 16 kHz, one channel and 16 bits."


def read_audio(source: bytes | str, config: AudioConfig, what: str) -> NDArray[np.float32]:
    """fp32 [samples] from -1 to 1.

    Raises BadMedia for what is damaged, of another kind, or longer than the model hears.
    """
    data = read_source(source, what)
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            declared = file.getnframes()
            raw = file.readframes(declared)
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        raise BadMedia(what, f"It is no WAV file of PCM samples ({error}).", _CONVERT) from error
    if (rate, channels) != (SAMPLE_RATE, 1) or width not in (1, 2, 3, 4):
        raise BadMedia(
            what, f"It has {rate:,} Hz, {channels} channel(s) and {8 * width} bits.", _CONVERT
        )
    count = len(raw) // width
    if count < declared:
        raise BadMedia(
            what, f"It is cut short: {count:,} samples instead of {declared:,}.", "Copy it again."
        )
    if count > config.seconds * SAMPLE_RATE:
        raise BadMedia(
            what,
            f"It lasts {count / SAMPLE_RATE:,.1f} s; the model hears {config.seconds} s at once.",
            "Cut it into parts.",
        )
    return _samples(np.frombuffer(raw, np.uint8, count * width), width)


def _samples(raw: NDArray[np.uint8], width: int) -> NDArray[np.float32]:
    if width == 1:
        return ((raw.astype(np.float32) - 128) / 128).astype(np.float32)
    # In the upper bytes of 32 bits.
    wide = np.zeros((len(raw) // width, 4), np.uint8)
    wide[:, 4 - width :] = raw.reshape(-1, width)
    return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)


def audio_tokens(samples: int, config: AudioConfig, unified: bool) -> int:
    """Soft tokens of so many samples; 0 if there are too few to hear anything.

    As the towers count: frames of the spectrogram, halved twice. Without a tower every token is a
    stretch of samples.
    """
    if unified:
        stretch = int(config.features.get("audio_samples_per_token", 640))
        return -(-samples // stretch)
    frame = round(SAMPLE_RATE * float(config.features.get("frame_length_ms", 20.0)) / 1000)
    hop = round(SAMPLE_RATE * float(config.features.get("hop_length_ms", 10.0)) / 1000)
    frames = max(0, (samples + frame // 2 - frame - 1) // hop + 1)
    return -(-frames // 4)
