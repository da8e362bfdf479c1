"""Pictures and words become vectors of one space, by an image-capable model in a local folder.

Any sentence-transformers folder whose model takes both serves (CLIP, SigLIP and their like), or
such a model's folder as transformers saves it. None comes with the program. The space is not that
of `ingest.embedder`: vectors of the two never meet.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ingest.embedder import model_name, samples_of
from ingest.errors import ModelError

Vectors = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_BATCH = 8
_SMALL = 1 << 20  # bytes: larger JSON files are vocabularies, which the weights go with
_REMEDY = "Choose the folder of a sentence-transformers model for pictures and words."
# What a model does not load is made up at random; transformers only logs that.
_MADE_UP = ("newly initialized", "MISSING")
_FULL_LENGTH = ("siglip", "siglip2")  # trained on texts padded to their full length


class ImageEmbedder(ABC):
    """A model that turns pictures and words into unit vectors of one space.

    Attributes:
        model: names the model and its weights; vectors of different models never meet.
        dimension: numbers in a vector.
    """

    model: str
    dimension: int

    @abstractmethod
    def embed_images(self, images: Sequence[Pixels]) -> Vectors:
        """Unit vectors of shape (len(images), dimension); each image is RGB, (h, w, 3)."""

    @abstractmethod
    def embed_words(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (len(texts), dimension); texts past the window are cut."""


class SentenceTransformerImageEmbedder(ImageEmbedder):
    """A model on the CPU, through sentence-transformers and PyTorch."""

    def __init__(self, folder: Path) -> None:
        """Loads the model in ``folder``; see `open_image_embedder`."""
        weights = _weights(folder)
        self._folder = folder
        self._lock = threading.Lock()
        self._model: Any = _loaded(folder)
        self.model = f"{model_name(folder)}-{_fingerprint(folder, weights)}"
        missing = [kind for kind in ("text", "image") if not self._model.supports(kind)]
        if missing:
            kinds = {"text": "words", "image": "pictures"}
            told = " and ".join(kinds[kind] for kind in missing)
            raise _unusable(folder, f"it does not embed {told}")
        if not (folder / "modules.json").is_file():
            _check_shared_space(folder, self._model)
        self._how = _texts_as_trained(self._model)
        self.dimension = self._tried()

    def embed_images(self, images: Sequence[Pixels]) -> Vectors:
        shown = [_squared(pixels) for pixels in images]
        return self._vectors(self._model.encode_document, shown)

    def embed_words(self, texts: Sequence[str]) -> Vectors:
        # A bare string that is the path or the address of a picture would be opened as one.
        return self._vectors(self._model.encode_query, [{"text": text} for text in texts])

    def _vectors(self, encode: Any, inputs: list[Any]) -> Vectors:
        if not inputs:
            return np.empty((0, self.dimension), np.float32)
        with self._lock:  # tokenizers refuse a second thread
            vectors: Vectors = encode(
                inputs,
                batch_size=_BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
                processing_kwargs=self._how,
            )
        return vectors

    def _tried(self) -> int:
        """The dimension, once a picture and a word have been embedded alike."""
        try:
            seen = self.embed_images([np.full((24, 32, 3), 128, np.uint8)])
            read = self.embed_words(["a picture"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise _unusable(self._folder, f"it fails on a small picture ({error})") from error
        if seen.shape != read.shape or not np.isfinite([seen, read]).all():
            raise _unusable(self._folder, "its pictures and words are not of one space")
        return int(seen.shape[1])


def open_image_embedder(folder: Path) -> ImageEmbedder:
    """Opens the model in ``folder``. Nothing is fetched, and no code of the folder is run.

    Raises:
        ModelError: the folder is missing, incomplete, damaged, holds pickled weights only, or
            its model does not embed pictures and words in one space.
    """
    return SentenceTransformerImageEmbedder(folder)


def _loaded(folder: Path) -> Any:
    # Loading PyTorch takes seconds, and only this needs it.
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with _heard("transformers") as said:
            model = SentenceTransformer(
                str(folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
    except (
        OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, AttributeError,
        SafetensorError,
    ) as error:  # fmt: skip
        # What follows the first sentence is advice for programmers.
        told = str(error).strip().split("\n")[0].split(". ")[0]
        why = f"sentence-transformers cannot load it ({told or type(error).__name__})"
        raise _unusable(folder, why) from error
    if any(words in message for message in said for words in _MADE_UP):
        raise _unusable(folder, "its weights lack parts of the model")
    return model


def _check_shared_space(folder: Path, model: Any) -> None:
    """Of a folder that says nothing of sentence embeddings, only a model made for them serves."""
    if getattr(model[0], "module_output_name", "") != "sentence_embedding":
        raise _unusable(folder, "it is a model for other things than embedding pictures and words")


def _texts_as_trained(model: Any) -> dict[str, Any]:
    """How texts must be cut and padded, where sentence-transformers by itself does it otherwise.

    SigLIP looks at the last place of a text of full length; CLIP fails on what is longer.
    """
    config = getattr(model[0], "config", None)
    text = getattr(config, "text_config", None)
    positions = getattr(text, "max_position_embeddings", None)
    own = dict((getattr(model[0], "processing_kwargs", None) or {}).get("text", {}))
    if isinstance(positions, int) and positions > 0:
        known = getattr(model.tokenizer, "model_max_length", positions)
        own.setdefault("max_length", min(positions, known))
        if getattr(config, "model_type", "") in _FULL_LENGTH:
            own.setdefault("padding", "max_length")
    return {"text": own} if own else {}


def _squared(pixels: Pixels) -> Image.Image:
    """In the middle of a white square: these models cut off or squeeze what is no square."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    square = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return Image.fromarray(square)


def _weights(folder: Path) -> list[Path]:
    """The files of weights, in the folder and in those of its modules."""
    if not folder.is_dir():
        raise ModelError(str(folder), "There is no such folder.", _REMEDY)
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    weights = [path for place in places for path in sorted(place.glob("*.safetensors"))]
    pickled = [place for place in places if any(place.glob("pytorch_model*.bin"))]
    if not weights or any(not any(place.glob("*.safetensors")) for place in pickled):
        raise _unusable(folder, "it holds no safetensors weights; pickled ones are not opened")
    return weights


def _fingerprint(folder: Path, weights: Sequence[Path]) -> str:
    """Tells models apart, also by how they prepare pictures; reads little of large files."""
    digest = hashlib.sha256()
    places = sorted({folder, *(path.parent for path in weights)})
    for path in [path for place in places for path in sorted(place.glob("*.json"))]:
        if path.stat().st_size <= _SMALL:
            digest.update(path.name.encode() + _told(path))
    for path in weights:
        for sample in samples_of(path):
            digest.update(sample)
    return digest.hexdigest()[:12]


def _told(path: Path) -> bytes:
    """A JSON file's content, whatever its form."""
    try:
        return json.dumps(json.loads(path.read_bytes()), sort_keys=True).encode()
    except ValueError:
        return path.read_bytes()


@contextmanager
def _heard(name: str) -> Iterator[list[str]]:
    """What a library logs as a warning meanwhile; it is not shown."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger = logging.getLogger(name)
    handlers, listener = logger.handlers[:], Listener(logging.WARNING)
    logger.handlers = [listener]
    try:
        yield said
    finally:
        logger.handlers = handlers


def _unusable(folder: Path, why: str) -> ModelError:
    return ModelError(str(folder), f"It cannot be used for pictures: {why}.", _REMEDY)
