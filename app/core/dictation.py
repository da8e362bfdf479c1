"""Dictated notes: a WAV file in pieces as long as a model hears at once, cut where it is quiet."""

from __future__ import annotations

import io
import wave
from array import array
from pathlib import Path

from ingest.errors import IngestError

_SEARCHED = 4.0  # seconds before the end of a piece in which a quiet place is looked for
_QUIET = 0.2  # seconds
_WAV = "Give a WAV file with 16 kHz, one channel and 16 bits."


def pieces(path: Path, seconds: int) -> list[bytes]:
    """The recording as WAV files of at most so many seconds, in order; together they are all of it.

    Raises:
        IngestError: it cannot be read, or is no WAV file of 16 kHz, one channel and 16 bits.
    """
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            samples = array("h", file.readframes(file.getnframes()))
    except (OSError, EOFError, wave.Error, ValueError) as error:
        raise IngestError(str(path), f"It cannot be read ({error}).", _WAV) from error
    if form != (16_000, 1, 2):
        rate, channels, width = form
        cause = f"It has {rate:,} Hz, {channels} channel(s) and {8 * width} bits."
        raise IngestError(str(path), cause, _WAV)
    found = []
    most, at = seconds * 16_000, 0
    while at < len(samples):
        end = at + most
        if end < len(samples):
            end = _quietest(samples, end)
        found.append(_wav(samples[at:end]))
        at = end
    return found


def _quietest(samples: array[int], end: int) -> int:
    """The middle of the quietest stretch before ``end``."""
    step, long = int(_QUIET * 16_000), int(_SEARCHED * 16_000)
    starts = range(end - long, end - step, step // 2)
    quiet = min(starts, key=lambda at: sum(abs(s) for s in samples[at : at + step]))
    return quiet + step // 2


def _wav(samples: array[int]) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return out.getvalue()
